//! [`Failure`]: why a message was not answered, by what happens to the connection.

use std::io;

use kappa_types::{SqlError, SqlState};

/// Why a message was not answered.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The client is told; the connection goes on.
    Error(Box<Report>),
    /// The client is told; the connection ends.
    Fatal(Box<SqlError>),
    /// There is nobody to tell.
    Disconnected,
}

/// An error and where it happened.
#[derive(Debug)]
pub(crate) struct Report {
    /// What went wrong.
    pub(crate) error: SqlError,
    /// The `where` field: `COPY t, line 3, column c`.
    pub(crate) context: Option<String>,
}

impl Failure {
    /// The client broke the protocol in a way that can be skipped over.
    #[cold]
    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        SqlError::new(SqlState::ProtocolViolation, message).into()
    }

    /// Ends the connection.
    #[cold]
    pub(crate) fn fatal(state: SqlState, message: impl Into<String>) -> Self {
        Self::Fatal(Box::new(SqlError::new(state, message)))
    }

    /// An error with a `where` field.
    #[cold]
    pub(crate) fn with_context(error: SqlError, context: String) -> Self {
        Self::Error(Box::new(Report { error, context: Some(context) }))
    }
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Self::Error(Box::new(Report { error, context: None }))
    }
}

impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Self {
        Self::Disconnected
    }
}
