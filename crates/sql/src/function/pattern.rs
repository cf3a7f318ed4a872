//! LIKE with ESCAPE, SIMILAR TO, and regular expressions.

use arrow::array::ArrayRef;
use kappa_types::{SqlError, SqlState, SqlType};

use super::entry::Function;
use super::kernel::Arguments;
use super::rows::{rows_boolean, rows_text};

const TEXT: SqlType = SqlType::Text;

/// The functions of this family.
pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new(
            "^@",
            "Whether the first begins with the second.",
            ("starts_with('hello', 'he')", "t"),
        )
        .also("starts_with")
        .takes(&[TEXT, TEXT], SqlType::Boolean, starts_with)
        .written(&["text ^@ text → boolean", "starts_with(text, text) → boolean"]),
        Function::new(
            "similar_to",
            "Whether all of it matches an SQL pattern: %, _, and |, *, +, ?, ( ) and [ ].",
            ("'abc' SIMILAR TO '(a|x)%'", "t"),
        )
        .takes(&[TEXT, TEXT], SqlType::Boolean, similar_to)
        .written(&["text SIMILAR TO text [ESCAPE text] → boolean"]),
        Function::new(
            "like_escape",
            "A LIKE pattern with another escape character, as one with the backslash.",
            ("'10%' LIKE '10#%' ESCAPE '#'", "t"),
        )
        .takes(&[TEXT, TEXT], TEXT, like_escape)
        .written(&["text [NOT] LIKE text ESCAPE text → boolean", "like_escape(text, text) → text"]),
        Function::new(
            "regexp_like",
            "Whether a regular expression matches somewhere. There are no back references and no \
             look-around, here and below.",
            ("regexp_like('Hello', 'l+')", "t"),
        )
        .takes(&[TEXT, TEXT], SqlType::Boolean, regexp_like),
        Function::new(
            "regexp_match",
            "The groups of the first match, or all of it if there are none; NULL without a match.",
            ("regexp_match('foobar', '(o)(b)')", "{o,b}"),
        )
        .written(&[
            "regexp_match(text, pattern) → text[]",
            "regexp_match(text, pattern, flags) → text[]",
        ]),
        Function::new(
            "regexp_replace",
            "The first match replaced, or with flag g every one; \\1 to \\9 are the groups.",
            ("regexp_replace('foobar', '(o)(b)', '\\2\\1')", "foboar"),
        )
        .written(&[
            "regexp_replace(text, pattern, text) → text",
            "regexp_replace(text, pattern, text, flags) → text",
        ]),
        Function::new(
            "regexp_count",
            "How often it matches.",
            ("regexp_count('abcabc', 'b')", "2"),
        )
        .written(&[
            "regexp_count(text, pattern) → integer",
            "regexp_count(text, pattern, start) → integer",
            "regexp_count(text, pattern, start, flags) → integer",
        ]),
        Function::new(
            "regexp_instr",
            "Where a match begins, from 1; 0 if nowhere.",
            ("regexp_instr('abcabc', 'c', 4)", "6"),
        )
        .written(&[
            "regexp_instr(text, pattern) → integer",
            "regexp_instr(text, pattern, start) → integer",
        ]),
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
