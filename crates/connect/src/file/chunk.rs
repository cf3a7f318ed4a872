//! [`Chunk`]: rows read from one file, with a position after each, so that it can be cut anywhere.

use arrow::record_batch::RecordBatch;

use super::position::Position;
use crate::{Offset, Reject, SourceBatch};

/// Rows of one file.
#[derive(Debug)]
pub(super) struct Chunk {
    /// The file.
    pub(super) path: String,
    /// The rows.
    pub(super) rows: RecordBatch,
    /// The position after each row: one per row of `rows`.
    pub(super) ends: Vec<Position>,
    /// Rejects, each with the number of rows before it, ascending.
    pub(super) rejects: Vec<(usize, Reject)>,
    /// The position after everything, rejects and empty lines behind the last row included.
    pub(super) end: Position,
}

impl Chunk {
    /// Takes the first `row_count` rows away as a batch: the whole chunk if it has no more.
    /// Rejects that stand between two rows go with the later one.
    pub(super) fn take(&mut self, row_count: usize) -> SourceBatch {
        let all = row_count >= self.rows.num_rows();
        let position = if all { self.end } else { self.ends[row_count - 1] };
        let kept_rejects = if all {
            Vec::new()
        } else {
            let place = self.rejects.partition_point(|(before, _)| *before < row_count);
            self.rejects.split_off(place)
        };
        let rejects = std::mem::replace(&mut self.rejects, kept_rejects);
        for (before, _) in &mut self.rejects {
            *before -= row_count;
        }
        let row_count = row_count.min(self.rows.num_rows());
        let rows = self.rows.slice(0, row_count);
        self.rows = self.rows.slice(row_count, self.rows.num_rows() - row_count);
        self.ends.drain(..row_count);
        SourceBatch {
            rows,
            rejects: rejects.into_iter().map(|(_, reject)| reject).collect(),
            offsets: vec![Offset { partition: self.path.clone(), position: position.to_string() }],
        }
    }
}
