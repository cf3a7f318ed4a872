//! [`Transaction`]: what a session has changed and not yet committed, and when it reads.
//!
//! ```text
//! statement outside a block:  one transaction, committed before the statement answers
//! BEGIN … COMMIT:             one transaction, one commit of the log
//! several statements in one simple query, or up to Sync: one implicit transaction, up to a COMMIT or
//!                             ROLLBACK among them; a change of the catalogue commits what is before it
//! ```
//! * READ COMMITTED takes a new cut per statement; REPEATABLE READ and SERIALIZABLE keep the first.
//! * Its own changes of tables are seen by its own statements; views show them after COMMIT.
//! * Locks are taken by statements that read what they write, and held until the commit has its
//!   place in the log.
//!
//! Does not compute changes; `write` does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use kappa_log::{Attachment, Commit, RelationRows, RowKind};
use kappa_serving::LockSet;
use kappa_types::{DeltaBatch, RelationId, SqlError, SqlState, Timestamp};

use parking_lot::Mutex;

use crate::engine::Cut;

/// Bytes of changes that a transaction may hold in memory before COMMIT.
const CHANGE_BYTES_MAX: usize = 1 << 30;

/// What a transaction sees of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Each statement reads a new cut.
    #[default]
    ReadCommitted,
    /// All statements read one cut, and a write to what changed since fails with 40001.
    /// SERIALIZABLE is the same: writers lock what they read for writing.
    Snapshot,
}

/// How a transaction came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// One statement.
    Statement,
    /// Several statements of one simple query, or up to Sync.
    Query,
    /// BEGIN.
    Block,
}

/// One transaction.
#[derive(Debug)]
pub struct Transaction {
    /// How it came to be.
    pub extent: Extent,
    /// What it sees of others.
    pub isolation: Isolation,
    /// Whether writing is refused (25006).
    pub read_only: bool,
    /// When it began by the wall clock: `now()` inside a block.
    pub started_micros: i64,
    /// The one cut of [`Isolation::Snapshot`], once something has been read.
    pub cut: Option<Cut>,
    /// What it has changed; shared with a COPY that adds to it.
    pub changes: Arc<Mutex<Changes>>,
    /// Locks on rows and tables it has read for writing.
    pub locks: BTreeMap<RelationId, LockSet>,
}

impl Transaction {
    /// A transaction that has done nothing.
    #[must_use]
    pub fn new(extent: Extent, isolation: Isolation, read_only: bool, started_micros: i64) -> Self {
        Self {
            extent,
            isolation,
            read_only,
            started_micros,
            cut: None,
            changes: Arc::default(),
            locks: BTreeMap::new(),
        }
    }

    /// That writing is allowed.
    ///
    /// # Errors
    /// 25006.
    pub fn check_writable(&self, statement: &str) -> Result<(), SqlError> {
        if !self.read_only {
            return Ok(());
        }
        Err(SqlError::new(
            SqlState::ReadOnlySqlTransaction,
            format!("cannot execute {statement} in a read-only transaction"),
        ))
    }
}

/// Changes of one transaction, in the order they were made.
#[derive(Debug, Default)]
pub struct Changes {
    rows: Vec<RelationRows>,
    attachments: Vec<Attachment>,
    bytes: usize,
}

impl Changes {
    /// Whether COMMIT would write nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.attachments.is_empty()
    }

    /// Adds changes.
    ///
    /// # Errors
    /// 54000 if the transaction holds too much.
    pub fn push(&mut self, rows: RelationRows) -> Result<(), SqlError> {
        if rows.rows.num_rows() == 0 {
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add(size_bytes(&rows.rows));
        if self.bytes > CHANGE_BYTES_MAX {
            return Err(SqlError::new(
                SqlState::ProgramLimitExceeded,
                format!("a transaction may hold {CHANGE_BYTES_MAX} bytes of changes"),
            )
            .with_hint("Divide it into several transactions; COPY into a source has no limit."));
        }
        self.rows.push(rows);
        Ok(())
    }

    /// Adds rows that stand in sealed files already.
    pub fn attach(&mut self, attachment: Attachment) {
        self.attachments.push(attachment);
    }

    /// What has been changed of one relation, at no time yet.
    #[must_use]
    pub fn of(&self, relation: RelationId) -> Vec<DeltaBatch> {
        let own =
            self.rows.iter().filter(|rows| rows.relation == relation && rows.kind == RowKind::Rows);
        own.map(|rows| DeltaBatch::new(Timestamp::MIN, rows.rows.clone(), rows.diffs.clone()))
            .collect()
    }

    /// What has been changed of each relation.
    #[must_use]
    pub fn by_relation(&self) -> BTreeMap<RelationId, Vec<DeltaBatch>> {
        let relations: BTreeSet<RelationId> = self.rows.iter().map(|rows| rows.relation).collect();
        relations.into_iter().map(|relation| (relation, self.of(relation))).collect()
    }

    /// All of it as one commit; this is empty afterwards.
    #[must_use]
    pub fn take(&mut self) -> Commit {
        let Self { rows, attachments, .. } = std::mem::take(self);
        Commit { rows, attachments, ..Commit::default() }
    }
}

/// Bytes that a batch keeps in memory.
#[must_use]
pub fn size_bytes(rows: &RecordBatch) -> usize {
    rows.get_array_memory_size()
}
