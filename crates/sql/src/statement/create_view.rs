//! CREATE VIEW and CREATE MATERIALIZED VIEW.

use std::collections::BTreeMap;

use super::{ColumnName, Name, QueryText};

/// `CREATE [OR REPLACE] VIEW v [(columns)] AS query`
#[derive(Clone, Debug, PartialEq)]
pub struct CreateView {
    /// Its name.
    pub name: Name,
    /// OR REPLACE.
    pub or_replace: bool,
    /// Names for the first columns.
    pub columns: Vec<ColumnName>,
    /// The query.
    pub query: QueryText,
}

/// `CREATE [OR REPLACE] MATERIALIZED VIEW [IF NOT EXISTS] v [(columns)] [WITH (…)] AS query
/// [EMIT ON WINDOW CLOSE]`
#[derive(Clone, Debug, PartialEq)]
pub struct CreateMaterializedView {
    /// Its name.
    pub name: Name,
    /// OR REPLACE: a REBUILD if it exists.
    pub or_replace: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Names for the first columns.
    pub columns: Vec<ColumnName>,
    /// WITH.
    pub options: BTreeMap<String, String>,
    /// The query, without EMIT.
    pub query: QueryText,
    /// EMIT ON WINDOW CLOSE.
    pub emit_on_close: bool,
}
