//! [`Error`]: what can go wrong in the log, by what the caller does next.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a call of the log failed.
#[derive(Clone, Debug)]
pub enum Error {
    /// There is no room for another WAL file or segment. Nothing of the call was kept. Reads go on;
    /// writes succeed again by themselves when there is room (53100).
    DiskFull,
    /// Another server uses the directory. Do not start.
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// Acknowledged data is damaged or missing. Do not start: repair from a copy.
    Corrupt {
        /// The damaged file, or the directory in which one is missing.
        path: PathBuf,
        /// What was found there.
        what: String,
    },
    /// Written by a version of the program that this one does not know. Start a newer one.
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// Which version or feature bits stand there.
        what: String,
    },
    /// The file system failed. On the write path the process has been told to abort
    /// ([`crate::Fs::fatal`]); nothing is acknowledged any more.
    Io {
        /// What was tried.
        what: String,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// The caller broke a rule of the interface; nothing was changed.
    Invalid(String),
    /// The log was closed.
    Closed,
}

impl Error {
    /// An I/O error while doing `what`.
    pub(crate) fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io { what: what.into(), source: Arc::new(source) }
    }

    /// An I/O error while doing `what`; a lack of room becomes [`Error::DiskFull`].
    pub(crate) fn io_or_full(what: impl Into<String>, source: io::Error) -> Self {
        if is_full(&source) { Self::DiskFull } else { Self::io(what, source) }
    }

    /// Damage in `path`.
    pub(crate) fn corrupt(path: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self::Corrupt { path: path.into(), what: what.into() }
    }
}

/// Whether `error` means that the disk (or the user's quota) is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        || matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DiskFull => f.write_str("no room left on the disk"),
            Self::Locked { path } => {
                write!(f, "data directory \"{}\" is in use by another server", path.display())
            }
            Self::Corrupt { path, what } => write!(f, "\"{}\" is damaged: {what}", path.display()),
            Self::UnknownVersion { path, what } => {
                write!(f, "\"{}\" was written by another version: {what}", path.display())
            }
            Self::Io { what, .. } => write!(f, "could not {what}"),
            Self::Invalid(what) => f.write_str(what),
            Self::Closed => f.write_str("the log is closed"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }
}
