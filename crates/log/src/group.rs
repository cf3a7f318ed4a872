//! [`Group`]: all that became durable at one time, as the live dataflow reads it.

use arrow::array::Int64Array;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use kappa_types::{RelationId, SchemaVersionId, Timestamp};

use crate::{Part, RowKind};

/// The commits of one time.
#[derive(Debug)]
pub struct Group {
    /// The time.
    pub time: Timestamp,
    /// The wall clock then, microseconds; what `now()` is at this time.
    pub wall_micros: i64,
    /// Catalogue edits; a group with them holds one commit.
    pub ddl: Option<Bytes>,
    /// Rows, in ascending `seq`. Small neighbours of one relation are joined into one entry.
    pub entries: Vec<GroupEntry>,
}

impl Group {
    /// Rows in all entries, attached ones included.
    #[must_use]
    pub fn row_count(&self) -> u64 {
        self.entries.iter().map(|entry| entry.row_count).sum()
    }
}

/// Consecutive rows of one relation at one time.
#[derive(Clone, Debug)]
pub struct GroupEntry {
    /// Whose rows.
    pub relation: RelationId,
    /// The schema version of rows in memory.
    pub schema_version: SchemaVersionId,
    /// Rows or rejects.
    pub kind: RowKind,
    /// Largest watermark candidate of these rows, microseconds.
    pub watermark: Option<i64>,
    /// `_seq` of the first row; the others follow one by one.
    pub seq: u64,
    /// How many rows.
    pub row_count: u64,
    /// The rows.
    pub rows: EntryRows,
}

/// Where the rows of an entry are.
#[derive(Clone, Debug)]
pub enum EntryRows {
    /// In memory.
    Memory {
        /// The rows.
        rows: RecordBatch,
        /// Multiplicities; absent means `+1` each.
        diffs: Option<Int64Array>,
    },
    /// In attached files, all columns, opened when needed.
    Parts(Vec<Part>),
}
