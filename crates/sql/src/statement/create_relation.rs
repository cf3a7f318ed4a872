//! CREATE SOURCE and CREATE TABLE.

use std::collections::BTreeMap;

use kappa_types::SqlType;

use super::{ColumnName, ExpressionText, Name};

/// Which of the two statements it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationWord {
    /// CREATE SOURCE.
    Source,
    /// CREATE TABLE.
    Table,
}

/// `CREATE {SOURCE | TABLE} [IF NOT EXISTS] name (columns, constraints, WATERMARK FOR …)
/// [WITH (…)] [FORMAT … ENCODE …]`
#[derive(Clone, Debug, PartialEq)]
pub struct CreateRelation {
    /// SOURCE or TABLE.
    pub word: RelationWord,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Its name.
    pub name: Name,
    /// Its columns, in order.
    pub columns: Vec<ColumnClause>,
    /// PRIMARY KEY, of a column or of the table.
    pub primary_key: Option<Vec<ColumnName>>,
    /// WATERMARK FOR.
    pub watermark: Option<WatermarkClause>,
    /// WITH, FORMAT and ENCODE.
    pub connector: Connector,
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnClause {
    /// Its name.
    pub name: ColumnName,
    /// Its type.
    pub sql_type: SqlType,
    /// NOT NULL.
    pub not_null: bool,
    /// DEFAULT.
    pub default: Option<ExpressionText>,
    /// GENERATED ALWAYS AS (…) STORED, or AS (…).
    pub generated: Option<ExpressionText>,
}

/// `WATERMARK FOR column AS expression`
#[derive(Clone, Debug, PartialEq)]
pub struct WatermarkClause {
    /// The column that is promised to rise.
    pub column: ColumnName,
    /// The watermark that a row brings.
    pub expression: ExpressionText,
}

/// WITH, FORMAT and ENCODE of a relation; all empty for a push source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connector {
    /// WITH: keys as written without quotes, values as text.
    pub options: BTreeMap<String, String>,
    /// FORMAT, lower case.
    pub format: Option<String>,
    /// ENCODE, lower case.
    pub encode: Option<String>,
}
