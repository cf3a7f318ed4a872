//! [`Column`] and [`Schema`]: what the rows of a relation look like.

use std::sync::Arc;

use arrow::datatypes::{Field, SchemaRef};

use crate::{ColumnId, SchemaVersionId, SqlType};

/// One column of a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Stable across schema versions.
    pub id: ColumnId,
    /// As stored: folded to lower case unless it was quoted.
    pub name: String,
    /// Its Postgres type, with modifiers.
    pub sql_type: SqlType,
    /// Whether NULL is allowed.
    pub nullable: bool,
}

/// The columns of a relation in one schema version, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Which list of columns this is.
    pub version: SchemaVersionId,
    /// The columns, in the order of `SELECT *`.
    pub columns: Vec<Column>,
}

impl Schema {
    /// The Arrow schema of rows of this relation. Each field carries its SQL type as metadata.
    ///
    /// All fields are nullable: NOT NULL is checked where rows enter, and what flows inside may be
    /// the result of an outer join.
    #[must_use]
    pub fn arrow(&self) -> SchemaRef {
        let fields: Vec<Field> =
            self.columns.iter().map(|column| column.sql_type.field(&column.name, true)).collect();
        Arc::new(arrow::datatypes::Schema::new(fields))
    }

    /// The position of the column called `name`.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}
