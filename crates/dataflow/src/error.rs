//! [`Error`]: what can go wrong in the runtime, by what the caller does next.

use std::fmt;

use kappa_types::VersionId;

/// Why a call of the runtime failed.
#[derive(Debug)]
pub enum Error {
    /// The plan needs something that no operator does. Refuse the statement (0A000).
    Unsupported(String),
    /// An action names a version that is not installed, or installs one twice. A bug of the caller.
    UnknownVersion(VersionId),
    /// The log could not be read. Nothing runs on; restart.
    Log(kappa_log::Error),
    /// Threads could not be started.
    Start(String),
    /// The runtime was stopped, or ended by an error that was logged.
    Stopped,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(what) => write!(f, "{what} cannot be kept up to date"),
            Self::UnknownVersion(version) => write!(f, "version {version} is not installed"),
            Self::Log(_) => f.write_str("could not read the log"),
            Self::Start(what) => write!(f, "could not start the workers: {what}"),
            Self::Stopped => f.write_str("the dataflow runtime is stopped"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Log(error) => Some(error),
            _ => None,
        }
    }
}

impl From<kappa_log::Error> for Error {
    fn from(error: kappa_log::Error) -> Self {
        Self::Log(error)
    }
}
