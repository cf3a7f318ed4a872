//! LIKE with ESCAPE, SIMILAR TO, and regular expressions.

use arrow::array::ArrayRef;
use kappa_types::{SqlError, SqlState, SqlType};

use super::Overload;
use super::kernel::Arguments;
use super::rows::{rows_boolean, rows_text};

const TEXT: SqlType = SqlType::Text;

/// The functions of this family.
pub(super) fn overloads() -> Vec<Overload> {
    vec![
        Overload::new("like_escape", &[TEXT, TEXT], TEXT, like_escape),
        Overload::new("similar_to", &[TEXT, TEXT], SqlType::Boolean, similar_to),
        Overload::new("regexp_like", &[TEXT, TEXT], SqlType::Boolean, regexp_like),
        Overload::new("^@", &[TEXT, TEXT], SqlType::Boolean, starts_with),
        Overload::new("starts_with", &[TEXT, TEXT], SqlType::Boolean, starts_with),
    ]
}

/// A compiled pattern. PostgreSQL's advanced regular expressions are read by the regex crate: no
/// back references, no look-around.
pub(super) fn regex(pattern: &str) -> Result<regex::Regex, SqlError> {
    regex::Regex::new(pattern).map_err(|error| {
        let line = error.to_string();
        let line = line.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        SqlError::new(
            SqlState::InvalidRegularExpression,
            format!("invalid regular expression: {line}"),
        )
    })
}

/// A LIKE pattern whose escape is another character, as one whose escape is the backslash.
fn like_escape(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (pattern, escape) = (args.text(0), args.text(1));
    rows_text(args, |row, out| {
        let mut escapes = escape.value(row).chars();
        let escape = escapes.next();
        if escapes.next().is_some() {
            return Err(SqlError::new(SqlState::InvalidEscapeSequence, "invalid escape string")
                .with_hint("Escape string must be empty or one character."));
        }
        let mut chars = pattern.value(row).chars();
        while let Some(c) = chars.next() {
            if Some(c) == escape {
                out.push('\\');
                out.extend(chars.next());
            } else if c == '\\' {
                out.push_str("\\\\");
            } else {
                out.push(c);
            }
        }
        Ok(true)
    })
}

/// PostgreSQL's `similar_escape`, with the backslash.
fn similar_pattern(pattern: &str) -> String {
    let mut out = String::from("^(?:");
    let mut in_class = false;
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                out.push('\\');
                out.extend(chars.next());
            }
            ']' => {
                in_class = false;
                out.push(c);
            }
            c if in_class => out.push(c),
            '[' => {
                in_class = true;
                out.push(c);
            }
            '%' => out.push_str("(?s:.*)"),
            '_' => out.push_str("(?s:.)"),
            '.' | '^' | '$' => {
                out.push('\\');
                out.push(c);
            }
            '(' => out.push_str("(?:"),
            c => out.push(c),
        }
    }
    out.push_str(")$");
    out
}

/// `f` of each row's text and compiled pattern; a pattern that repeats is compiled once.
fn matching(
    args: &Arguments<'_>,
    translate: impl Fn(&str) -> String,
) -> Result<ArrayRef, SqlError> {
    let (text, pattern) = (args.text(0), args.text(1));
    let compiled: std::cell::RefCell<Option<(String, regex::Regex)>> =
        std::cell::RefCell::default();
    rows_boolean(args, |row| {
        let wanted = pattern.value(row);
        let mut compiled = compiled.borrow_mut();
        let found = match &*compiled {
            Some((source, regex)) if source == wanted => regex.is_match(text.value(row)),
            _ => {
                let regex = regex(&translate(wanted))?;
                let found = regex.is_match(text.value(row));
                *compiled = Some((wanted.to_owned(), regex));
                found
            }
        };
        Ok(Some(found))
    })
}

fn similar_to(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    matching(args, similar_pattern)
}

fn regexp_like(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    matching(args, str::to_owned)
}

fn starts_with(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (text, prefix) = (args.text(0), args.text(1));
    rows_boolean(args, |row| Ok(Some(text.value(row).starts_with(prefix.value(row)))))
}
