//! [`Name`]: the name of a relation as written in a statement.

use std::fmt;

/// A relation's name, perhaps with its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// `public` of `public.t`.
    pub namespace: Option<String>,
    /// `t` of `public.t`; folded to lower case unless it was quoted.
    pub name: String,
    /// 1-based character position in the statement.
    pub position: usize,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A column's name as written in a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnName {
    /// Folded to lower case unless it was quoted.
    pub name: String,
    /// 1-based character position in the statement.
    pub position: usize,
}
