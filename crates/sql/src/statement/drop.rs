//! DROP.

use super::Name;

/// What kind of relation a statement names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationNoun {
    /// SOURCE
    Source,
    /// TABLE
    Table,
    /// VIEW
    View,
    /// MATERIALIZED VIEW
    MaterializedView,
}

impl RelationNoun {
    /// As in messages and command tags, lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Table => "table",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
        }
    }
}

/// `DROP {SOURCE | TABLE | VIEW | MATERIALIZED VIEW} [IF EXISTS] a, b [CASCADE | RESTRICT]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drop {
    /// What kind.
    pub noun: RelationNoun,
    /// Which.
    pub names: Vec<Name>,
    /// IF EXISTS.
    pub if_exists: bool,
    /// CASCADE.
    pub cascade: bool,
}
