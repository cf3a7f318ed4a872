//! SHOW.

use super::{Name, RelationNoun};

/// SHOW.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Show {
    /// `SHOW name`: a parameter.
    Parameter(String),
    /// `SHOW ALL`
    All,
    /// `SHOW {SOURCES | TABLES | VIEWS | MATERIALIZED VIEWS}`
    Relations(RelationNoun),
    /// `SHOW REBUILDS`
    Rebuilds,
    /// `SHOW COLUMNS FROM name`
    Columns(Name),
    /// `SHOW CREATE {SOURCE | TABLE | VIEW | MATERIALIZED VIEW} name`
    Create {
        /// The word used.
        noun: RelationNoun,
        /// Which.
        name: Name,
    },
}
