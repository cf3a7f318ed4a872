//! COMMENT ON.

use super::{ColumnName, Name, RelationNoun};

/// `COMMENT ON … IS {'text' | NULL}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// What is commented.
    pub target: CommentTarget,
    /// The comment; `None` takes it away.
    pub text: Option<String>,
}

/// What is commented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommentTarget {
    /// A relation.
    Relation {
        /// The word used.
        noun: RelationNoun,
        /// Which.
        name: Name,
    },
    /// A column of a relation.
    Column {
        /// The relation.
        relation: Name,
        /// The column.
        column: ColumnName,
    },
    /// A namespace.
    Namespace(String),
}
