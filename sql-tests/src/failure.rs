//! What can go wrong in a statement of a script.
//!
//! The one idea: the variants are what a script can expect: an error the server answered, with its
//! SQLSTATE, or the end of the server at an armed fault. Everything else fails the script.

use std::fmt;
use tokio_postgres::error::{DbError, ErrorPosition};

/// Why a statement failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server answered with an error.
    Answered(Box<DbError>),
    /// The server ended, as an armed fault asked it to, and has been started again.
    Fault(String),
    /// The server, the connection or the script broke.
    Broken(String),
}

impl Failure {
    /// A failure of ours, in words.
    pub(crate) fn broken(what: impl Into<String>) -> Self {
        Self::Broken(what.into())
    }

    /// The SQLSTATE, if the server answered.
    pub(crate) fn state(&self) -> Option<&str> {
        match self {
            Self::Answered(error) => Some(error.code().code()),
            Self::Fault(_) | Self::Broken(_) => None,
        }
    }

    /// SQLSTATE and message without detail, hint and position: what `--update` writes.
    pub(crate) fn headline(&self) -> String {
        match self {
            Self::Answered(error) => format!("{}: {}", error.code().code(), error.message()),
            Self::Fault(_) | Self::Broken(_) => self.to_string(),
        }
    }
}

impl fmt::Display for Failure {
    /// One line, so that a script can match it by one regular expression.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(error) => {
                write!(formatter, "{}: {}", error.code().code(), error.message())?;
                if let Some(detail) = error.detail() {
                    write!(formatter, "; detail: {detail}")?;
                }
                if let Some(hint) = error.hint() {
                    write!(formatter, "; hint: {hint}")?;
                }
                if let Some(ErrorPosition::Original(position)) = error.position() {
                    write!(formatter, "; position: {position}")?;
                }
                Ok(())
            }
            Self::Fault(point) => write!(formatter, "the server ended at the fault \"{point}\""),
            Self::Broken(what) => formatter.write_str(what),
        }
    }
}

impl std::error::Error for Failure {}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(answered) => Self::Answered(Box::new(answered.clone())),
            None => {
                let source = std::error::Error::source(&error);
                let source = source.map(|source| format!(": {source}")).unwrap_or_default();
                Self::Broken(format!("the connection broke: {error}{source}"))
            }
        }
    }
}
