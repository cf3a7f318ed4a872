//! `pg_type` and `pg_proc`: PostgreSQL's own types and functions, and the row types of relations.

use kappa_catalog::Relation;

use super::builder::{Rows, letter};
use crate::context::role_oid;
use crate::session::Session;
use crate::value::Value;

/// OID of `information_schema` in the database that the types were exported from differs from
/// ours; that of `pg_catalog` is the same everywhere.
const PG_CATALOG: u32 = 11;

pub(super) fn pg_proc(session: &Session<'_>, rows: &mut Rows) {
    exported(session, "pg_proc", "pronamespace", rows);
}

/// The exported rows of `name` with our number of `information_schema` in `namespace_column`.
fn exported(session: &Session<'_>, name: &str, namespace_column: &str, rows: &mut Rows) {
    let Some(relation) = session.builtin.relation("pg_catalog", name) else { return };
    let information_schema = Value::oid(session.namespace_oid("information_schema"));
    let names: Vec<&str> = relation.columns.iter().map(|column| column.name.as_str()).collect();
    for row in session.builtin.rows(name).into_iter().flat_map(|rows| rows.iter()) {
        let mut fields: Vec<(&str, Value)> =
            names.iter().copied().zip(row.iter().cloned()).collect();
        for (name, value) in &mut fields {
            if *name == namespace_column && value.as_oid() != PG_CATALOG {
                *value = information_schema.clone();
            }
        }
        rows.push(&fields);
    }
}

pub(super) fn pg_type(session: &Session<'_>, rows: &mut Rows) {
    exported(session, "pg_type", "typnamespace", rows);
    for relation in session.relations() {
        row_type(session, relation, rows);
        array_type(session, relation, rows);
    }
}

/// OID of the built-in function `name`, which has that name alone.
fn function(session: &Session<'_>, name: &str) -> Value {
    let found = session.builtin.functions.iter().find(|function| function.name == name);
    Value::oid(found.map_or(0, |function| function.oid))
}

fn row_type(session: &Session<'_>, relation: &Relation, rows: &mut Rows) {
    rows.push(&[
        ("oid", Value::oid(relation.type_oid)),
        ("typname", Value::text(&relation.name)),
        ("typnamespace", Value::oid(session.namespace_oid(&relation.namespace_name))),
        ("typowner", Value::oid(role_oid(&relation.owner))),
        ("typlen", Value::Int(-1)),
        ("typtype", letter('c')),
        ("typcategory", letter('C')),
        ("typisdefined", Value::Bool(true)),
        ("typdelim", letter(',')),
        ("typrelid", Value::oid(relation.oid)),
        ("typarray", Value::oid(relation.array_type_oid)),
        ("typinput", function(session, "record_in")),
        ("typoutput", function(session, "record_out")),
        ("typreceive", function(session, "record_recv")),
        ("typsend", function(session, "record_send")),
        ("typalign", letter('d')),
        ("typstorage", letter('x')),
        ("typtypmod", Value::Int(-1)),
    ]);
}

fn array_type(session: &Session<'_>, relation: &Relation, rows: &mut Rows) {
    rows.push(&[
        ("oid", Value::oid(relation.array_type_oid)),
        ("typname", Value::text(format!("_{}", relation.name))),
        ("typnamespace", Value::oid(session.namespace_oid(&relation.namespace_name))),
        ("typowner", Value::oid(role_oid(&relation.owner))),
        ("typlen", Value::Int(-1)),
        ("typtype", letter('b')),
        ("typcategory", letter('A')),
        ("typisdefined", Value::Bool(true)),
        ("typdelim", letter(',')),
        ("typsubscript", function(session, "array_subscript_handler")),
        ("typelem", Value::oid(relation.type_oid)),
        ("typinput", function(session, "array_in")),
        ("typoutput", function(session, "array_out")),
        ("typreceive", function(session, "array_recv")),
        ("typsend", function(session, "array_send")),
        ("typanalyze", function(session, "array_typanalyze")),
        ("typalign", letter('d')),
        ("typstorage", letter('x')),
        ("typtypmod", Value::Int(-1)),
    ]);
}
