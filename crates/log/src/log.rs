//! [`Log`]: the durable, ordered history of everything.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kappa_types::{Clock, RelationId, Schema, Timestamp};

use crate::{
    Commit, Error, Fs, Group, LogOptions, Part, PlacedCommit, RelationStatistics, Scan, Spool,
};

/// Called for each commit when it has its place, in order, under the order lock.
pub type Observer = Arc<dyn Fn(&PlacedCommit<'_>) + Send + Sync>;

/// The place of a commit in the order of all commits.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The time of its group.
    pub time: Timestamp,
    /// `_seq` of its first row within the time.
    pub seq: u64,
}

/// A handle to the log; clones share it.
#[derive(Clone)]
pub struct Log {}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

impl Log {
    /// Locks and recovers the log in `dir`, or makes an empty one there (the parent of `dir` must
    /// exist).
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Corrupt`], [`Error::UnknownVersion`], [`Error::DiskFull`],
    /// [`Error::Io`].
    pub fn open(
        _fs: Arc<dyn Fs>,
        _dir: &Path,
        _clock: Arc<dyn Clock>,
        _options: LogOptions,
    ) -> Result<Self, Error> {
        Err(Error::Closed)
    }

    /// Sets who is told of each commit when it has its place (time and seq known), before it is
    /// durable. It runs under the order lock: it must be short and must not call the log.
    pub fn set_observer(&self, _observer: Observer) {}

    /// Gives the commit its place. It becomes durable with the group it is in; somebody must
    /// [`Log::wait`] for it.
    ///
    /// # Errors
    /// [`Error::DiskFull`], [`Error::Invalid`], [`Error::Closed`], [`Error::Io`]: nothing was kept.
    pub fn place(&self, _commit: Commit) -> Result<Placed, Error> {
        Err(Error::Closed)
    }

    /// Blocks until the commit is durable.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk failed; whether the commit is kept is known after a restart.
    pub fn wait(&self, _placed: &Placed) -> Result<Timestamp, Error> {
        Err(Error::Closed)
    }

    /// [`Log::place`] and [`Log::wait`].
    ///
    /// # Errors
    /// As those.
    pub fn commit(&self, commit: Commit) -> Result<Timestamp, Error> {
        self.wait(&self.place(commit)?)
    }

    /// Starts writing a statement too large for the WAL.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn spool(&self, _relation: RelationId, _schema: &Schema) -> Result<Spool, Error> {
        Err(Error::Closed)
    }

    /// Time of the newest durable commit.
    #[must_use]
    pub fn durable_time(&self) -> Timestamp {
        Timestamp::MIN
    }

    /// Blocks until [`Log::durable_time`] is greater than `after`, or `timeout` has passed; returns
    /// the durable time.
    #[must_use]
    pub fn wait_for(&self, _after: Timestamp, _timeout: Duration) -> Timestamp {
        Timestamp::MIN
    }

    /// Durable groups after `after`, in order: at least one if there is any, then as long as they
    /// hold no more than `row_count_max` rows together. Groups older than what is kept in memory
    /// are put together from the history; of those, groups without rows or DDL are left out.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn groups(
        &self,
        _after: Timestamp,
        _row_count_max: usize,
    ) -> Result<Vec<Arc<Group>>, Error> {
        Err(Error::Closed)
    }

    /// The history of one relation, consistent at the time of the call. Parts are in ascending
    /// (time, seq).
    ///
    /// # Errors
    /// [`Error::Invalid`] if `columns` names one that `schema` has not.
    pub fn scan(&self, _scan: &Scan) -> Result<Vec<Part>, Error> {
        Err(Error::Closed)
    }

    /// All durable DDL records after `after`.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn ddl(&self, _after: Timestamp) -> Result<Vec<(Timestamp, Bytes)>, Error> {
        Err(Error::Closed)
    }

    /// The watermark of a relation at a durable time: the largest candidate committed up to and
    /// including it.
    #[must_use]
    pub fn watermark(&self, _relation: RelationId, _at: Timestamp) -> Option<i64> {
        None
    }

    /// The times after `after` at which the watermark rose, and to what.
    #[must_use]
    pub fn watermark_steps(
        &self,
        _relation: RelationId,
        _after: Timestamp,
    ) -> Vec<(Timestamp, i64)> {
        Vec::new()
    }

    /// Newest durable external offsets: partition to offset.
    #[must_use]
    pub fn offsets(&self, _relation: RelationId) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// Epoch, sequence and time of the newest durable commit of a producer.
    #[must_use]
    pub fn producer(&self, _name: &str) -> Option<(u64, u64, Timestamp)> {
        None
    }

    /// The wall clock at a time, microseconds.
    #[must_use]
    pub fn wall_clock(&self, time: Timestamp) -> i64 {
        time.micros()
    }

    /// Figures about a relation; zeros if it has no rows.
    #[must_use]
    pub fn statistics(&self, _relation: RelationId) -> RelationStatistics {
        RelationStatistics::default()
    }

    /// Seals all durable rows and waits for it.
    ///
    /// # Errors
    /// [`Error::DiskFull`] (try again later) or [`Error::Io`].
    pub fn seal(&self) -> Result<(), Error> {
        Err(Error::Closed)
    }

    /// Makes all placed commits durable, seals, ends the threads and releases the directory once
    /// the last clone is gone. Later calls answer [`Error::Closed`].
    ///
    /// # Errors
    /// As [`Log::seal`]; a full disk is none, since the WAL has everything.
    pub fn close(self) -> Result<(), Error> {
        Err(Error::Closed)
    }
}
