//! The rows of each system relation, and which relations have rows.

use super::builder::Rows;
use super::{
    activity, attribute, class, depend, information, namespace, role, setting, statistics, types,
    view,
};
use crate::SystemContext;
use crate::builtin::{Builtin, BuiltinColumn, BuiltinRelation};
use crate::error::{mismatch, undefined_table};
use crate::session::Session;
use crate::value::{Row, Value, to_arrow};
use arrow::array::RecordBatch;
use kappa_types::{Column, ColumnId, Schema, SchemaVersionId, SqlError};
use std::sync::Arc;

/// How the rows of a relation are made.
type Maker = fn(&Session<'_>, &mut Rows);

/// The relations with rows of the catalogue, by namespace and name.
static MAKERS: &[(&str, &str, Maker)] = &[
    ("pg_catalog", "pg_attrdef", attribute::pg_attrdef),
    ("pg_catalog", "pg_attribute", attribute::pg_attribute),
    ("pg_catalog", "pg_authid", role::pg_authid),
    ("pg_catalog", "pg_class", class::pg_class),
    ("pg_catalog", "pg_constraint", class::pg_constraint),
    ("pg_catalog", "pg_database", namespace::pg_database),
    ("pg_catalog", "pg_depend", depend::pg_depend),
    ("pg_catalog", "pg_description", depend::pg_description),
    ("pg_catalog", "pg_index", class::pg_index),
    ("pg_catalog", "pg_indexes", view::pg_indexes),
    ("pg_catalog", "pg_matviews", view::pg_matviews),
    ("pg_catalog", "pg_namespace", namespace::pg_namespace),
    ("pg_catalog", "pg_proc", types::pg_proc),
    ("pg_catalog", "pg_rewrite", depend::pg_rewrite),
    ("pg_catalog", "pg_roles", role::pg_roles),
    ("pg_catalog", "pg_settings", setting::pg_settings),
    ("pg_catalog", "pg_shadow", role::pg_shadow),
    ("pg_catalog", "pg_stat_activity", activity::pg_stat_activity),
    ("pg_catalog", "pg_stat_all_tables", statistics::all_tables),
    ("pg_catalog", "pg_stat_database", statistics::database),
    ("pg_catalog", "pg_stat_user_tables", statistics::user_tables),
    ("pg_catalog", "pg_tables", view::pg_tables),
    ("pg_catalog", "pg_type", types::pg_type),
    ("pg_catalog", "pg_user", role::pg_user),
    ("pg_catalog", "pg_views", view::pg_views),
    ("information_schema", "character_sets", information::character_sets),
    ("information_schema", "columns", information::columns),
    ("information_schema", "constraint_column_usage", information::constraint_column_usage),
    ("information_schema", "enabled_roles", information::enabled_roles),
    ("information_schema", "information_schema_catalog_name", information::catalog_name),
    ("information_schema", "key_column_usage", information::key_column_usage),
    ("information_schema", "schemata", information::schemata),
    ("information_schema", "table_constraints", information::table_constraints),
    ("information_schema", "tables", information::tables),
    ("information_schema", "views", information::views),
];

/// The rows of the relation at `index` of the built-in list.
pub(crate) fn rows(session: &Session<'_>, index: usize) -> Result<Arc<[Row]>, SqlError> {
    let relation: &'static BuiltinRelation = &session.builtin.relations[index];
    let maker = MAKERS
        .iter()
        .find(|(namespace, name, _)| *namespace == relation.namespace && *name == relation.name);
    if let Some((_, _, make)) = maker {
        let mut rows = Rows::new(relation);
        make(session, &mut rows);
        return Ok(rows.finish().into());
    }
    let exported = session.builtin.rows(&relation.name);
    Ok(exported.filter(|_| relation.namespace == "pg_catalog").cloned().unwrap_or_default())
}

/// The columns of the system relation `name`; without a namespace, of `pg_catalog`.
#[must_use]
pub fn relation_schema(namespace: Option<&str>, name: &str) -> Option<Schema> {
    let relation = Builtin::get().relation(namespace.unwrap_or("pg_catalog"), name)?;
    let column = |(index, column): (usize, &BuiltinColumn)| Column {
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
    context: &SystemContext,
    namespace: &str,
    name: &str,
) -> Result<RecordBatch, SqlError> {
    let session = Session::new(context);
    let index = session.builtin.relation_index(namespace, name);
    let index = index.ok_or_else(|| undefined_table(&format!("{namespace}.{name}")))?;
    let schema = relation_schema(Some(namespace), name).ok_or_else(|| undefined_table(name))?;
    let rows = rows(&session, index)?;
    let mut columns = Vec::with_capacity(schema.columns.len());
    for (position, column) in session.builtin.relations[index].columns.iter().enumerate() {
        let values: Vec<Value> = rows.iter().map(|row| row[position].clone()).collect();
        columns.push(to_arrow(&session, &values, &column.ty)?);
    }
    RecordBatch::try_new(schema.arrow(), columns).map_err(|_| mismatch(name))
}
