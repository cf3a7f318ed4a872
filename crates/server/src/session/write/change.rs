//! UPDATE and DELETE: rows of a table found by a query, taken away, and put back changed.
//!
//! The one idea: the query has run on the head of the table under its lock, so what it found is what
//! there is; the log gets the resolved rows, `-1` and `+1`, and no expression. A transaction that
//! reads one cut looks for its rows there, and what it found must still be at the head.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{BooleanArray, Int64Array, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use kappa_catalog::Relation;
use kappa_log::{RelationRows, RowKind};
use kappa_serving::{HEAD, TableContents};
use kappa_types::{RelationId, SqlError, SqlState, Timestamp};
use parking_lot::Mutex;

use super::key::Key;
use super::multiset::{contains, present, replacement};
use crate::engine::Intake;
use crate::session::Session;
use crate::session::error::arrow_error;
use crate::session::read::read_error;
use crate::session::transaction::Changes;

impl Session {
    /// Takes the changes of an UPDATE into the transaction: `found` has the old columns, then the
    /// new ones. Returns the new rows.
    pub(in crate::session) fn update_rows(
        &mut self,
        relation: &Arc<Relation>,
        found: &[RecordBatch],
    ) -> Result<RecordBatch, SqlError> {
        let width = relation.schema.columns.len();
        let schema = relation.schema.arrow();
        let side = |from: usize| -> Result<RecordBatch, SqlError> {
            let columns: Vec<usize> = (from..from + width).collect();
            let batches = found
                .iter()
                .map(|batch| {
                    let columns = batch.project(&columns)?.columns().to_vec();
                    RecordBatch::try_new(Arc::clone(&schema), columns)
                })
                .collect::<Result<Vec<_>, _>>()
                .map_err(arrow_error)?;
            concat_batches(&schema, &batches).map_err(arrow_error)
        };
        let (old, new) = (side(0)?, side(width)?);
        let contents = self.contents(relation)?;
        let key = Key::of(relation, &contents)?;
        let (old, new) = match &key {
            Some(key) => first_of_each(key, &old, &new)?,
            None => self.each_once(relation, &contents, &old, &new)?,
        };
        self.check_current(relation, &contents, &old)?;
        let intake = Intake::new(&self.engine, relation, Vec::new())?;
        let stored = intake.checked(new, self.engine.clock.now_micros())?;
        let (rows, diffs) = replacement(&old, &stored.rows).map_err(arrow_error)?;
        let changes = self.changes();
        if let Some(key) = &key {
            check_new_keys(key, relation.id, &changes, &old, &stored.rows)?;
        }
        changes.lock().push(change(relation, rows, Some(diffs), stored.watermark))?;
        Ok(stored.rows)
    }

    /// Takes the changes of a DELETE into the transaction. Returns the old rows.
    pub(in crate::session) fn delete_rows(
        &mut self,
        relation: &Arc<Relation>,
        found: &[RecordBatch],
    ) -> Result<RecordBatch, SqlError> {
        let schema = relation.schema.arrow();
        let batches = found
            .iter()
            .map(|batch| super::insert::as_stored(relation, batch))
            .collect::<Result<Vec<_>, _>>()?;
        let old = concat_batches(&schema, &batches).map_err(arrow_error)?;
        let contents = self.contents(relation)?;
        let old = match Key::of(relation, &contents)? {
            Some(key) => first_of_each(&key, &old, &old)?.0,
            None => self.each_once(relation, &contents, &old, &old)?.0,
        };
        self.check_current(relation, &contents, &old)?;
        let diffs = Int64Array::from_value(-1, old.num_rows());
        let changes = self.changes();
        changes.lock().push(change(relation, old.clone(), Some(diffs), None))?;
        Ok(old)
    }

    /// A table without a key: a row that a join finds more often than it is there is changed only as
    /// often as it is there.
    fn each_once(
        &self,
        relation: &Relation,
        contents: &TableContents,
        old: &RecordBatch,
        new: &RecordBatch,
    ) -> Result<(RecordBatch, RecordBatch), SqlError> {
        let there = self.rows_at(relation, contents, self.one_cut().unwrap_or(HEAD))?;
        let mask = present(&relation.schema.arrow(), &there, old).map_err(arrow_error)?;
        let old = filter_record_batch(old, &mask).map_err(arrow_error)?;
        Ok((old, filter_record_batch(new, &mask).map_err(arrow_error)?))
    }

    /// In a transaction that reads one cut: what it found there must still be at the head.
    fn check_current(
        &self,
        relation: &Relation,
        contents: &TableContents,
        found: &RecordBatch,
    ) -> Result<(), SqlError> {
        if self.one_cut().is_none() {
            return Ok(());
        }
        self.check_contained(relation, contents, HEAD, found)
    }

    /// In a transaction that reads one cut: rows of the head that it is about to decide on must be
    /// what it reads. Price: a pass over the table.
    pub(super) fn check_seen(
        &self,
        relation: &Relation,
        contents: &TableContents,
        rows: &RecordBatch,
    ) -> Result<(), SqlError> {
        match self.one_cut() {
            Some(at) if rows.num_rows() > 0 => self.check_contained(relation, contents, at, rows),
            _ => Ok(()),
        }
    }

    fn check_contained(
        &self,
        relation: &Relation,
        contents: &TableContents,
        at: Timestamp,
        rows: &RecordBatch,
    ) -> Result<(), SqlError> {
        let there = self.rows_at(relation, contents, at)?;
        if contains(&relation.schema.arrow(), &there, rows).map_err(arrow_error)? {
            return Ok(());
        }
        Err(SqlError::new(
            SqlState::SerializationFailure,
            "could not serialize access due to concurrent update",
        )
        .with_hint("Run the transaction again."))
    }

    /// The rows of a table at a time, with what the transaction has changed.
    fn rows_at(
        &self,
        relation: &Relation,
        contents: &TableContents,
        at: Timestamp,
    ) -> Result<Vec<RecordBatch>, SqlError> {
        let own = self.changes_of(relation.id);
        let rows = contents.rows.scan(at, None, &[]).map_err(read_error)?;
        super::multiset::after_changes(&relation.schema.arrow(), rows, &own).map_err(arrow_error)
    }
}

/// A row that a join finds more than once is changed once.
fn first_of_each(
    key: &Key<'_>,
    old: &RecordBatch,
    new: &RecordBatch,
) -> Result<(RecordBatch, RecordBatch), SqlError> {
    let mut seen = HashSet::new();
    let keys = key.keyed(old.clone())?.keys;
    let first: BooleanArray = keys.into_iter().map(|key| Some(seen.insert(key))).collect();
    if first.false_count() == 0 {
        return Ok((old.clone(), new.clone()));
    }
    let old = filter_record_batch(old, &first).map_err(arrow_error)?;
    Ok((old, filter_record_batch(new, &first).map_err(arrow_error)?))
}

/// New keys must be free once the old rows are gone.
fn check_new_keys(
    key: &Key<'_>,
    relation: RelationId,
    changes: &Arc<Mutex<Changes>>,
    old: &RecordBatch,
    new: &RecordBatch,
) -> Result<(), SqlError> {
    if key.keyed(old.clone())?.keys == key.keyed(new.clone())?.keys {
        return Ok(());
    }
    let mut own = changes.lock().of(relation);
    own.push(kappa_types::DeltaBatch::new(
        kappa_types::Timestamp::MIN,
        old.clone(),
        Some(Int64Array::from_value(-1, old.num_rows())),
    ));
    key.check_unique(new, &own)
}

fn change(
    relation: &Relation,
    rows: RecordBatch,
    diffs: Option<Int64Array>,
    watermark: Option<i64>,
) -> RelationRows {
    RelationRows {
        relation: relation.id,
        schema_version: relation.schema.version,
        kind: RowKind::Rows,
        rows,
        diffs,
        watermark,
    }
}
