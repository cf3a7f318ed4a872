//! information_schema. Materialized views are listed as views, so that pickers show them.

use kappa_catalog::{Relation, RelationKind};

use super::builder::{Rows, yes_or_no};
use super::class::relkind;
use crate::session::{Session, index_name};
use crate::value::{Base, PgType, Value, format_type};

/// Bytes that a text of unlimited length may have, as PostgreSQL says it.
const TEXT_SIZE_BYTES_MAX: i64 = 1 << 30;
/// Bytes of the longest character.
const CHARACTER_SIZE_BYTES_MAX: i64 = 4;

pub(super) fn catalog_name(session: &Session<'_>, rows: &mut Rows) {
    rows.push(&[("catalog_name", Value::text(&session.context.database))]);
}

pub(super) fn character_sets(session: &Session<'_>, rows: &mut Rows) {
    rows.push(&[
        ("character_set_name", Value::text("UTF8")),
        ("character_repertoire", Value::text("UCS")),
        ("form_of_use", Value::text("UTF8")),
        ("default_collate_catalog", Value::text(&session.context.database)),
        ("default_collate_schema", Value::text("pg_catalog")),
        ("default_collate_name", Value::text("C")),
    ]);
}

pub(super) fn enabled_roles(session: &Session<'_>, rows: &mut Rows) {
    for name in session.context.roles().keys() {
        rows.push(&[("role_name", Value::text(name))]);
    }
}

pub(super) fn schemata(session: &Session<'_>, rows: &mut Rows) {
    for namespace in session.context.snapshot.namespaces() {
        rows.push(&[
            ("catalog_name", Value::text(&session.context.database)),
            ("schema_name", Value::text(&namespace.name)),
            ("schema_owner", Value::text(&namespace.owner)),
        ]);
    }
}

pub(super) fn tables(session: &Session<'_>, rows: &mut Rows) {
    let mut push = |namespace: &str, name: &str, kind: &str, insertable: bool| {
        rows.push(&[
            ("table_catalog", Value::text(&session.context.database)),
            ("table_schema", Value::text(namespace)),
            ("table_name", Value::text(name)),
            ("table_type", Value::text(kind)),
            ("is_insertable_into", yes_or_no(insertable)),
            ("is_typed", yes_or_no(false)),
        ]);
    };
    for builtin in &session.builtin.relations {
        let kind = if builtin.kind == 'v' { "VIEW" } else { "BASE TABLE" };
        push(&builtin.namespace, &builtin.name, kind, false);
    }
    for relation in session.relations() {
        let base = relation.is_base();
        let kind = if base { "BASE TABLE" } else { "VIEW" };
        push(&relation.namespace_name, &relation.name, kind, base);
    }
}

pub(super) fn views(session: &Session<'_>, rows: &mut Rows) {
    for relation in session.relations() {
        let Some(query) = relation.query() else { continue };
        rows.push(&[
            ("table_catalog", Value::text(&session.context.database)),
            ("table_schema", Value::text(&relation.namespace_name)),
            ("table_name", Value::text(&relation.name)),
            ("view_definition", Value::text(format!("{query};"))),
            ("check_option", Value::text("NONE")),
            ("is_updatable", yes_or_no(false)),
            ("is_insertable_into", yes_or_no(false)),
            ("is_trigger_updatable", yes_or_no(false)),
            ("is_trigger_deletable", yes_or_no(false)),
            ("is_trigger_insertable_into", yes_or_no(false)),
        ]);
    }
}

/// What `columns` says of a column.
struct Described<'a> {
    namespace: &'a str,
    table: &'a str,
    name: &'a str,
    number: usize,
    ty: PgType,
    type_oid: u32,
    typmod: i32,
    nullable: bool,
    default: Option<&'a String>,
    generated: Option<&'a String>,
    updatable: bool,
}

pub(super) fn columns(session: &Session<'_>, rows: &mut Rows) {
    for builtin in &session.builtin.relations {
        for (index, column) in builtin.columns.iter().enumerate() {
            let described = Described {
                namespace: &builtin.namespace,
                table: &builtin.name,
                name: &column.name,
                number: index + 1,
                ty: column.ty.clone(),
                type_oid: column.type_oid,
                typmod: -1,
                nullable: !column.not_null,
                default: None,
                generated: None,
                updatable: false,
            };
            push_column(session, &described, rows);
        }
    }
    for relation in session.relations() {
        let updatable = matches!(relation.kind, RelationKind::Table { .. });
        for (index, (column, more)) in
            relation.schema.columns.iter().zip(&relation.columns).enumerate()
        {
            let ty = PgType::from_sql(&column.sql_type);
            let described = Described {
                namespace: &relation.namespace_name,
                table: &relation.name,
                name: &column.name,
                number: index + 1,
                type_oid: ty.oid(),
                ty,
                typmod: column.sql_type.typmod(),
                nullable: !more.not_null,
                default: more.default.as_ref(),
                generated: more.generated.as_ref(),
                updatable,
            };
            push_column(session, &described, rows);
        }
    }
}

fn push_column(session: &Session<'_>, column: &Described<'_>, rows: &mut Rows) {
    let catalog = || Value::text(&session.context.database);
    // Domains are described by what they are made of, but keep their own name.
    let type_name = match &column.ty {
        PgType::Array(_) => "ARRAY".to_owned(),
        ty => format_type(session, ty.oid(), None),
    };
    let udt = session.builtin.type_by_oid(column.ty.oid());
    let domain = session.builtin.type_by_oid(column.type_oid).filter(|ty| ty.base != 0);
    let domain_part = |value: Value| if domain.is_some() { value } else { Value::Null };
    let numbers = number_facts(&column.ty, column.typmod);
    let (characters, octets) = text_facts(&column.ty, column.typmod);
    rows.push(&[
        ("table_catalog", catalog()),
        ("table_schema", Value::text(column.namespace)),
        ("table_name", Value::text(column.table)),
        ("column_name", Value::text(column.name)),
        ("ordinal_position", Value::count(column.number)),
        ("column_default", Value::optional_text(column.default)),
        ("is_nullable", yes_or_no(column.nullable)),
        ("data_type", Value::text(type_name)),
        ("character_maximum_length", optional(characters)),
        ("character_octet_length", optional(octets)),
        ("numeric_precision", optional(numbers.precision)),
        ("numeric_precision_radix", optional(numbers.radix)),
        ("numeric_scale", optional(numbers.scale)),
        ("datetime_precision", optional(time_precision(&column.ty))),
        ("domain_catalog", domain_part(catalog())),
        ("domain_schema", domain_part(Value::text("information_schema"))),
        ("domain_name", Value::optional_text(domain.map(|domain| &domain.name))),
        ("udt_catalog", catalog()),
        ("udt_schema", Value::text("pg_catalog")),
        ("udt_name", Value::optional_text(udt.map(|udt| &udt.name))),
        ("dtd_identifier", Value::text(column.number.to_string())),
        ("is_self_referencing", yes_or_no(false)),
        ("is_identity", yes_or_no(false)),
        ("identity_cycle", yes_or_no(false)),
        ("is_generated", Value::text(if column.generated.is_some() { "ALWAYS" } else { "NEVER" })),
        ("generation_expression", Value::optional_text(column.generated)),
        ("is_updatable", yes_or_no(column.updatable)),
    ]);
}

fn optional(value: Option<i64>) -> Value {
    value.map_or(Value::Null, Value::Int)
}

/// Precision, radix and scale of a number type.
#[derive(Default)]
struct NumberFacts {
    precision: Option<i64>,
    radix: Option<i64>,
    scale: Option<i64>,
}

fn number_facts(ty: &PgType, typmod: i32) -> NumberFacts {
    let binary =
        |precision, scale| NumberFacts { precision: Some(precision), radix: Some(2), scale };
    match ty.base() {
        Some(Base::Int2) => binary(16, Some(0)),
        Some(Base::Int4) => binary(32, Some(0)),
        Some(Base::Int8) => binary(64, Some(0)),
        Some(Base::Float4) => binary(24, None),
        Some(Base::Float8) => binary(53, None),
        Some(Base::Numeric) => {
            let modifiers = (typmod >= 4).then(|| i64::from(typmod - 4));
            NumberFacts {
                precision: modifiers.map(|modifiers| modifiers >> 16),
                radix: Some(10),
                scale: modifiers.map(|modifiers| modifiers & 0xffff),
            }
        }
        _ => NumberFacts::default(),
    }
}

/// Characters and bytes that a text type may have.
fn text_facts(ty: &PgType, typmod: i32) -> (Option<i64>, Option<i64>) {
    match ty.base() {
        Some(Base::Varchar | Base::BpChar) if typmod >= 4 => {
            let characters = i64::from(typmod - 4);
            (Some(characters), Some(characters * CHARACTER_SIZE_BYTES_MAX))
        }
        Some(Base::Text | Base::Varchar | Base::BpChar) => (None, Some(TEXT_SIZE_BYTES_MAX)),
        _ => (None, None),
    }
}

/// Digits of the second that a time type keeps.
fn time_precision(ty: &PgType) -> Option<i64> {
    match ty.base() {
        Some(Base::Date) => Some(0),
        Some(Base::Time | Base::Timestamp | Base::Timestamptz | Base::Interval) => Some(6),
        _ => None,
    }
}

fn keyed<'s>(session: &'s Session<'_>) -> impl Iterator<Item = &'s Relation> {
    let relations = session.relations().filter(|relation| relation.index_oid.is_some());
    relations.map(AsRef::as_ref).filter(|relation| relkind(relation) == 'r')
}

pub(super) fn table_constraints(session: &Session<'_>, rows: &mut Rows) {
    let catalog = || Value::text(&session.context.database);
    for relation in keyed(session) {
        rows.push(&[
            ("constraint_catalog", catalog()),
            ("constraint_schema", Value::text(&relation.namespace_name)),
            ("constraint_name", Value::text(index_name(relation))),
            ("table_catalog", catalog()),
            ("table_schema", Value::text(&relation.namespace_name)),
            ("table_name", Value::text(&relation.name)),
            ("constraint_type", Value::text("PRIMARY KEY")),
            ("is_deferrable", yes_or_no(false)),
            ("initially_deferred", yes_or_no(false)),
            ("enforced", yes_or_no(true)),
        ]);
    }
}

pub(super) fn key_column_usage(session: &Session<'_>, rows: &mut Rows) {
    let catalog = || Value::text(&session.context.database);
    for relation in keyed(session) {
        for (number, position) in relation.primary_key().unwrap_or_default().iter().enumerate() {
            rows.push(&[
                ("constraint_catalog", catalog()),
                ("constraint_schema", Value::text(&relation.namespace_name)),
                ("constraint_name", Value::text(index_name(relation))),
                ("table_catalog", catalog()),
                ("table_schema", Value::text(&relation.namespace_name)),
                ("table_name", Value::text(&relation.name)),
                ("column_name", Value::text(&relation.schema.columns[*position].name)),
                ("ordinal_position", Value::count(number + 1)),
            ]);
        }
    }
}

pub(super) fn constraint_column_usage(session: &Session<'_>, rows: &mut Rows) {
    let catalog = || Value::text(&session.context.database);
    for relation in keyed(session) {
        for position in relation.primary_key().unwrap_or_default() {
            rows.push(&[
                ("table_catalog", catalog()),
                ("table_schema", Value::text(&relation.namespace_name)),
                ("table_name", Value::text(&relation.name)),
                ("column_name", Value::text(&relation.schema.columns[position].name)),
                ("constraint_catalog", catalog()),
                ("constraint_schema", Value::text(&relation.namespace_name)),
                ("constraint_name", Value::text(index_name(relation))),
            ]);
        }
    }
}
