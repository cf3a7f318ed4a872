//! [`RowSink`]: where a source's rows go, and [`SourceBatch`]: what goes there at once.
//!
//! The one idea: rows, rejects and positions travel together, because they must become durable
//! together.

use arrow::record_batch::RecordBatch;
use kappa_types::SqlError;

/// What a source hands over in one piece; it becomes one commit or none.
#[derive(Clone, Debug)]
pub struct SourceBatch {
    /// Rows with the physical columns of the spec's schema, in its order; may be empty.
    pub rows: RecordBatch,
    /// What could not be read, in the order of reading.
    pub rejects: Vec<Reject>,
    /// The positions after this batch, of the partitions it touched; never empty.
    pub offsets: Vec<Offset>,
}

/// Something that is no row: it is kept and shown, and the source goes on behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Where it stands, for a person: `data/flights.csv:17`.
    pub position: String,
    /// What is wrong with it, as Postgres would say it.
    pub reason: String,
    /// The text as it was read, cut to [`Reject::ROW_BYTES_MAX`].
    pub row: String,
}

impl Reject {
    /// Longest text kept of a row: enough to recognise it, too little to fill a disk with.
    pub const ROW_BYTES_MAX: usize = 4096;

    /// A reject of raw bytes, which need not be UTF-8.
    pub(crate) fn new(position: String, reason: impl Into<String>, row: &[u8]) -> Self {
        let kept = &row[..row.len().min(Self::ROW_BYTES_MAX)];
        Self { position, reason: reason.into(), row: String::from_utf8_lossy(kept).into_owned() }
    }
}

/// How far one partition has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offset {
    /// Which part of the source: a path for `file`; empty for the source as a whole.
    pub partition: String,
    /// The position in the connector's own words; only the connector reads it.
    pub position: String,
}

/// Takes a source's rows; implemented by the server.
pub trait RowSink: Send {
    /// Makes a batch durable: rows, rejects and offsets in one commit, all or nothing. Blocks while
    /// the log or the views cannot take more, and returns at the latest when the server stops.
    ///
    /// # Errors
    /// Nothing of the batch was committed. A lack of resources (class 53) is tried again; after any
    /// other error the source stops with it.
    fn append(&mut self, batch: SourceBatch) -> Result<(), SqlError>;
}
