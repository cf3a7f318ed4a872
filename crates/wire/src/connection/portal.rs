//! Prepared statements and portals of a connection.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;

use super::guard::Notices;
use crate::backend::{ColumnDescription, Description, RowStream, Session};

/// A prepared statement.
pub(crate) struct Statement<S: Session> {
    /// `None` for text without a statement.
    pub(crate) prepared: Option<Arc<S::Prepared>>,
    /// What it takes and returns.
    pub(crate) description: Description,
}

/// A statement with parameters, perhaps partly run.
pub(crate) struct Portal<S: Session> {
    /// The statement.
    pub(crate) statement: Arc<Statement<S>>,
    /// Formats of its columns: one for all, or one each.
    pub(crate) formats: Formats,
    /// How far it is.
    pub(crate) state: PortalState,
}

/// How far a portal is.
pub(crate) enum PortalState {
    /// Not yet run.
    Ready(Vec<ArrayRef>),
    /// Has sent some of its rows.
    Suspended(Box<Rows>),
    /// Has sent all rows. Further runs send none, with this tag and the number 0.
    Exhausted(String),
    /// Was run and cannot be run again.
    Finished,
}

/// Rows on their way to the client.
pub(crate) struct Rows {
    /// The columns.
    pub(crate) columns: Vec<ColumnDescription>,
    /// What makes the rows.
    pub(crate) stream: RowStream,
    /// A batch that is not wholly sent, and its first row that is not.
    pub(crate) partial: Option<(RecordBatch, usize)>,
    /// The command tag up to the number.
    pub(crate) tag: String,
    /// The number in the tag, where it is not that of the rows sent.
    pub(crate) row_count: Option<u64>,
    /// Notices that come while rows are made.
    pub(crate) notices: Notices,
}

/// The formats that a client asked for: 0 is text, 1 is binary.
#[derive(Clone, Debug, Default)]
pub(crate) struct Formats(pub(crate) Vec<i16>);

impl Formats {
    /// The format of the column or parameter at `index`; one format counts for all, none is text.
    pub(crate) fn get(&self, index: usize) -> i16 {
        match self.0[..] {
            [] => 0,
            [all] => all,
            ref each => each.get(index).copied().unwrap_or(0),
        }
    }
}
