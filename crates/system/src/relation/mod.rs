//! The system relations.

use arrow::array::RecordBatch;
use kappa_types::{Column, ColumnId, Schema, SchemaVersionId, SqlError};

use crate::SystemContext;
use crate::builtin::Builtin;
use crate::error::unsupported;

/// The columns of the system relation `name`; without a namespace, of `pg_catalog`.
#[must_use]
pub fn relation_schema(namespace: Option<&str>, name: &str) -> Option<Schema> {
    let relation = Builtin::get().relation(namespace.unwrap_or("pg_catalog"), name)?;
    let column = |(index, column): (usize, &crate::builtin::BuiltinColumn)| Column {
        id: ColumnId(u32::try_from(index + 1).unwrap_or(u32::MAX)),
        name: column.name.clone(),
        sql_type: column.ty.sql_type(),
        nullable: !column.not_null,
    };
    let columns = relation.columns.iter().enumerate().map(column).collect();
    Some(Schema { version: SchemaVersionId(0), columns })
}

/// All rows of the system relation `name`, with the columns of [`relation_schema`].
///
/// # Errors
/// 42P01 if there is no such relation.
pub fn relation_rows(
    _context: &SystemContext,
    _namespace: &str,
    _name: &str,
) -> Result<RecordBatch, SqlError> {
    Err(unsupported("this relation"))
}
