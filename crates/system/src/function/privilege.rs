//! Privileges. There are no grants yet: every user may do everything that exists.

use kappa_types::{SqlError, SqlState};

use super::Argument::{Any, Text};
use super::Function;
use crate::error::undefined_table;
use crate::session::Session;
use crate::value::{Family, PgType, Value, class_named};

macro_rules! checks {
    ($($name:literal of $kind:ident with $arguments:literal,)*) => {
        pub(super) static FUNCTIONS: &[Function] = &[
            $(Function::new($name, any($arguments), PgType::Bool, |s, v, types| {
                check(s, Kind::$kind, v, types, $arguments)
            })
            .optional(1),)*
            Function::new("has_any_column_privilege", &[Any, Any, Text], PgType::Bool, |s, v, types| {
                check(s, Kind::Table, v, types, 3)
            })
            .optional(1),
            Function::new("pg_has_role", &[Any, Any, Text], PgType::Bool, |_, _, _| Ok(Value::Bool(true)))
                .optional(1),
        ];
    };
}

/// What a privilege is asked on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Table,
    Namespace,
    /// Databases, functions, types, …: anything that exists is allowed.
    Other,
}

checks! {
    "has_table_privilege" of Table with 3,
    "has_column_privilege" of Table with 4,
    "has_sequence_privilege" of Table with 3,
    "has_schema_privilege" of Namespace with 3,
    "has_database_privilege" of Other with 3,
    "has_function_privilege" of Other with 3,
    "has_type_privilege" of Other with 3,
    "has_language_privilege" of Other with 3,
    "has_tablespace_privilege" of Other with 3,
    "has_server_privilege" of Other with 3,
    "has_foreign_data_wrapper_privilege" of Other with 3,
    "has_parameter_privilege" of Other with 3,
}

/// `count` arguments of any type; the user may be left out.
const fn any(count: usize) -> &'static [super::Argument] {
    match count {
        4 => &[Any, Any, Any, Any],
        _ => &[Any, Any, Any],
    }
}

/// True for an object that exists, NULL for an OID that does not.
fn check(
    session: &Session<'_>,
    kind: Kind,
    values: &[Value],
    types: &[PgType],
    full_count: usize,
) -> Result<Value, SqlError> {
    // Without a user the object comes first.
    let at = usize::from(values.len() == full_count);
    let (object, ty) = (&values[at], &types[at]);
    match kind {
        Kind::Other => Ok(Value::Bool(true)),
        Kind::Table if ty.family() == Family::Integer => {
            let found = session.class_by_oid(object.as_oid());
            Ok(found.map_or(Value::Null, |_| Value::Bool(true)))
        }
        Kind::Table => {
            let name = object.as_text().unwrap_or_default();
            let found = class_named(session, name)?;
            found.map(|_| Value::Bool(true)).ok_or_else(|| undefined_table(name))
        }
        Kind::Namespace if ty.family() == Family::Integer => {
            let found = session.namespace_by_oid(object.as_oid());
            Ok(found.map_or(Value::Null, |_| Value::Bool(true)))
        }
        Kind::Namespace => {
            let name = object.as_text().unwrap_or_default();
            if session.namespace_oid(name) == 0 {
                let message = format!("schema \"{name}\" does not exist");
                return Err(SqlError::new(SqlState::InvalidSchemaName, message));
            }
            Ok(Value::Bool(true))
        }
    }
}
