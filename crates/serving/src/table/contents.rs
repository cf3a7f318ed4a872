//! [`TableContents`]: the rows of a table, for statements that read what they change.
//!
//! ```text
//! lock keys -> read at HEAD -> place commit in the log -> apply at its time -> unlock
//! ```
//! Applied when a commit has its place, before it is durable: [`HEAD`] sees it at once, readers at a
//! boundary only when that has passed.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use kappa_types::{DeltaBatch, VersionId};

use super::lock::{KeyLocks, LockSet};
use crate::row::hash_rows;
use crate::{Contents, ContentsOptions, Error, HEAD, Horizon};

/// The rows of one version of a table.
#[derive(Debug)]
pub struct TableContents {
    /// Which version.
    pub version: VersionId,
    /// The rows, in one shard: the order of commits is the one writer.
    pub rows: Contents,
    locks: Arc<KeyLocks>,
}

impl TableContents {
    /// An empty table. `key` is the primary key.
    #[must_use]
    pub fn new(
        version: VersionId,
        schema: &SchemaRef,
        key: Option<Vec<usize>>,
        horizon: Arc<Horizon>,
    ) -> Self {
        let options = ContentsOptions { key, ..ContentsOptions::new(schema, 1) };
        let rows = Contents::new(options, horizon);
        Self { version, rows, locks: Arc::default() }
    }

    /// Applies the changes of one commit, when it has its place.
    ///
    /// # Errors
    /// As [`Contents::apply`].
    pub fn apply(&self, changes: &[DeltaBatch]) -> Result<(), Error> {
        self.rows.apply(0, changes)
    }

    /// All rows of all placed commits.
    ///
    /// # Errors
    /// None in practice: the head is never too old.
    pub fn head(&self) -> Result<Vec<RecordBatch>, Error> {
        self.rows.scan(HEAD, None, &[])
    }

    /// The rows of all placed commits with one of these primary keys.
    ///
    /// # Errors
    /// None in practice: the head is never too old.
    ///
    /// # Panics
    /// If the table has no primary key or `keys` are of other types.
    pub fn head_rows(&self, keys: &[ArrayRef]) -> Result<RecordBatch, Error> {
        self.rows.lookup(HEAD, keys)
    }

    /// An empty set of locks, one per transaction.
    #[must_use]
    pub fn lock_set(&self) -> LockSet {
        LockSet::new(Arc::clone(&self.locks))
    }

    /// What [`LockSet::lock_keys`] takes for rows with these primary keys.
    #[must_use]
    pub fn key_hashes(keys: &[ArrayRef]) -> Vec<u64> {
        hash_rows(keys, keys.first().map_or(0, |column| column.len()))
    }
}
