//! [`Error`]: what a reader or writer of contents does next.

use std::fmt;

use kappa_types::{SqlError, SqlState, Timestamp, VersionId};

/// Why contents could not be read or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The time was compacted away: read at a newer one.
    TooOld {
        /// The time asked for.
        at: Timestamp,
        /// The oldest that can be read.
        oldest: Timestamp,
    },
    /// A boundary did not come in time: try again, or find out what stands still.
    BoundaryTimeout {
        /// The time asked for.
        at_least: Timestamp,
        /// The newest boundary.
        boundary: Timestamp,
    },
    /// Somebody else holds the lock: try again.
    LockTimeout,
    /// There are no contents of this version (any more).
    UnknownVersion(VersionId),
    /// The changes do not fit the contents: the writer or its operator is wrong, the view has
    /// failed, and its contents must not be read any more.
    Broken(Broken),
}

/// Which rule a change broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A row was taken away that is not there.
    RetractedAbsent,
    /// Two rows with one unique key.
    DuplicateKey,
    /// A change at a time before one that was applied.
    TimeWentBack,
    /// More rows in one shard than can be numbered.
    TooManyRows,
    /// The rows have another schema.
    Schema,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooOld { at, oldest } => {
                write!(f, "contents at {at} are gone, the oldest are at {oldest}")
            }
            Self::BoundaryTimeout { at_least, boundary } => {
                write!(f, "no boundary at or after {at_least} came in time, newest is {boundary}")
            }
            Self::LockTimeout => f.write_str("lock was not released in time"),
            Self::UnknownVersion(version) => write!(f, "no contents of version {version}"),
            Self::Broken(Broken::RetractedAbsent) => f.write_str("retraction of an absent row"),
            Self::Broken(Broken::DuplicateKey) => f.write_str("two rows with one unique key"),
            Self::Broken(Broken::TimeWentBack) => f.write_str("changes out of the order of time"),
            Self::Broken(Broken::TooManyRows) => f.write_str("too many rows in one shard"),
            Self::Broken(Broken::Schema) => f.write_str("rows of another schema"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for SqlError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::TooOld { .. } => {
                Self::new(SqlState::SnapshotTooOld, "snapshot too old").with_detail(message)
            }
            Error::BoundaryTimeout { .. } => {
                Self::new(SqlState::QueryCanceled, "canceling statement due to read timeout")
                    .with_detail(message)
            }
            Error::LockTimeout => {
                Self::new(SqlState::LockNotAvailable, "canceling statement due to lock timeout")
            }
            Error::UnknownVersion(_) => Self::new(SqlState::ObjectNotInPrerequisiteState, message),
            Error::Broken(_) => Self::new(SqlState::InternalError, message),
        }
    }
}
