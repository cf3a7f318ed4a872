//! Questions about objects by OID and name.

use kappa_types::{SqlError, SqlState};

use super::Argument::{Any, Class, Int, Oid, Text};
use super::Function;
use super::quote::text;
use crate::session::{Class as PgClass, Session};
use crate::value::{
    Base, PgType, Value, class_named, find_type, format_type, functions_named, procedure_named,
};

/// OID of `pg_class` in `pg_class`.
pub(crate) const PG_CLASS: u32 = 1259;
/// OID of `pg_namespace` in `pg_class`.
pub(crate) const PG_NAMESPACE: u32 = 2615;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("format_type", &[Oid, Int], PgType::Text, |s, v, _| {
        if v[0].is_null() {
            return Ok(Value::Null);
        }
        let typmod = v[1].as_int().and_then(|typmod| i32::try_from(typmod).ok());
        Ok(Value::text(format_type(s, v[0].as_oid(), typmod)))
    })
    .lenient(),
    Function::new("pg_get_userbyid", &[Oid], PgType::Name, |s, v, _| {
        let oid = v[0].as_oid();
        Ok(Value::text(s.role_name(oid).unwrap_or_else(|| format!("unknown (OID={oid})"))))
    }),
    Function::new("obj_description", &[Oid, Text], PgType::Text, |s, v, _| {
        let relation = v.get(1).map(text);
        Ok(Value::optional_text(description(s, v[0].as_oid(), relation)))
    })
    .optional(1),
    Function::new("col_description", &[Oid, Int], PgType::Text, |s, v, _| {
        let number = v[1].as_int().and_then(|number| usize::try_from(number).ok());
        let Some(PgClass::Relation(relation)) = s.class_by_oid(v[0].as_oid()) else {
            return Ok(Value::Null);
        };
        let column = number.and_then(|n| n.checked_sub(1)).and_then(|n| relation.columns.get(n));
        Ok(Value::optional_text(column.and_then(|column| column.comment.as_ref())))
    }),
    Function::new("shobj_description", &[Oid, Text], PgType::Text, |_, _, _| Ok(Value::Null)),
    Function::new("to_regclass", &[Text], PgType::Base(Base::RegClass), |s, v, _| {
        let found = class_named(s, text(&v[0])).ok().flatten();
        Ok(oid_or_null(found.map(|class| class.oid())))
    }),
    Function::new("to_regtype", &[Text], PgType::Base(Base::RegType), |s, v, _| {
        Ok(oid_or_null(find_type(s, text(&v[0])).map(|found| found.oid)))
    }),
    Function::new("to_regnamespace", &[Text], PgType::Base(Base::RegNamespace), |s, v, _| {
        Ok(oid_or_null(Some(s.namespace_oid(text(&v[0]))).filter(|oid| *oid != 0)))
    }),
    Function::new("to_regrole", &[Text], PgType::Base(Base::RegRole), |s, v, _| {
        Ok(oid_or_null(s.context.roles().get(text(&v[0])).copied()))
    }),
    Function::new("to_regproc", &[Text], PgType::Base(Base::RegProc), |s, v, _| {
        match functions_named(s, text(&v[0])).unwrap_or_default().as_slice() {
            [only] => Ok(Value::oid(only.oid)),
            _ => Ok(Value::Null),
        }
    }),
    Function::new("to_regprocedure", &[Text], PgType::Base(Base::RegProcedure), |s, v, _| {
        Ok(oid_or_null(procedure_named(s, text(&v[0])).ok().flatten()))
    }),
    // There are no sequences, partitions, publications or tablespaces besides the default ones.
    Function::new("pg_get_serial_sequence", &[Text, Text], PgType::Text, |s, v, _| {
        let relation = text(&v[0]);
        match class_named(s, relation)? {
            Some(_) => Ok(Value::Null),
            None => Err(crate::error::undefined_table(relation)),
        }
    }),
    Function::new("pg_tablespace_location", &[Oid], PgType::Text, |_, _, _| Ok(Value::text(""))),
    Function::new("pg_relation_is_publishable", &[Class], PgType::Bool, |s, v, _| {
        let class = s.class_by_oid(v[0].as_oid());
        let is_base = |class: &PgClass| class.relation().is_some_and(|relation| relation.is_base());
        Ok(Value::Bool(class.as_ref().is_some_and(is_base)))
    }),
    Function::new("pg_relation_is_updatable", &[Class, Any], PgType::Int4, |s, v, _| {
        /// INSERT, UPDATE and DELETE in PostgreSQL's bits.
        const ALL_EVENTS: i64 = 28;
        /// INSERT.
        const INSERT: i64 = 8;
        let class = s.class_by_oid(v[0].as_oid());
        Ok(Value::Int(match class.as_ref().and_then(PgClass::relation).map(|r| &r.kind) {
            Some(kappa_catalog::RelationKind::Table { .. }) => ALL_EVENTS,
            Some(kappa_catalog::RelationKind::Source { .. }) => INSERT,
            _ => 0,
        }))
    }),
    Function::new("pg_filenode_relation", &[Oid, Oid], PgType::Base(Base::RegClass), |_, _, _| {
        Ok(Value::Null)
    }),
    Function::new("pg_relation_filenode", &[Class], PgType::Oid, |_, _, _| Ok(Value::Null)),
    Function::new("pg_stat_get_numscans", &[Oid], PgType::Int8, |_, _, _| Ok(Value::Int(0))),
    Function::new("pg_stat_get_live_tuples", &[Oid], PgType::Int8, |s, v, _| {
        Ok(row_count(s, v[0].as_oid()).map_or(Value::Int(0), Value::Int))
    }),
    Function::new("pg_index_column_has_property", &[Class, Int, Text], PgType::Bool, |s, v, _| {
        let Some(PgClass::Index(_)) = s.class_by_oid(v[0].as_oid()) else { return Ok(Value::Null) };
        Ok(match text(&v[2]) {
            "asc" | "nulls_last" | "orderable" | "returnable" | "search_nulls" => Value::Bool(true),
            "desc" | "nulls_first" | "distance_orderable" | "search_array" => Value::Bool(false),
            _ => Value::Null,
        })
    }),
];

fn oid_or_null(oid: Option<u32>) -> Value {
    oid.map_or(Value::Null, Value::oid)
}

/// The comment on an object of the system relation `relation`; of any, without one.
fn description(session: &Session<'_>, oid: u32, relation: Option<&str>) -> Option<String> {
    let of_classes = relation.is_none_or(|relation| relation.ends_with("pg_class"));
    if of_classes && let Some(PgClass::Relation(found)) = session.class_by_oid(oid) {
        return found.comment.clone();
    }
    let of_namespaces = relation.is_none_or(|relation| relation.ends_with("pg_namespace"));
    let namespace = session.namespace_by_oid(oid).filter(|_| of_namespaces)?;
    namespace.comment.clone()
}

/// Rows of the relation with this OID, as far as known.
pub(crate) fn row_count(session: &Session<'_>, oid: u32) -> Option<i64> {
    let class = session.class_by_oid(oid)?;
    let count = session.context.state.row_count(class.relation()?.id)?;
    i64::try_from(count).ok()
}

/// 42P01 for an OID that is no relation.
pub(super) fn undefined_oid(oid: u32) -> SqlError {
    let message = format!("relation with OID {oid} does not exist");
    SqlError::new(SqlState::UndefinedTable, message)
}
