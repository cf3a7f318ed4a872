//! [`Scan`]: the history of one relation, as parts that can be read on different threads.

use arrow::array::{Int64Array, UInt64Array};
use arrow::record_batch::RecordBatch;
use kappa_types::{ColumnId, RelationId, Schema, Timestamp};

use crate::{Error, RowKind};

/// What to read.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Whose history.
    pub relation: RelationId,
    /// Rows or rejects.
    pub kind: RowKind,
    /// Columns wanted, in this order; none is allowed (only times, sequence and diffs are read).
    pub columns: Vec<ColumnId>,
    /// Gives each of `columns` its name and type. Rows of a schema version without the column read
    /// as NULL there.
    pub schema: Schema,
    /// Only rows committed after this time …
    pub after: Timestamp,
    /// … and up to and including this one.
    pub until: Timestamp,
    /// Columns whose values must lie in a range (both ends inclusive) to be of interest: integers,
    /// dates (days), times and timestamps (microseconds). A hint: other rows may come as well.
    pub ranges: Vec<(ColumnId, Option<i64>, Option<i64>)>,
    /// Rows of a batch at most.
    pub batch_row_count_max: usize,
}

/// Rows of the history, in ascending (time, seq).
#[derive(Clone, Debug)]
pub struct HistoryBatch {
    /// The columns of the scan.
    pub rows: RecordBatch,
    /// `_time` of each row.
    pub times: UInt64Array,
    /// `_seq` of each row: its order within its time.
    pub seqs: UInt64Array,
    /// Multiplicities; absent means `+1` each.
    pub diffs: Option<Int64Array>,
}

/// A piece of the history that is read by one thread. Later parts hold later rows.
#[derive(Clone, Debug)]
pub struct Part {
    /// Rows in it before pruning by time or range; at least what [`Part::open`] yields.
    pub row_count: u64,
    /// No row is earlier.
    pub time_min: Timestamp,
    /// No row is later.
    pub time_max: Timestamp,
}

impl Part {
    /// Starts reading. The part may be opened again, and outlives sealing, merging and drops.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn open(&self) -> Result<HistoryReader, Error> {
        Err(Error::Closed)
    }
}

/// The batches of one part.
#[derive(Debug)]
pub struct HistoryReader {}

impl Iterator for HistoryReader {
    type Item = Result<HistoryBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        None
    }
}

/// Figures about one relation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelationStatistics {
    /// Durable rows in its history, whatever their diffs.
    pub row_count: u64,
    /// Bytes of its segments, and of its rows still in the WAL.
    pub disk_bytes: u64,
    /// Wall clock of the newest group that has rows of it, microseconds.
    pub last_row_at: Option<i64>,
    /// Durable rejects.
    pub reject_count: u64,
}
