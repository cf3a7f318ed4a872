//! Quoting and parsing of identifiers and literals.

use std::collections::HashSet;
use std::sync::OnceLock;

use kappa_types::{SqlError, SqlState};

use super::Argument::{Any, Bool, Text};
use super::Function;
use crate::builtin::Builtin;
use crate::session::Session;
use crate::value::{Base, PgType, Value, output};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("quote_ident", &[Text], PgType::Text, |_, values, _| {
        Ok(Value::text(quote_identifier(text(&values[0]))))
    }),
    Function::new("quote_literal", &[Any], PgType::Text, |session, values, types| {
        Ok(Value::text(quote_literal(&output(session, &values[0], &types[0]))))
    }),
    Function::new("quote_nullable", &[Any], PgType::Text, |session, values, types| {
        Ok(match &values[0] {
            Value::Null => Value::text("NULL"),
            value => Value::text(quote_literal(&output(session, value, &types[0]))),
        })
    })
    .lenient(),
    Function::new("parse_ident", &[Text, Bool], PgType::Array(Base::Text), |_, values, _| {
        let strict = values.get(1).and_then(Value::as_bool).unwrap_or(true);
        let parts = identifiers(text(&values[0]), strict)?;
        Ok(Value::array(parts.iter().map(Value::text).collect()))
    })
    .optional(1),
];

/// The text of an argument that was declared as text.
pub(super) fn text(value: &Value) -> &str {
    value.as_text().unwrap_or_default()
}

/// `name` as it must be written in SQL: quoted unless it is a plain lower-case word that is not a
/// keyword.
#[must_use]
pub fn quote_identifier(name: &str) -> String {
    static KEYWORDS: OnceLock<HashSet<&'static str>> = OnceLock::new();
    let keywords = KEYWORDS.get_or_init(|| {
        let is_special = |row: &&crate::value::Row| row[1].as_text() != Some("U");
        let special = Builtin::get().keywords.iter().filter(is_special);
        special.filter_map(|row| row[0].as_text()).collect()
    });
    let mut characters = name.chars();
    let starts = characters.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_');
    let plain = characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if starts && plain && !keywords.contains(name) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `text` as a string literal.
pub(crate) fn quote_literal(text: &str) -> String {
    let prefix = if text.contains('\\') { "E" } else { "" };
    format!("{prefix}'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The parts of a qualified name. If `strict`, nothing may follow the name.
///
/// # Errors
/// 22023 for what is not a name.
pub(crate) fn identifiers(text: &str, strict: bool) -> Result<Vec<String>, SqlError> {
    let invalid = || {
        let message = format!("string is not a valid identifier: \"{text}\"");
        SqlError::new(SqlState::InvalidParameterValue, message)
    };
    let mut parts = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let part = if let Some(quoted) = rest.strip_prefix('"') {
            let (part, after) = quoted_part(quoted).ok_or_else(invalid)?;
            rest = after;
            part
        } else {
            let is_start = |c: char| c.is_alphabetic() || c == '_';
            if !rest.starts_with(is_start) {
                return Err(invalid());
            }
            let is_inside = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
            let end = rest.find(|c| !is_inside(c)).unwrap_or(rest.len());
            let (part, after) = rest.split_at(end);
            rest = after;
            part.to_lowercase()
        };
        parts.push(part);
        rest = rest.trim_start();
        match rest.strip_prefix('.') {
            Some(after) => rest = after.trim_start(),
            None if rest.is_empty() || !strict => return Ok(parts),
            None => return Err(invalid()),
        }
    }
}

/// What stands before the closing quote, and what after it.
fn quoted_part(text: &str) -> Option<(String, &str)> {
    let mut part = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"')?;
        part.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                part.push('"');
                rest = after;
            }
            None => return (!part.is_empty()).then_some((part, rest)),
        }
    }
}

/// A name with its namespace, both quoted as needed.
pub(super) fn qualified(namespace: &str, name: &str) -> String {
    format!("{}.{}", quote_identifier(namespace), quote_identifier(name))
}

/// The output text of a value that is not NULL.
pub(super) fn shown(session: &Session<'_>, value: &Value, ty: &PgType) -> String {
    output(session, value, ty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_words_stay_unquoted() {
        let quoted = ["Orders", "select", "user", "1a", "a b", ""].map(quote_identifier);
        assert_eq!(quoted, ["\"Orders\"", "\"select\"", "\"user\"", "\"1a\"", "\"a b\"", "\"\""]);
        assert_eq!(["orders", "_x1", "name"].map(quote_identifier), ["orders", "_x1", "name"]);
    }

    #[test]
    fn names_are_split_outside_quotes() {
        assert_eq!(identifiers(" Public . \"Or.d\"\"er\"", true).unwrap(), ["public", "Or.d\"er"]);
        assert!(identifiers("a.", true).is_err());
        assert!(identifiers("a b", true).is_err());
        assert_eq!(identifiers("a b", false).unwrap(), ["a"]);
    }
}
