//! [`Chunk`]: rows with the times from and until which they are there.
//!
//! ```text
//! rows      r0 r1 r2 r3 r4 r5 r6     never change
//! begins    T4-------- T7----- T9    runs: (first row, time), ascending
//! ends      T9 -  -  T7 -  -  -      atomic; - is Timestamp::MAX
//! ```
//! Rows begun by T are a prefix, found by a search in the runs. A chunk that was replaced by a merge
//! still answers those who hold it: for every time that was readable then, its ends are complete.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use arrow::array::{Array, RecordBatch};
use arrow::buffer::BooleanBuffer;
use kappa_types::Timestamp;

use super::chunk_index::ChunkIndex;

/// Most rows of a chunk; places number them with 16 bits.
pub(super) const CHUNK_ROW_COUNT_MAX: usize = 1 << 16;

/// A run of rows that begin at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Its first row; it goes on to the next run's.
    pub(super) first_row: u32,
    /// When its rows begin.
    pub(super) begin: Timestamp,
}

/// Rows with begin and end.
///
/// * At least one row, at most [`CHUNK_ROW_COUNT_MAX`].
/// * `begins` starts at row 0; rows and times ascend.
/// * `ends` has as many values as `rows`; each is written once.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) rows: RecordBatch,
    pub(super) begins: Vec<Run>,
    ends: Box<[AtomicU64]>,
    /// How many of `ends` are set.
    ended_count: AtomicU32,
    /// Least and greatest value of each column that has an order as i64; made when asked for.
    pub(super) ranges: Vec<OnceLock<Option<(i64, i64)>>>,
    /// For lookups; made when asked for.
    pub(super) index: OnceLock<ChunkIndex>,
    /// Memory of rows and times.
    size_bytes: usize,
}

impl Chunk {
    /// A chunk of new rows that own their memory and all begin at `begin`.
    pub(super) fn fresh(rows: RecordBatch, begin: Timestamp) -> Self {
        let ends = std::iter::repeat_with(|| AtomicU64::new(Timestamp::MAX.0));
        let ends = ends.take(rows.num_rows()).collect();
        Self::with_ends(rows, vec![Run { first_row: 0, begin }], ends, 0)
    }

    /// A chunk of rows that own their memory.
    pub(super) fn new(rows: RecordBatch, begins: Vec<Run>, ends: Vec<Timestamp>) -> Self {
        let ended_count = ends.iter().filter(|end| **end != Timestamp::MAX).count();
        let ends = ends.into_iter().map(|end| AtomicU64::new(end.0)).collect();
        Self::with_ends(rows, begins, ends, ended_count)
    }

    fn with_ends(
        rows: RecordBatch,
        begins: Vec<Run>,
        ends: Box<[AtomicU64]>,
        ended_count: usize,
    ) -> Self {
        assert!(rows.num_rows() > 0 && rows.num_rows() <= CHUNK_ROW_COUNT_MAX);
        assert_eq!(rows.num_rows(), ends.len());
        debug_assert_eq!(begins.first().map(|run| run.first_row), Some(0));
        debug_assert!(begins.is_sorted_by(|left, right| left.begin < right.begin));
        let columns = rows.columns().iter();
        let rows_size: usize = columns.map(|column| column.get_array_memory_size()).sum();
        Self {
            size_bytes: rows_size + ends.len() * 8 + begins.len() * 16 + size_of::<Self>(),
            begins,
            ends,
            ended_count: AtomicU32::new(u32::try_from(ended_count).expect("at most 65536")),
            ranges: rows.columns().iter().map(|_| OnceLock::new()).collect(),
            index: OnceLock::new(),
            rows,
        }
    }

    /// How many rows, visible or not.
    pub(super) fn row_count(&self) -> usize {
        self.ends.len()
    }

    /// How many rows were retracted at whatever time.
    pub(super) fn ended_count(&self) -> usize {
        self.ended_count.load(Ordering::Relaxed) as usize
    }

    /// Memory, without the reading index.
    pub(super) const fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// When the row was retracted; [`Timestamp::MAX`] if it was not.
    pub(super) fn end(&self, row: usize) -> Timestamp {
        Timestamp(self.ends[row].load(Ordering::Relaxed))
    }

    /// Retracts a row. The writer makes it known to readers by publishing a boundary.
    pub(super) fn set_end(&self, row: usize, end: Timestamp) {
        debug_assert_eq!(self.end(row), Timestamp::MAX, "a row ends once");
        self.ends[row].store(end.0, Ordering::Relaxed);
        self.ended_count.fetch_add(1, Ordering::Relaxed);
    }

    /// When the last row began.
    pub(super) fn last_begin(&self) -> Timestamp {
        self.begins.last().expect("a chunk has a row").begin
    }

    /// How many rows, from the first, have begun at `at`.
    pub(super) fn begun_count(&self, at: Timestamp) -> usize {
        let after = self.begins.partition_point(|run| run.begin <= at);
        self.begins.get(after).map_or(self.row_count(), |run| run.first_row as usize)
    }

    /// Which of the first [`Chunk::begun_count`] rows are there at `at`; `None` if all are.
    pub(super) fn unended(&self, at: Timestamp) -> Option<BooleanBuffer> {
        let begun_count = self.begun_count(at);
        if self.ended_count() == 0 {
            return None;
        }
        let there = BooleanBuffer::collect_bool(begun_count, |row| self.end(row) > at);
        (there.count_set_bits() < begun_count).then_some(there)
    }

    /// How many rows are there at `at`.
    pub(super) fn visible_count(&self, at: Timestamp) -> usize {
        self.unended(at).map_or_else(|| self.begun_count(at), |there| there.count_set_bits())
    }
}
