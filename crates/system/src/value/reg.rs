//! The reg* types: OIDs that are read and written as names.

use kappa_types::{SqlError, SqlState};

use super::names::{self, format_type};
use super::{Base, Value};
use crate::builtin::{BuiltinFunction, NAMESPACES};
use crate::context::role_oid;
use crate::error::{undefined_table, unsupported};
use crate::function::quote::{identifiers, quote_identifier};
use crate::session::{Class, Session};

/// The OID that `text` names; a number and `-` are taken as they are.
///
/// # Errors
/// That there is no such object, in the words and with the code of its kind.
pub(crate) fn input(session: &Session<'_>, text: &str, base: Base) -> Result<Value, SqlError> {
    let text = text.trim();
    if text == "-" {
        return Ok(Value::Int(0));
    }
    if let Ok(oid) = text.parse::<u32>() {
        return Ok(Value::oid(oid));
    }
    let undefined =
        |state, what: &str| SqlError::new(state, format!("{what} \"{text}\" does not exist"));
    let oid = match base {
        Base::RegClass => class(session, text)?.ok_or_else(|| undefined_table(text))?.oid(),
        Base::RegType => names::type_named(session, text)?.oid,
        Base::RegNamespace => {
            let name = single(text)?;
            match session.namespace_oid(&name) {
                0 => return Err(undefined(SqlState::InvalidSchemaName, "schema")),
                oid => oid,
            }
        }
        Base::RegRole => {
            let name = single(text)?;
            let known = session.context.roles().contains_key(&name);
            if !known {
                return Err(undefined(SqlState::UndefinedObject, "role"));
            }
            role_oid(&name)
        }
        Base::RegProc => match functions(session, text)?.as_slice() {
            [] => return Err(undefined(SqlState::UndefinedFunction, "function")),
            [only] => only.oid,
            _ => {
                let message = format!("more than one function named \"{text}\"");
                return Err(SqlError::new(SqlState::AmbiguousFunction, message));
            }
        },
        Base::RegProcedure => procedure(session, text)?
            .ok_or_else(|| undefined(SqlState::UndefinedFunction, "function"))?,
        other => return Err(unsupported(format!("input of type {}", other.display_name()))),
    };
    Ok(Value::oid(oid))
}

/// The class that `text` names, `None` if there is none.
pub(crate) fn class(session: &Session<'_>, text: &str) -> Result<Option<Class>, SqlError> {
    let parts = identifiers(text, true)?;
    Ok(match parts.as_slice() {
        [name] => session.class_named(None, name),
        [.., namespace, name] => session.class_named(Some(namespace), name),
        [] => None,
    })
}

fn single(text: &str) -> Result<String, SqlError> {
    match identifiers(text, true)?.as_slice() {
        [name] => Ok(name.clone()),
        _ => Err(SqlError::new(SqlState::InvalidName, "invalid name syntax")),
    }
}

/// The functions called `text`.
pub(crate) fn functions(
    session: &Session<'_>,
    text: &str,
) -> Result<Vec<&'static BuiltinFunction>, SqlError> {
    let parts = identifiers(text, true)?;
    let name = match parts.as_slice() {
        [name] => name,
        [namespace, name] if NAMESPACES.contains(&namespace.as_str()) => name,
        _ => return Ok(Vec::new()),
    };
    Ok(session.builtin.functions.iter().filter(|function| function.name == *name).collect())
}

/// The OID of `name(type, …)`.
pub(crate) fn procedure(session: &Session<'_>, text: &str) -> Result<Option<u32>, SqlError> {
    let Some((name, arguments)) = text.split_once('(') else { return Ok(None) };
    let arguments = arguments.trim_end().trim_end_matches(')');
    let mut types = Vec::new();
    for argument in arguments.split(',').filter(|argument| !argument.trim().is_empty()) {
        types.push(names::type_named(session, argument)?.oid);
    }
    let found = functions(session, name)?;
    Ok(found.iter().find(|function| function.arguments == types).map(|function| function.oid))
}

/// The name of the object, quoted and qualified as needed to read it back; its number if there is
/// none.
pub(crate) fn output(session: &Session<'_>, oid: u32, base: Base) -> String {
    if oid == 0 {
        return "-".to_owned();
    }
    let number = oid.to_string();
    match base {
        Base::RegClass => session.class_by_oid(oid).map_or(number, |class| {
            let name = quote_identifier(&class.name());
            match session.is_visible(&class) {
                true => name,
                false => format!("{}.{name}", quote_identifier(class.namespace())),
            }
        }),
        Base::RegType => match format_type(session, oid, None) {
            unknown if unknown == "???" => number,
            name => name,
        },
        Base::RegNamespace => {
            session.namespace_by_oid(oid).map_or(number, |found| quote_identifier(&found.name))
        }
        Base::RegRole => session.role_name(oid).map_or(number, |name| quote_identifier(&name)),
        Base::RegProc => session.builtin.function_by_oid(oid).map_or(number, |function| {
            let same = session.builtin.functions.iter().filter(|other| other.name == function.name);
            let qualifier = if same.count() == 1 { "" } else { "pg_catalog." };
            format!("{qualifier}{}", quote_identifier(&function.name))
        }),
        Base::RegProcedure => session.builtin.function_by_oid(oid).map_or(number, |function| {
            let types = function.arguments.iter().map(|oid| format_type(session, *oid, None));
            format!("{}({})", function.name, types.collect::<Vec<_>>().join(","))
        }),
        Base::RegCollation if oid == 100 => "\"default\"".to_owned(),
        Base::RegCollation if oid == 950 => "\"C\"".to_owned(),
        Base::RegCollation if oid == 951 => "\"POSIX\"".to_owned(),
        _ => number,
    }
}
