//! [`Error`]: why DDL records cannot be read.

use std::fmt;

/// What is wrong with a DDL record. Either way the catalogue cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The bytes are not what was written: repair the log.
    Damaged {
        /// What did not fit.
        what: &'static str,
    },
    /// Written by a newer program: use that one.
    UnknownVersion {
        /// The version that the record names.
        version: u8,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { what } => write!(f, "damaged DDL record: {what}"),
            Self::UnknownVersion { version } => {
                write!(f, "DDL record of unknown format version {version}")
            }
        }
    }
}

impl std::error::Error for Error {}
