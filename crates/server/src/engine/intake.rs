//! [`Intake`]: rows as they come (given columns) into rows as they are stored: defaults, generated
//! columns, NOT NULL, and the watermark they bring.
//!
//! The one idea: compiled once per statement or connector, run per batch. A batch that fails can be
//! taken again row by row, so that one bad row of a connector does not stop the others.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{filter_record_batch, max};
use arrow::datatypes::{Schema as ArrowSchema, TimestampMicrosecondType};
use kappa_catalog::Relation;
use kappa_connect::Reject;
use kappa_plan::Expression;
use kappa_sql::RowRules;
use kappa_types::{SchemaVersionId, SqlError, SqlState};

use super::Engine;
use crate::session::error::{arrow_error, query_error};
use crate::session::planner::row_rules;

/// Rows with all stored columns, in order.
#[derive(Clone, Debug)]
pub struct StoredRows {
    /// The rows.
    pub rows: RecordBatch,
    /// Largest value of the watermark expression, microseconds.
    pub watermark: Option<i64>,
}

/// Completes and checks rows of one relation.
#[derive(Debug)]
pub struct Intake {
    relation: Arc<Relation>,
    rules: RowRules,
    /// Positions, in the relation, of the columns that are given.
    given: Vec<usize>,
}

impl Intake {
    /// For rows with the given columns.
    ///
    /// # Errors
    /// If an expression of the relation cannot be compiled.
    pub fn new(
        engine: &Engine,
        relation: &Arc<Relation>,
        given: Vec<usize>,
    ) -> Result<Self, SqlError> {
        let rules = row_rules(engine, relation)?;
        Ok(Self { relation: Arc::clone(relation), rules, given })
    }

    /// For rows with all columns that are not generated, as connectors bring them.
    ///
    /// # Errors
    /// As [`Intake::new`].
    pub fn physical(engine: &Engine, relation: &Arc<Relation>) -> Result<Self, SqlError> {
        let columns = relation.columns.iter().enumerate();
        let given = columns.filter(|(_, more)| more.generated.is_none()).map(|(index, _)| index);
        Self::new(engine, relation, given.collect())
    }

    /// The schema version that the stored rows have.
    #[must_use]
    pub fn schema_version(&self) -> SchemaVersionId {
        self.relation.schema.version
    }

    /// The rows as they are stored.
    ///
    /// # Errors
    /// Of an expression; 23502 for NULL in a NOT NULL column.
    pub fn stored(&self, rows: &RecordBatch, now_micros: i64) -> Result<StoredRows, SqlError> {
        let complete = self.with_defaults(rows)?;
        let complete = self.with_generated(complete)?;
        self.checked(complete, now_micros)
    }

    /// Rows that have all columns already, as INSERT makes them.
    ///
    /// # Errors
    /// 23502; of the watermark's expression.
    pub fn checked(&self, rows: RecordBatch, now_micros: i64) -> Result<StoredRows, SqlError> {
        check_not_null(&self.relation, &rows)?;
        let watermark = self.watermark(&rows, now_micros)?;
        Ok(StoredRows { rows, watermark })
    }

    /// As [`Intake::stored`]; rows that fail are given back with the reason instead.
    ///
    /// # Errors
    /// None of a single row.
    pub fn stored_or_failed(
        &self,
        rows: &RecordBatch,
        now_micros: i64,
    ) -> Result<(StoredRows, Vec<Reject>), SqlError> {
        if let Ok(stored) = self.stored(rows, now_micros) {
            return Ok((stored, Vec::new()));
        }
        let mut failed = Vec::new();
        let mut kept = Vec::with_capacity(rows.num_rows());
        for index in 0..rows.num_rows() {
            let outcome = self.stored(&rows.slice(index, 1), now_micros);
            kept.push(Some(outcome.is_ok()));
            if let Err(error) = outcome {
                failed.push(Reject {
                    position: format!("row {} of a batch", index + 1),
                    reason: format!("{}: {}", error.state.code(), error.message),
                    row: shown_row(&self.relation, &self.given, rows, index),
                });
            }
        }
        let kept: BooleanArray = kept.into_iter().collect();
        let sound = filter_record_batch(rows, &kept).map_err(arrow_error)?;
        Ok((self.stored(&sound, now_micros)?, failed))
    }

    fn with_defaults(&self, rows: &RecordBatch) -> Result<RecordBatch, SqlError> {
        let schema = self.relation.schema.arrow();
        let row_count = rows.num_rows();
        let columns = (0..schema.fields().len())
            .map(|index| match self.given.iter().position(|given| *given == index) {
                Some(position) => Ok(Arc::clone(rows.column(position))),
                None => match &self.rules.defaults[index] {
                    Some(default) => constant(default, row_count),
                    None => {
                        let data_type = schema.field(index).data_type();
                        Ok(arrow::array::new_null_array(data_type, row_count))
                    }
                },
            })
            .collect::<Result<Vec<_>, SqlError>>()?;
        batch(&schema, columns, row_count)
    }

    fn with_generated(&self, rows: RecordBatch) -> Result<RecordBatch, SqlError> {
        if self.rules.generated.iter().all(Option::is_none) {
            return Ok(rows);
        }
        let generated = self.rules.generated.iter().zip(rows.columns());
        let columns = generated
            .map(|(expression, column)| match expression {
                Some(expression) => evaluate(expression, &rows),
                None => Ok(Arc::clone(column)),
            })
            .collect::<Result<Vec<_>, SqlError>>()?;
        batch(&rows.schema(), columns, rows.num_rows())
    }

    fn watermark(&self, rows: &RecordBatch, now_micros: i64) -> Result<Option<i64>, SqlError> {
        let Some(expression) = &self.rules.watermark else { return Ok(None) };
        let values = evaluate(expression, rows)?;
        let values = values.as_primitive::<TimestampMicrosecondType>();
        let ahead = self.relation.watermark().and_then(|watermark| watermark.max_ahead_micros);
        let limit = ahead.map_or(i64::MAX, |ahead| now_micros.saturating_add(ahead));
        if ahead.is_none() {
            return Ok(max(values));
        }
        Ok(values.iter().flatten().filter(|value| *value <= limit).max())
    }
}

/// The value of an expression for each row.
///
/// # Errors
/// Of the expression.
pub fn evaluate(expression: &Expression, rows: &RecordBatch) -> Result<ArrayRef, SqlError> {
    let value = expression.physical.evaluate(rows).map_err(query_error)?;
    value.into_array(rows.num_rows()).map_err(query_error)
}

fn constant(expression: &Expression, row_count: usize) -> Result<ArrayRef, SqlError> {
    let options = RecordBatchOptions::new().with_row_count(Some(row_count));
    let nothing =
        RecordBatch::try_new_with_options(Arc::new(ArrowSchema::empty()), vec![], &options);
    evaluate(expression, &nothing.map_err(arrow_error)?)
}

fn batch(
    schema: &Arc<ArrowSchema>,
    columns: Vec<ArrayRef>,
    row_count: usize,
) -> Result<RecordBatch, SqlError> {
    let options = RecordBatchOptions::new().with_row_count(Some(row_count));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(arrow_error)
}

fn check_not_null(relation: &Relation, rows: &RecordBatch) -> Result<(), SqlError> {
    let columns = relation.schema.columns.iter().zip(&relation.columns).zip(rows.columns());
    for ((column, more), values) in columns {
        if !more.not_null || values.null_count() == 0 {
            continue;
        }
        let index = (0..values.len()).find(|index| values.is_null(*index)).unwrap_or(0);
        let all: Vec<usize> = (0..rows.num_columns()).collect();
        return Err(SqlError::new(
            SqlState::NotNullViolation,
            format!(
                "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
                column.name, relation.name
            ),
        )
        .with_detail(format!("Failing row contains {}.", shown_row(relation, &all, rows, index))));
    }
    Ok(())
}

/// A row as PostgreSQL shows it in messages: `(1, null, abc)`.
fn shown_row(relation: &Relation, given: &[usize], rows: &RecordBatch, index: usize) -> String {
    let values = given.iter().zip(rows.columns()).map(|(position, column)| {
        let sql_type = &relation.schema.columns[*position].sql_type;
        crate::session::shown(column, sql_type, index)
    });
    format!("({})", values.collect::<Vec<_>>().join(", "))
}
