//! `pg_attribute` and `pg_attrdef`.

use kappa_catalog::Relation;

use super::builder::{Rows, letter};
use crate::session::Session;
use crate::value::{PgType, Value};

/// Columns that a relation may have take this many bits of a default's OID.
const COLUMN_BITS: u32 = 11;
/// OIDs of defaults are above those of relations.
const DEFAULT_OIDS: u32 = 1 << 31;

/// What `pg_attribute` says of a column.
struct Attribute<'a> {
    relation: u32,
    name: &'a str,
    number: usize,
    type_oid: u32,
    typmod: i32,
    is_array: bool,
    not_null: bool,
    has_default: bool,
    generated: bool,
}

pub(super) fn pg_attribute(session: &Session<'_>, rows: &mut Rows) {
    for builtin in &session.builtin.relations {
        for (index, column) in builtin.columns.iter().enumerate() {
            let attribute = Attribute {
                relation: builtin.oid,
                name: &column.name,
                number: index + 1,
                type_oid: column.type_oid,
                typmod: -1,
                is_array: matches!(column.ty, PgType::Array(_)),
                not_null: column.not_null,
                has_default: false,
                generated: false,
            };
            push(session, &attribute, rows);
        }
    }
    for relation in session.relations() {
        for index in 0..relation.schema.columns.len() {
            push(session, &of_column(relation, index), rows);
        }
        let Some(oid) = relation.index_oid else { continue };
        for (number, position) in relation.primary_key().unwrap_or_default().iter().enumerate() {
            let column = of_column(relation, *position);
            let not_null = false;
            let (has_default, generated) = (false, false);
            let attribute = Attribute {
                relation: oid,
                number: number + 1,
                not_null,
                has_default,
                generated,
                ..column
            };
            push(session, &attribute, rows);
        }
    }
}

fn of_column(relation: &Relation, index: usize) -> Attribute<'_> {
    let column = &relation.schema.columns[index];
    let more = &relation.columns[index];
    let ty = PgType::from_sql(&column.sql_type);
    Attribute {
        relation: relation.oid,
        name: &column.name,
        number: index + 1,
        type_oid: ty.oid(),
        typmod: column.sql_type.typmod(),
        is_array: matches!(ty, PgType::Array(_)),
        not_null: more.not_null,
        has_default: more.default.is_some() || more.generated.is_some(),
        generated: more.generated.is_some(),
    }
}

fn push(session: &Session<'_>, attribute: &Attribute<'_>, rows: &mut Rows) {
    let Some(ty) = session.builtin.type_by_oid(attribute.type_oid) else { return };
    rows.push(&[
        ("attrelid", Value::oid(attribute.relation)),
        ("attname", Value::text(attribute.name)),
        ("atttypid", Value::oid(attribute.type_oid)),
        ("attstattarget", Value::Int(-1)),
        ("attlen", Value::Int(ty.length)),
        ("attnum", Value::count(attribute.number)),
        ("attndims", Value::Int(attribute.is_array.into())),
        ("attcacheoff", Value::Int(-1)),
        ("atttypmod", Value::Int(attribute.typmod.into())),
        ("attbyval", Value::Bool(ty.by_value)),
        ("attalign", Value::text(&ty.alignment)),
        ("attstorage", Value::text(&ty.storage)),
        ("attnotnull", Value::Bool(attribute.not_null)),
        ("atthasdef", Value::Bool(attribute.has_default)),
        ("attgenerated", if attribute.generated { letter('s') } else { Value::text("") }),
        ("attislocal", Value::Bool(true)),
        ("attcollation", Value::oid(ty.collation)),
    ]);
}

pub(super) fn pg_attrdef(session: &Session<'_>, rows: &mut Rows) {
    for relation in session.relations() {
        for (index, column) in relation.columns.iter().enumerate() {
            let Some(text) = column.generated.as_ref().or(column.default.as_ref()) else {
                continue;
            };
            let number = u32::try_from(index + 1).unwrap_or(0);
            let oid = DEFAULT_OIDS | (relation.id.0 << COLUMN_BITS) | number;
            rows.push(&[
                ("oid", Value::oid(oid)),
                ("adrelid", Value::oid(relation.oid)),
                ("adnum", Value::count(index + 1)),
                ("adbin", Value::text(text)),
            ]);
        }
    }
}
