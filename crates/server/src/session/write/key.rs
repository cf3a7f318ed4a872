//! Primary keys: which rows of a table have the keys of new rows.
//!
//! The one idea: what counts is the head of the table (every commit that has its place) plus what
//! this transaction has changed; the caller holds locks on the keys, so nobody else changes them
//! meanwhile.

use std::collections::{HashMap, HashSet};

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::error::ArrowError;
use arrow::row::OwnedRow;
use kappa_catalog::Relation;
use kappa_serving::TableContents;
use kappa_types::text::{ColumnFormatter, TextOptions};
use kappa_types::{DeltaBatch, SqlError, SqlState};

use super::multiset::{Encoder, after_changes};
use crate::session::error::arrow_error;
use crate::session::read::read_error;

/// The primary key of one table.
pub(crate) struct Key<'a> {
    relation: &'a Relation,
    contents: &'a TableContents,
    /// Positions of its columns.
    columns: Vec<usize>,
    encoder: Encoder,
}

/// Rows with their keys, in order.
pub(crate) struct Keyed {
    pub(crate) rows: RecordBatch,
    pub(crate) keys: Vec<OwnedRow>,
}

impl<'a> Key<'a> {
    /// `None` if the table has no primary key.
    pub(crate) fn of(
        relation: &'a Relation,
        contents: &'a TableContents,
    ) -> Result<Option<Self>, SqlError> {
        let Some(columns) = relation.primary_key() else { return Ok(None) };
        let schema = relation.schema.arrow().project(&columns).map_err(arrow_error)?;
        let encoder = Encoder::of_keys(&std::sync::Arc::new(schema)).map_err(arrow_error)?;
        Ok(Some(Self { relation, contents, columns, encoder }))
    }

    /// What the contents lock for these rows.
    pub(crate) fn hashes(&self, batches: &[RecordBatch]) -> Vec<u64> {
        batches.iter().flat_map(|rows| TableContents::key_hashes(&self.columns_of(rows))).collect()
    }

    fn columns_of(&self, rows: &RecordBatch) -> Vec<ArrayRef> {
        self.columns.iter().map(|column| rows.column(*column).clone()).collect()
    }

    /// The rows with their keys.
    pub(crate) fn keyed(&self, rows: RecordBatch) -> Result<Keyed, SqlError> {
        let projected = rows.project(&self.columns).map_err(arrow_error)?;
        let encoded = self.encoder.encode(&projected).map_err(arrow_error)?;
        Ok(Keyed { keys: encoded.iter().map(|row| row.owned()).collect(), rows })
    }

    /// The rows of the table that have one of the keys of `rows`.
    pub(crate) fn existing(
        &self,
        rows: &RecordBatch,
        own: &[DeltaBatch],
    ) -> Result<Keyed, SqlError> {
        let found = self.contents.head_rows(&self.columns_of(rows)).map_err(read_error)?;
        let schema = found.schema();
        if own.is_empty() {
            return self.keyed(found);
        }
        let wanted: HashSet<OwnedRow> = self.keyed(rows.clone())?.keys.into_iter().collect();
        let own = own
            .iter()
            .map(|delta| self.with_keys(delta, &wanted))
            .collect::<Result<Vec<_>, _>>()?;
        let batches = after_changes(&schema, vec![found], &own).map_err(arrow_error)?;
        self.keyed(concat_batches(&schema, &batches).map_err(arrow_error)?)
    }

    /// The changes of rows that have one of the keys.
    fn with_keys(
        &self,
        delta: &DeltaBatch,
        wanted: &HashSet<OwnedRow>,
    ) -> Result<DeltaBatch, SqlError> {
        let keys = self.keyed(delta.rows.clone())?.keys;
        let mask: BooleanArray = keys.iter().map(|key| Some(wanted.contains(key))).collect();
        delta.filter(&mask).map_err(arrow_error)
    }

    /// That no key of `rows` is there already, or twice in `rows`.
    ///
    /// # Errors
    /// 23505.
    pub(crate) fn check_unique(
        &self,
        rows: &RecordBatch,
        own: &[DeltaBatch],
    ) -> Result<(), SqlError> {
        let existing: HashSet<OwnedRow> = self.existing(rows, own)?.keys.into_iter().collect();
        let mut seen = HashSet::with_capacity(rows.num_rows());
        let keyed = self.keyed(rows.clone())?;
        for (index, key) in keyed.keys.into_iter().enumerate() {
            if existing.contains(&key) || !seen.insert(key) {
                return Err(self.violation(rows, index));
            }
        }
        Ok(())
    }

    /// The position of each key of `keyed`; of equal ones the first.
    pub(crate) fn positions(keyed: &Keyed) -> HashMap<&OwnedRow, usize> {
        let mut positions = HashMap::with_capacity(keyed.keys.len());
        for (index, key) in keyed.keys.iter().enumerate() {
            positions.entry(key).or_insert(index);
        }
        positions
    }

    fn violation(&self, rows: &RecordBatch, index: usize) -> SqlError {
        let schema = &self.relation.schema;
        let names: Vec<&str> =
            self.columns.iter().map(|column| schema.columns[*column].name.as_str()).collect();
        let values: Vec<String> = self
            .columns
            .iter()
            .map(|column| shown(rows.column(*column), &schema.columns[*column].sql_type, index))
            .collect();
        SqlError::new(
            SqlState::UniqueViolation,
            format!(
                "duplicate key value violates unique constraint \"{}_pkey\"",
                self.relation.name
            ),
        )
        .with_detail(format!(
            "Key ({})=({}) already exists.",
            names.join(", "),
            values.join(", ")
        ))
    }
}

/// A value as text, for messages.
pub(crate) fn shown(column: &ArrayRef, sql_type: &kappa_types::SqlType, row: usize) -> String {
    let options = TextOptions::default();
    match ColumnFormatter::new(column.as_ref(), sql_type, &options) {
        Ok(formatter) if !formatter.is_null(row) => {
            let mut text = Vec::new();
            formatter.write(row, &mut text);
            String::from_utf8_lossy(&text).into_owned()
        }
        _ => "null".to_owned(),
    }
}

/// The rows where `mask` is true.
pub(crate) fn masked(rows: &RecordBatch, mask: &[bool]) -> Result<RecordBatch, ArrowError> {
    filter_record_batch(rows, &mask.iter().map(|keep| Some(*keep)).collect::<BooleanArray>())
}
