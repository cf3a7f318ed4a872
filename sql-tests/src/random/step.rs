//! What a round does, one after the other.

use super::relation::Relation;
use std::fmt;

/// One thing that a round did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A statement, or several in one message.
    Sql(String),
    /// A statement that creates a relation.
    Create(Relation, String),
    /// The server was stopped cleanly and started.
    Restart,
    /// The server was killed and started.
    Crash,
    /// Every view was compared with its query.
    Check,
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql(sql) | Self::Create(_, sql) => write!(formatter, "{sql};"),
            Self::Restart => formatter.write_str("-- .restart"),
            Self::Crash => formatter.write_str("-- .crash"),
            Self::Check => formatter.write_str("-- views are compared with their queries"),
        }
    }
}
