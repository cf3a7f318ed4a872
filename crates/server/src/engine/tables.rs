//! [`Tables`]: the current rows of every table, changed as commits get their place in the log.
//!
//! The one idea: the log's observer runs in the order of the log, so the head of a table's contents
//! is always the state after every placed commit. Read-modify-write statements read that head under
//! locks of the contents; readers read at a boundary, which is durable.
//!
//! Price: tables live in memory; sources do not.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::record_batch::RecordBatch;
use kappa_catalog::{Relation, RelationKind, Snapshot};
use kappa_log::{Log, PlacedCommit, RowKind, Scan};
use kappa_serving::{Store, TableContents};
use kappa_types::{DeltaBatch, RelationId, Timestamp};
use parking_lot::RwLock;

/// Rows of a batch when a table is made again from the log.
const BATCH_ROW_COUNT_MAX: usize = 65_536;

/// The contents of all tables.
#[derive(Debug)]
pub struct Tables {
    store: Arc<Store>,
    tables: RwLock<BTreeMap<RelationId, Arc<TableContents>>>,
}

impl Tables {
    /// Makes the contents of every table from its history.
    ///
    /// # Errors
    /// If the log cannot be read, or a change in it does not fit.
    pub fn open(
        store: &Arc<Store>,
        log: &Log,
        snapshot: &Snapshot,
        until: Timestamp,
    ) -> anyhow::Result<Self> {
        let tables = Self { store: Arc::clone(store), tables: RwLock::default() };
        for relation in snapshot.relations() {
            if matches!(relation.kind, RelationKind::Table { .. }) {
                tables.create(relation);
                tables.replay(log, relation, until)?;
            }
        }
        Ok(tables)
    }

    fn replay(&self, log: &Log, relation: &Relation, until: Timestamp) -> anyhow::Result<()> {
        let Some(contents) = self.get(relation.id) else { return Ok(()) };
        let scan = Scan::whole(relation.id, &relation.schema, until, BATCH_ROW_COUNT_MAX);
        for part in log.scan(&scan)? {
            for history in part.open()? {
                let history = history?;
                for delta in by_time(&history)? {
                    contents.apply(&[delta])?;
                }
            }
        }
        Ok(())
    }

    /// Makes empty contents for a new table.
    pub fn create(&self, relation: &Relation) {
        let key = relation.primary_key();
        let contents = self.store.create_table(relation.version, &relation.schema.arrow(), key);
        self.tables.write().insert(relation.id, contents);
    }

    /// Forgets a dropped table. Readers that have its contents keep them.
    pub fn remove(&self, relation: &Relation) {
        self.tables.write().remove(&relation.id);
        self.store.remove(relation.version);
    }

    /// The contents of a table.
    #[must_use]
    pub fn get(&self, relation: RelationId) -> Option<Arc<TableContents>> {
        self.tables.read().get(&relation).cloned()
    }

    /// Applies a commit that has got its place.
    ///
    /// # Panics
    /// If a change does not fit the table: the log and the memory would disagree from here on.
    pub fn apply(&self, placed: &PlacedCommit<'_>) {
        for rows in &placed.commit.rows {
            if rows.kind != RowKind::Rows {
                continue;
            }
            self.change(placed.time, rows.relation, &rows.rows, rows.diffs.as_ref());
        }
        for attachment in &placed.commit.attachments {
            for (rows, diffs) in &attachment.kept {
                self.change(placed.time, attachment.relation, rows, diffs.as_ref());
            }
        }
    }

    fn change(
        &self,
        time: Timestamp,
        relation: RelationId,
        rows: &RecordBatch,
        diffs: Option<&Int64Array>,
    ) {
        let Some(contents) = self.get(relation) else { return };
        let delta = DeltaBatch::new(time, rows.clone(), diffs.cloned());
        contents.apply(&[delta]).expect("changes of tables are made from their own rows");
    }
}

/// The changes of a batch of history, one delta per time.
fn by_time(history: &kappa_log::HistoryBatch) -> anyhow::Result<Vec<DeltaBatch>> {
    let times = history.times.values();
    let mut deltas = Vec::new();
    let mut start = 0;
    while start < times.len() {
        let time = times[start];
        let end = start + times[start..].partition_point(|other| *other == time);
        let rows: RecordBatch = history.rows.slice(start, end - start);
        let diffs = history.diffs.as_ref().map(|diffs| diffs.slice(start, end - start));
        deltas.push(DeltaBatch::new(Timestamp(time), rows, diffs));
        start = end;
    }
    Ok(deltas)
}
