//! `pg_class`, `pg_index`, `pg_constraint`.

use kappa_catalog::{Relation, RelationKind};

use super::builder::{Rows, letter};
use crate::context::role_oid;
use crate::session::{Session, index_name};
use crate::value::{PgType, Value};

/// OID of the access method of tables, `heap`.
const HEAP: u32 = 2;
/// OID of the access method of indexes, `btree`.
const BTREE: u32 = 403;
/// `reltuples` of a relation that was not counted.
const NOT_COUNTED: f64 = -1.0;
/// OID of the operator class `text_ops`, for types that compare as text.
const TEXT_OPS: u32 = 3126;

/// `pg_class.relkind`
pub(super) const fn relkind(relation: &Relation) -> char {
    match relation.kind {
        RelationKind::Source { .. } | RelationKind::Table { .. } => 'r',
        RelationKind::View { .. } => 'v',
        RelationKind::MaterializedView { .. } => 'm',
    }
}

pub(super) fn pg_class(session: &Session<'_>, rows: &mut Rows) {
    for builtin in &session.builtin.relations {
        let is_view = builtin.kind == 'v';
        rows.push(&[
            ("oid", Value::oid(builtin.oid)),
            ("relname", Value::text(&builtin.name)),
            ("relnamespace", Value::oid(session.namespace_oid(&builtin.namespace))),
            ("reltype", Value::oid(builtin.type_oid)),
            ("relowner", Value::oid(role_oid("kappa"))),
            ("relam", Value::oid(if is_view { 0 } else { HEAP })),
            ("reltuples", Value::Float(NOT_COUNTED)),
            ("relpersistence", letter('p')),
            ("relkind", letter(builtin.kind)),
            ("relnatts", Value::count(builtin.columns.len())),
            ("relhasrules", Value::Bool(is_view)),
            ("relispopulated", Value::Bool(true)),
            ("relreplident", letter('n')),
        ]);
    }
    for relation in session.relations() {
        relation_class(session, relation, rows);
        if let Some(oid) = relation.index_oid {
            index_class(session, relation, oid, rows);
        }
    }
}

fn relation_class(session: &Session<'_>, relation: &Relation, rows: &mut Rows) {
    let kind = relkind(relation);
    let is_view = kind == 'v';
    let count = session.context.state.row_count(relation.id);
    rows.push(&[
        ("oid", Value::oid(relation.oid)),
        ("relname", Value::text(&relation.name)),
        ("relnamespace", Value::oid(session.namespace_oid(&relation.namespace_name))),
        ("reltype", Value::oid(relation.type_oid)),
        ("relowner", Value::oid(role_oid(&relation.owner))),
        ("relam", Value::oid(if is_view { 0 } else { HEAP })),
        ("relfilenode", Value::oid(if is_view { 0 } else { relation.oid })),
        ("reltuples", Value::Float(count.map_or(NOT_COUNTED, |count| count as f64))),
        ("relhasindex", Value::Bool(relation.index_oid.is_some())),
        ("relpersistence", letter('p')),
        ("relkind", letter(kind)),
        ("relnatts", Value::count(relation.schema.columns.len())),
        ("relhasrules", Value::Bool(relation.query().is_some())),
        ("relispopulated", Value::Bool(true)),
        ("relreplident", letter(if is_view { 'n' } else { 'd' })),
    ]);
}

fn index_class(session: &Session<'_>, relation: &Relation, oid: u32, rows: &mut Rows) {
    rows.push(&[
        ("oid", Value::oid(oid)),
        ("relname", Value::text(index_name(relation))),
        ("relnamespace", Value::oid(session.namespace_oid(&relation.namespace_name))),
        ("relowner", Value::oid(role_oid(&relation.owner))),
        ("relam", Value::oid(BTREE)),
        ("relfilenode", Value::oid(oid)),
        ("reltuples", Value::Float(NOT_COUNTED)),
        ("relpersistence", letter('p')),
        ("relkind", letter('i')),
        ("relnatts", Value::count(key_numbers(relation).len())),
        ("relispopulated", Value::Bool(true)),
        ("relreplident", letter('n')),
    ]);
}

/// `attnum` of each column of the primary key.
fn key_numbers(relation: &Relation) -> Vec<Value> {
    let positions = relation.primary_key().unwrap_or_default();
    positions.into_iter().map(|position| Value::count(position + 1)).collect()
}

pub(super) fn pg_index(session: &Session<'_>, rows: &mut Rows) {
    for relation in session.relations() {
        let Some(oid) = relation.index_oid else { continue };
        let numbers = key_numbers(relation);
        let count = numbers.len();
        let positions = relation.primary_key().unwrap_or_default();
        let types =
            positions.iter().map(|at| PgType::from_sql(&relation.schema.columns[*at].sql_type));
        let types: Vec<PgType> = types.collect();
        let collation = |ty: &PgType| {
            let found = session.builtin.type_by_oid(ty.oid());
            Value::oid(found.map_or(0, |found| found.collation))
        };
        let class = |ty: &PgType| Value::oid(operator_class(session, ty));
        rows.push(&[
            ("indexrelid", Value::oid(oid)),
            ("indrelid", Value::oid(relation.oid)),
            ("indnatts", Value::count(count)),
            ("indnkeyatts", Value::count(count)),
            ("indisunique", Value::Bool(true)),
            ("indisprimary", Value::Bool(true)),
            ("indimmediate", Value::Bool(true)),
            ("indisvalid", Value::Bool(true)),
            ("indisready", Value::Bool(true)),
            ("indislive", Value::Bool(true)),
            ("indkey", Value::vector(numbers)),
            ("indcollation", Value::vector(types.iter().map(collation).collect())),
            ("indclass", Value::vector(types.iter().map(class).collect())),
            ("indoption", Value::vector(vec![Value::Int(0); count])),
        ]);
    }
}

/// OID of the default operator class of btree for a type.
fn operator_class(session: &Session<'_>, ty: &PgType) -> u32 {
    let Some(relation) = session.builtin.relation("pg_catalog", "pg_opclass") else { return 0 };
    let at = |name| relation.position(name).unwrap_or(0);
    let (oid, method, input, default) =
        (at("oid"), at("opcmethod"), at("opcintype"), at("opcdefault"));
    let rows = session.builtin.rows("pg_opclass");
    let found = rows.into_iter().flat_map(|rows| rows.iter()).find(|row| {
        row[method].as_oid() == BTREE
            && row[input].as_oid() == ty.oid()
            && row[default].as_bool() == Some(true)
    });
    found.map_or(TEXT_OPS, |row| row[oid].as_oid())
}

pub(super) fn pg_constraint(session: &Session<'_>, rows: &mut Rows) {
    for relation in session.relations() {
        let Some(oid) = relation.index_oid else { continue };
        rows.push(&[
            // A primary key and its index are one object of the catalogue and share the number.
            ("oid", Value::oid(oid)),
            ("conname", Value::text(index_name(relation))),
            ("connamespace", Value::oid(session.namespace_oid(&relation.namespace_name))),
            ("contype", letter('p')),
            ("convalidated", Value::Bool(true)),
            ("conrelid", Value::oid(relation.oid)),
            ("conindid", Value::oid(oid)),
            ("confupdtype", letter(' ')),
            ("confdeltype", letter(' ')),
            ("confmatchtype", letter(' ')),
            ("conislocal", Value::Bool(true)),
            ("connoinherit", Value::Bool(true)),
            ("conkey", Value::array(key_numbers(relation))),
        ]);
    }
}
