//! Names of types: what `format_type` says, and what a cast or `regtype` reads.

use kappa_types::{SqlError, SqlState};

use super::{Base, PgType};
use crate::error::unsupported;
use crate::function::quote::quote_identifier;
use crate::session::{Class, Session};

/// A type as named in SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypeName {
    /// `pg_type.oid`.
    pub(crate) oid: u32,
    /// Its modifier as `atttypmod` has it, -1 for none.
    pub(crate) typmod: i32,
}

/// OID of `bit`, whose modifier is its length.
const BIT: u32 = 1560;
/// OID of `bit varying`.
const VARBIT: u32 = 1562;

/// SQL's spellings that are not the type's own name.
const SPELLINGS: &[(&str, &str)] = &[
    ("int", "int4"),
    ("integer", "int4"),
    ("smallint", "int2"),
    ("bigint", "int8"),
    ("boolean", "bool"),
    ("real", "float4"),
    ("float", "float8"),
    ("double precision", "float8"),
    ("decimal", "numeric"),
    ("dec", "numeric"),
    ("character varying", "varchar"),
    ("char varying", "varchar"),
    ("character", "bpchar"),
    ("char", "bpchar"),
    ("timestamp without time zone", "timestamp"),
    ("timestamp with time zone", "timestamptz"),
    ("time without time zone", "time"),
    ("time with time zone", "timetz"),
    ("bit varying", "varbit"),
];

/// The type that `text` names.
///
/// # Errors
/// 42704 if there is none.
pub(crate) fn type_named(session: &Session<'_>, text: &str) -> Result<TypeName, SqlError> {
    find(session, text).ok_or_else(|| {
        SqlError::new(SqlState::UndefinedObject, format!("type \"{}\" does not exist", text.trim()))
    })
}

/// As [`type_named`], but `None` if there is none.
pub(crate) fn find(session: &Session<'_>, text: &str) -> Option<TypeName> {
    let mut text = text.trim();
    let mut is_array = false;
    while let Some(element) = text.strip_suffix(']') {
        text = element[..element.rfind('[')?].trim_end();
        is_array = true;
    }
    let (bare, modifiers) = split_modifiers(text);
    let (namespace, name) = split_namespace(&bare)?;
    let quoted = bare.contains('"');
    let spelled = SPELLINGS.iter().find(|(spelling, _)| !quoted && *spelling == name);
    let name = spelled.map_or(name.as_str(), |(_, internal)| internal);
    let (oid, array) = lookup(session, namespace.as_deref(), name)?;
    let oid = if is_array { array } else { oid };
    (oid != 0).then(|| TypeName { oid, typmod: typmod(name, &modifiers) })
}

/// OIDs of the type and of its array.
fn lookup(session: &Session<'_>, namespace: Option<&str>, name: &str) -> Option<(u32, u32)> {
    let visible = |in_pg_catalog: bool| match namespace {
        None | Some("pg_catalog") => in_pg_catalog,
        Some("information_schema") => !in_pg_catalog,
        Some(_) => false,
    };
    let builtin = session.builtin.types.iter().find(|t| t.name == name && visible(t.in_pg_catalog));
    if let Some(found) = builtin {
        return Some((found.oid, found.array));
    }
    match session.class_named(namespace, name)? {
        Class::Relation(relation) => Some((relation.type_oid, relation.array_type_oid)),
        Class::Builtin(_) | Class::Index(_) => None,
    }
}

/// `numeric(10,2)` in name and modifiers; `timestamp(3) with time zone` too.
fn split_modifiers(text: &str) -> (String, Vec<i32>) {
    let (Some(open), Some(close)) = (text.find('('), text.find(')')) else {
        return (text.to_owned(), Vec::new());
    };
    if close < open {
        return (text.to_owned(), Vec::new());
    }
    let modifiers = text[open + 1..close].split(',').filter_map(|part| part.trim().parse().ok());
    let name = format!("{}{}", text[..open].trim_end(), &text[close + 1..]);
    (name, modifiers.collect())
}

/// The name folded unless quoted, with words apart by one space.
fn split_namespace(text: &str) -> Option<(Option<String>, String)> {
    let mut parts: Vec<String> = Vec::new();
    for part in split_outside_quotes(text) {
        let part = part.trim();
        parts.push(match part.strip_prefix('"').and_then(|part| part.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\"\"", "\""),
            None => part.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" "),
        });
    }
    let name = parts.pop().filter(|name| !name.is_empty())?;
    Some((parts.pop(), name))
}

fn split_outside_quotes(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (index, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '.' if !quoted => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn typmod(name: &str, modifiers: &[i32]) -> i32 {
    match (name, modifiers) {
        ("numeric", [precision]) => (precision << 16) + 4,
        ("numeric", [precision, scale]) => ((precision << 16) | scale) + 4,
        ("varchar" | "bpchar", [length]) => length + 4,
        ("timestamp" | "timestamptz" | "time" | "timetz", [precision]) => *precision,
        _ => -1,
    }
}

/// The evaluator's type with this OID.
///
/// # Errors
/// 0A000 for a type that it does not compute with.
pub(crate) fn evaluable(session: &Session<'_>, oid: u32) -> Result<PgType, SqlError> {
    let domain = session.builtin.type_by_oid(oid).map(|t| t.base).filter(|base| *base != 0);
    PgType::from_oid(domain.unwrap_or(oid))
        .ok_or_else(|| unsupported(format!("type \"{}\"", format_type(session, oid, None))))
}

/// The SQL name of a type; `typmod` `None` means none was asked for, not that there is none.
pub(crate) fn format_type(session: &Session<'_>, oid: u32, typmod: Option<i32>) -> String {
    if oid == 0 {
        return "-".to_owned();
    }
    if let Some((class, is_array)) = session.row_type(oid) {
        let name = quote_identifier(&class.name());
        let qualified = match session.is_visible(&class) {
            true => name,
            false => format!("{}.{name}", quote_identifier(class.namespace())),
        };
        return if is_array { format!("{qualified}[]") } else { qualified };
    }
    let Some(found) = session.builtin.type_by_oid(oid) else { return "???".to_owned() };
    if found.element != 0 && found.is_true_array {
        return format!("{}[]", format_type(session, found.element, typmod));
    }
    let name = match Base::ALL.iter().find(|base| base.oid() == oid) {
        Some(Base::BpChar) if typmod == Some(-1) => "bpchar",
        Some(base) => base.display_name(),
        None => {
            let name = match found.name.as_str() {
                "timetz" => "time with time zone",
                "varbit" => "bit varying",
                name => name,
            };
            // A keyword of the type system needs no quotes, unless it says too little: `bit` without
            // a length is the type of one bit in SQL.
            let plain = name.contains(' ') || (name == "bit" && typmod.is_none());
            let quoted = if plain { name.to_owned() } else { quote_identifier(name) };
            let length = typmod.filter(|length| *length >= 0 && matches!(oid, BIT | VARBIT));
            return match found.in_pg_catalog {
                true if length.is_some() => format!("{name}({})", typmod.unwrap_or(0)),
                true => quoted,
                false => format!("information_schema.{quoted}"),
            };
        }
    };
    with_modifiers(name, oid, typmod.unwrap_or(-1))
}

fn with_modifiers(name: &str, oid: u32, typmod: i32) -> String {
    if typmod < 0 {
        return name.to_owned();
    }
    let length = typmod - 4;
    match Base::ALL.iter().find(|base| base.oid() == oid) {
        Some(Base::Varchar | Base::BpChar) if length >= 0 => format!("{name}({length})"),
        Some(Base::Numeric) if length >= 0 => {
            // The scale is a signed number of 11 bits.
            let scale = ((length & 0x7ff) ^ 1024) - 1024;
            format!("{name}({},{scale})", (length >> 16) & 0xffff)
        }
        Some(Base::Timestamp | Base::Timestamptz | Base::Time) => {
            let (first, rest) = name.split_once(' ').unwrap_or((name, ""));
            format!("{first}({typmod}) {rest}")
        }
        _ => name.to_owned(),
    }
}
