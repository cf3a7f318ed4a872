//! [`Spool`]: rows of a statement too large for the WAL, written to sealed files first.

use arrow::record_batch::RecordBatch;

use kappa_types::RelationId;

use crate::{Error, RowKind};

/// Files being written that no reader sees. Dropping it removes them.
#[derive(Debug)]
pub struct Spool {}

impl Spool {
    /// Adds rows (all `+1`).
    ///
    /// # Errors
    /// [`Error::DiskFull`], [`Error::Invalid`] if the schema differs.
    pub fn append(&mut self, _rows: &RecordBatch) -> Result<(), Error> {
        Err(Error::Closed)
    }

    /// Closes, syncs and verifies the files.
    ///
    /// # Errors
    /// [`Error::DiskFull`] or [`Error::Io`]; the files are removed.
    pub fn finish(self) -> Result<Attachment, Error> {
        Err(Error::Closed)
    }
}

/// Sealed files that become rows when their [`crate::Commit`] is durable. Dropping it removes them.
#[derive(Debug)]
pub struct Attachment {
    /// Whose rows.
    pub relation: RelationId,
    /// Rows or rejects.
    pub kind: RowKind,
    /// Largest watermark candidate of the rows, microseconds; the caller sets it.
    pub watermark: Option<i64>,
}
