//! [`Commit`]: what is written at one time, all of it or nothing.

use arrow::array::Int64Array;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use kappa_types::{Column, ColumnId, RelationId, Schema, SchemaVersionId, SqlType, Timestamp};

use crate::Attachment;

/// One transaction's changes. [`Default`] is a commit of nothing.
#[derive(Debug, Default)]
pub struct Commit {
    /// A list of catalogue edits. A commit with DDL is a group of its own.
    pub ddl: Option<Bytes>,
    /// New schema versions. They must be in the log before rows that name them, or in the same
    /// commit: the log can be read without the catalogue.
    pub schemas: Vec<(RelationId, Schema)>,
    /// Rows, in order.
    pub rows: Vec<RelationRows>,
    /// Rows that stand in sealed files already; ordered after `rows`.
    pub attachments: Vec<Attachment>,
    /// External positions that these rows cover: relation, partition, offset.
    pub offsets: Vec<(RelationId, String, String)>,
    /// Relations whose rows may go for ever.
    pub drops: Vec<RelationId>,
    /// Who sent this, so that a retry is recognised.
    pub producer: Option<Producer>,
    /// A clock record: nothing happens but time. Superseded ones are never sealed.
    pub clock: bool,
}

/// Changes of one relation in one commit.
#[derive(Clone, Debug)]
pub struct RelationRows {
    /// Whose rows.
    pub relation: RelationId,
    /// Which schema version `rows` has; ignored for [`RowKind::Rejects`].
    pub schema_version: SchemaVersionId,
    /// Rows or rejects.
    pub kind: RowKind,
    /// The rows; the Arrow types are those of [`Schema::arrow`] (of [`reject_schema`] for rejects).
    pub rows: RecordBatch,
    /// Multiplicities; absent means `+1` each.
    pub diffs: Option<Int64Array>,
    /// Largest value of the relation's watermark expression over `rows`, microseconds.
    pub watermark: Option<i64>,
}

/// Which of a relation's two histories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKind {
    /// Its rows.
    #[default]
    Rows,
    /// Input that could not be decoded, with the schema of [`reject_schema`].
    Rejects,
}

/// Columns of [`RowKind::Rejects`]: `position` (where the input stood), `reason`, `row` (the input).
#[must_use]
pub fn reject_schema() -> Schema {
    let column = |id: u32, name: &str| Column {
        id: ColumnId(id),
        name: name.to_owned(),
        sql_type: SqlType::Text,
        nullable: true,
    };
    Schema {
        version: SchemaVersionId(0),
        columns: vec![column(1, "position"), column(2, "reason"), column(3, "row")],
    }
}

/// A client that numbers its commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Its name.
    pub name: String,
    /// Raised when a new instance takes the name over.
    pub epoch: u64,
    /// Number of the commit within the epoch.
    pub sequence: u64,
}

/// A commit as the observer sees it: with its place, not yet durable.
#[derive(Debug)]
pub struct PlacedCommit<'a> {
    /// The time of its group.
    pub time: Timestamp,
    /// The wall clock of its group, microseconds.
    pub wall_micros: i64,
    /// `_seq` of its first row; greater than that of every earlier commit at this time.
    pub seq: u64,
    /// What is committed.
    pub commit: &'a Commit,
}
