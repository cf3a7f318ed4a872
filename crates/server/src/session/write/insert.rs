//! INSERT: rows into a source or a table, with primary keys and conflicts.
//!
//! ```text
//! source, table without a key: rows are appended as they come
//! table with a key:            lock the keys, read the head, then
//!   no ON CONFLICT             23505 if a key is there
//!   DO NOTHING                 rows whose key is there are left out
//!   DO UPDATE                  the old row goes, the changed row comes
//! ```

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::Schema;
use futures::StreamExt;
use kappa_catalog::{Relation, RelationKind};
use kappa_log::{RelationRows, RowKind};
use kappa_sql::{BoundConflict, BoundInsert};
use kappa_types::{SqlError, SqlState};
use kappa_wire::RowStream;

use super::Append;
use super::key::{Key, masked};
use super::multiset::replacement;
use crate::engine::{Intake, StoredRows, evaluate};
use crate::session::Session;
use crate::session::error::arrow_error;
use crate::session::transaction::Changes;

/// What an INSERT did.
pub(in crate::session) struct Inserted {
    /// Rows inserted or updated.
    pub(in crate::session) row_count: u64,
    /// Those rows, for RETURNING; empty unless it was asked for.
    pub(in crate::session) rows: Vec<RecordBatch>,
}

impl Session {
    /// Takes the rows of an INSERT into the open transaction.
    pub(in crate::session) async fn insert(
        &mut self,
        insert: &BoundInsert,
        rows: RowStream,
    ) -> Result<Inserted, SqlError> {
        let relation = &insert.relation;
        let intake = Intake::new(&self.engine, relation, Vec::new())?;
        let keyed = matches!(&relation.kind, RelationKind::Table { primary_key: Some(_), .. });
        if keyed {
            self.insert_keyed(insert, &intake, rows).await
        } else {
            self.insert_plain(insert, &intake, rows).await
        }
    }

    async fn insert_plain(
        &mut self,
        insert: &BoundInsert,
        intake: &Intake,
        mut rows: RowStream,
    ) -> Result<Inserted, SqlError> {
        let now = self.engine.clock.now_micros();
        let mut append = Append::new(Arc::clone(&self.engine), Arc::clone(&insert.relation));
        let mut returned = Vec::new();
        while let Some(batch) = rows.next().await {
            let stored = intake.checked(as_stored(&insert.relation, &batch?)?, now)?;
            if !insert.returning.is_empty() {
                returned.push(stored.rows.clone());
            }
            append.push(stored)?;
        }
        let changes = self.changes();
        let row_count = append.finish(&mut changes.lock())?;
        Ok(Inserted { row_count, rows: returned })
    }

    async fn insert_keyed(
        &mut self,
        insert: &BoundInsert,
        intake: &Intake,
        mut rows: RowStream,
    ) -> Result<Inserted, SqlError> {
        let now = self.engine.clock.now_micros();
        let relation = &insert.relation;
        let mut batches = Vec::new();
        while let Some(batch) = rows.next().await {
            batches.push(intake.checked(as_stored(relation, &batch?)?, now)?.rows);
        }
        let new = concat_batches(&relation.schema.arrow(), &batches).map_err(arrow_error)?;
        let contents = self.contents(relation)?;
        let key = Key::of(relation, &contents)?.expect("the caller looked");
        self.lock_keys(relation, &contents, &key.hashes(std::slice::from_ref(&new))).await?;
        let changes = self.changes();
        let own = changes.lock().of(relation.id);
        let outcome = match &insert.on_conflict {
            None => {
                key.check_unique(&new, &own)?;
                let stored = intake.checked(new, now)?;
                Resolved { old: None, inserted: stored }
            }
            Some(conflict) => {
                let existing = key.existing(&new, &own)?;
                self.check_seen(relation, &contents, &existing.rows)?;
                let split = Split::new(&key, new, existing)?;
                match conflict {
                    BoundConflict::DoNothing => {
                        Resolved { old: None, inserted: intake.checked(split.fresh()?, now)? }
                    }
                    BoundConflict::DoUpdate { row, selection } => {
                        let update = split.update(&key, row, selection.as_ref())?;
                        Resolved {
                            old: Some(update.old),
                            inserted: intake.checked(update.new, now)?,
                        }
                    }
                }
            }
        };
        outcome.push(relation, &mut changes.lock(), !insert.returning.is_empty())
    }
}

/// Rows that go and rows that come.
struct Resolved {
    old: Option<RecordBatch>,
    inserted: StoredRows,
}

impl Resolved {
    fn push(
        self,
        relation: &Relation,
        changes: &mut Changes,
        returning: bool,
    ) -> Result<Inserted, SqlError> {
        let StoredRows { rows: new, watermark } = self.inserted;
        let (rows, diffs) = match &self.old {
            Some(old) => {
                let (rows, diffs) = replacement(old, &new).map_err(arrow_error)?;
                (rows, Some(diffs))
            }
            None => (new.clone(), None),
        };
        changes.push(RelationRows {
            relation: relation.id,
            schema_version: relation.schema.version,
            kind: RowKind::Rows,
            rows,
            diffs,
            watermark,
        })?;
        let row_count = new.num_rows() as u64;
        Ok(Inserted { row_count, rows: if returning { vec![new] } else { Vec::new() } })
    }
}

/// New rows told apart by whether their key is there already.
struct Split {
    new: RecordBatch,
    /// For each new row, the existing row with its key.
    existing_of: Vec<Option<usize>>,
    existing: RecordBatch,
    /// For each new row, whether an earlier new row has its key.
    repeated: Vec<bool>,
}

/// The two sides of an update.
struct Update {
    old: RecordBatch,
    /// Updated rows, then inserted ones.
    new: RecordBatch,
}

impl Split {
    fn new(key: &Key<'_>, new: RecordBatch, existing: super::key::Keyed) -> Result<Self, SqlError> {
        let keyed = key.keyed(new)?;
        let positions = Key::positions(&existing);
        let existing_of = keyed.keys.iter().map(|key| positions.get(key).copied()).collect();
        let mut seen = HashSet::new();
        let repeated = keyed.keys.iter().map(|key| !seen.insert(key)).collect();
        Ok(Self { existing_of, repeated, new: keyed.rows, existing: existing.rows })
    }

    /// New rows whose key is neither there nor in an earlier new row.
    fn fresh(&self) -> Result<RecordBatch, SqlError> {
        let fresh: Vec<bool> = self
            .existing_of
            .iter()
            .zip(&self.repeated)
            .map(|(existing, repeated)| existing.is_none() && !repeated)
            .collect();
        masked(&self.new, &fresh).map_err(arrow_error)
    }

    fn update(
        &self,
        key: &Key<'_>,
        row: &[kappa_plan::Expression],
        selection: Option<&kappa_plan::Expression>,
    ) -> Result<Update, SqlError> {
        if self.repeated.iter().any(|repeated| *repeated) {
            return Err(SqlError::new(
                SqlState::CardinalityViolation,
                "ON CONFLICT DO UPDATE command cannot affect row a second time",
            )
            .with_hint(
                "Ensure that no rows proposed for insertion within the same command have \
                 duplicate constrained values.",
            ));
        }
        let pairs = self.existing_of.iter().enumerate();
        let (new_side, old_side): (Vec<u32>, Vec<u32>) = pairs
            .filter_map(|(new, existing)| Some((position(new), position((*existing)?))))
            .unzip();
        let excluded =
            take_record_batch(&self.new, &UInt32Array::from(new_side)).map_err(arrow_error)?;
        let old =
            take_record_batch(&self.existing, &UInt32Array::from(old_side)).map_err(arrow_error)?;
        let both = beside(&old, &excluded)?;
        let keep: Option<BooleanArray> = match selection {
            Some(selection) => Some(evaluate(selection, &both)?.as_boolean().clone()),
            None => None,
        };
        let filtered = |rows: &RecordBatch| match &keep {
            Some(keep) => filter_record_batch(rows, keep).map_err(arrow_error),
            None => Ok(rows.clone()),
        };
        let (both, old) = (filtered(&both)?, filtered(&old)?);
        let columns =
            row.iter().map(|e| evaluate(e, &both)).collect::<Result<Vec<ArrayRef>, _>>()?;
        let schema = self.new.schema();
        let updated = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(arrow_error)?;
        check_keys_kept(key, &old, &updated)?;
        let new = concat_batches(&schema, [&updated, &self.fresh()?]).map_err(arrow_error)?;
        Ok(Update { old, new })
    }
}

fn position(index: usize) -> u32 {
    u32::try_from(index).expect("a statement has fewer rows than 2^32")
}

/// DO UPDATE may not give a row another key: that key is not locked.
fn check_keys_kept(key: &Key<'_>, old: &RecordBatch, new: &RecordBatch) -> Result<(), SqlError> {
    if key.keyed(old.clone())?.keys == key.keyed(new.clone())?.keys {
        return Ok(());
    }
    Err(SqlError::unsupported(
        "ON CONFLICT DO UPDATE of a primary key column is not supported",
        "Use UPDATE to give a row another key.",
    ))
}

fn beside(left: &RecordBatch, right: &RecordBatch) -> Result<RecordBatch, SqlError> {
    let fields: Vec<_> =
        left.schema().fields().iter().chain(right.schema().fields()).cloned().collect();
    let columns = left.columns().iter().chain(right.columns()).cloned().collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(arrow_error)
}

/// The rows of a query under the relation's schema.
pub(super) fn as_stored(relation: &Relation, rows: &RecordBatch) -> Result<RecordBatch, SqlError> {
    RecordBatch::try_new(relation.schema.arrow(), rows.columns().to_vec()).map_err(arrow_error)
}
