//! [`RowBuilder`]: rows of Postgres input text into a batch, bad rows left out.
//!
//! The one idea: a bad value is found after other columns of its row have been appended. The row is
//! then filled up with NULLs and masked, and the mask is applied once per batch.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::{concat, filter_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use kappa_types::text::{ColumnParser, TextOptions};
use kappa_types::{Schema, SqlError, SqlState, SqlType};

/// Builds batches of one schema.
#[derive(Debug)]
pub(crate) struct RowBuilder {
    schema: SchemaRef,
    columns: Vec<ColumnBuilder>,
    /// For each row appended since the last `finish`, whether it is good.
    good: Vec<bool>,
}

#[derive(Debug)]
struct ColumnBuilder {
    name: String,
    nullable: bool,
    is_array: bool,
    parser: ColumnParser,
    /// Rows from before an array that could not be read, after which the parser starts anew.
    finished: Vec<ArrayRef>,
}

impl RowBuilder {
    /// A builder without rows. Text is read with UTC and Postgres' defaults, not a session's.
    pub(crate) fn new(schema: &Schema) -> Self {
        let columns = schema.columns.iter().map(|column| ColumnBuilder {
            name: column.name.clone(),
            nullable: column.nullable,
            is_array: matches!(column.sql_type, SqlType::Array(_)),
            parser: ColumnParser::new(&column.sql_type, &TextOptions::default()),
            finished: Vec::new(),
        });
        Self { columns: columns.collect(), schema: schema.arrow(), good: Vec::new() }
    }

    /// Appends the row whose columns have the texts `value(index)`; a reason if that is no row.
    pub(crate) fn append<'a>(
        &mut self,
        mut value: impl FnMut(usize) -> Option<Cow<'a, [u8]>>,
    ) -> Result<(), String> {
        let mut bad = None;
        for (index, column) in self.columns.iter_mut().enumerate() {
            let text = if bad.is_none() { value(index) } else { None };
            match column.append(text.as_deref(), bad.is_some()) {
                Ok(()) => {}
                Err(error) => bad = Some(column.reason(&error)),
            }
        }
        self.good.push(bad.is_none());
        bad.map_or(Ok(()), Err)
    }

    /// The good rows since the last call.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let arrays: Result<Vec<_>, _> =
            self.columns.iter_mut().map(ColumnBuilder::finish).collect();
        let options =
            arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(self.good.len()));
        let rows = RecordBatch::try_new_with_options(self.schema.clone(), arrays?, &options)?;
        let good = std::mem::take(&mut self.good);
        if good.iter().all(|good| *good) {
            return Ok(rows);
        }
        filter_record_batch(&rows, &BooleanArray::from(good))
    }
}

impl ColumnBuilder {
    /// Appends a value, or on failure NULL in its place. `fill` says that the row is lost anyway.
    fn append(&mut self, text: Option<&[u8]>, fill: bool) -> Result<(), SqlError> {
        let outcome = match text {
            Some(text) => self.parser.append_bytes(text),
            None if self.nullable || fill => {
                self.parser.append_null();
                return Ok(());
            }
            None => Err(SqlError::new(
                SqlState::NotNullViolation,
                "null value violates not-null constraint",
            )),
        };
        if outcome.is_err() {
            if self.is_array {
                // Elements before the bad one may be in the parser; they must not become part of
                // the next row.
                self.finished.push(self.parser.finish());
            }
            self.parser.append_null();
        }
        outcome
    }

    fn reason(&self, error: &SqlError) -> String {
        format!("column \"{}\": {}", self.name, error.message)
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let last = self.parser.finish();
        if self.finished.is_empty() {
            return Ok(last);
        }
        let mut all = std::mem::take(&mut self.finished);
        all.push(last);
        let all: Vec<&dyn Array> = all.iter().map(AsRef::as_ref).collect();
        concat(&all)
    }
}
