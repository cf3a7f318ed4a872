//! Whether the bare name of an object means it.

use super::Argument::Oid;
use super::Function;
use crate::session::{Class, Session};
use crate::value::{PgType, Value};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("pg_table_is_visible", &[Oid], PgType::Bool, |s, v, _| {
        Ok(s.class_by_oid(v[0].as_oid())
            .map_or(Value::Null, |class| Value::Bool(s.is_visible(&class))))
    }),
    Function::new("pg_type_is_visible", &[Oid], PgType::Bool, |s, v, _| {
        Ok(type_is_visible(s, v[0].as_oid()))
    }),
    Function::new("pg_function_is_visible", &[Oid], PgType::Bool, |s, v, _| {
        let found = s.builtin.function_by_oid(v[0].as_oid());
        Ok(found.map_or(Value::Null, |_| Value::Bool(true)))
    }),
    // These kinds exist only in pg_catalog, which is always searched.
    Function::new("pg_collation_is_visible", &[Oid], PgType::Bool, |_, _, _| Ok(Value::Bool(true))),
    Function::new("pg_operator_is_visible", &[Oid], PgType::Bool, |_, _, _| Ok(Value::Bool(true))),
    Function::new("pg_opclass_is_visible", &[Oid], PgType::Bool, |_, _, _| Ok(Value::Bool(true))),
    Function::new("pg_opfamily_is_visible", &[Oid], PgType::Bool, |_, _, _| Ok(Value::Bool(true))),
    Function::new("pg_conversion_is_visible", &[Oid], PgType::Bool, |_, _, _| {
        Ok(Value::Bool(true))
    }),
    Function::new("pg_ts_config_is_visible", &[Oid], PgType::Bool, |_, _, _| Ok(Value::Bool(true))),
    Function::new("pg_ts_dict_is_visible", &[Oid], PgType::Bool, |_, _, _| Ok(Value::Bool(true))),
    Function::new("pg_ts_parser_is_visible", &[Oid], PgType::Bool, |_, _, _| Ok(Value::Bool(true))),
    Function::new("pg_ts_template_is_visible", &[Oid], PgType::Bool, |_, _, _| {
        Ok(Value::Bool(true))
    }),
    Function::new("pg_statistics_obj_is_visible", &[Oid], PgType::Bool, |_, _, _| {
        Ok(Value::Bool(true))
    }),
];

fn type_is_visible(session: &Session<'_>, oid: u32) -> Value {
    if let Some((class, _)) = session.row_type(oid)
        && matches!(class, Class::Relation(_))
    {
        return Value::Bool(session.is_visible(&class));
    }
    let builtin = session.builtin.type_by_oid(oid);
    let in_path =
        |namespace: &str| session.context.effective_path(true).iter().any(|n| n == namespace);
    match builtin {
        Some(found) if found.in_pg_catalog => Value::Bool(true),
        Some(_) => Value::Bool(in_path("information_schema")),
        None => Value::Null,
    }
}
