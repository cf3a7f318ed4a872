//! LIKE with ESCAPE, SIMILAR TO, and whether a regular expression matches.

use std::cell::RefCell;
use std::rc::Rc;

use arrow::array::ArrayRef;
use kappa_types::{SqlError, SqlState, SqlType};

use super::entry::Function;
use super::kernel::Arguments;
use super::regular_expression::{RegularOptions, compiled};
use super::rows::{rows_boolean, rows_text};

const TEXT: SqlType = SqlType::Text;

/// The functions of this family.
pub(super) fn functions() -> Vec<Function> {
    let mut functions = vec![
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
            "~",
            "Whether a regular expression matches somewhere.",
            ("'Hello' ~ 'l+'", "t"),
        )
        .takes(&[TEXT, TEXT], SqlType::Boolean, matches_regular),
        Function::new(
            "~*",
            "As ~, where letters match those of the other case.",
            ("'Hello' ~* '^h'", "t"),
        )
        .takes(&[TEXT, TEXT], SqlType::Boolean, matches_any_case),
        Function::new("!~", "Whether it matches nowhere.", ("'Hello' !~ 'x'", "t")).takes(
            &[TEXT, TEXT],
            SqlType::Boolean,
            matches_not,
        ),
        Function::new(
            "!~*",
            "As !~, where letters match those of the other case.",
            ("'Hello' !~* '^h'", "f"),
        )
        .takes(&[TEXT, TEXT], SqlType::Boolean, matches_not_any_case),
    ];
    functions.extend(super::regular_match::functions());
    functions
}

/// The compiled patterns of a column; one that repeats is compiled once.
#[derive(Default)]
pub(super) struct Patterns {
    /// The last one, with what it was compiled from.
    last: RefCell<Option<(String, RegularOptions, Rc<regex::Regex>)>>,
}

impl Patterns {
    /// A pattern with its options, compiled.
    pub(super) fn compiled(
        &self,
        pattern: &str,
        options: RegularOptions,
    ) -> Result<Rc<regex::Regex>, SqlError> {
        let mut last = self.last.borrow_mut();
        if let Some((source, of, regex)) = &*last
            && source == pattern
            && *of == options
        {
            return Ok(Rc::clone(regex));
        }
        let regex = Rc::new(compiled(pattern, options)?);
        *last = Some((pattern.to_owned(), options, Rc::clone(&regex)));
        Ok(regex)
    }
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
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
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

/// Whether each row's pattern matches its text, or does not.
fn matching(args: &Arguments<'_>, ignore_case: bool, wanted: bool) -> Result<ArrayRef, SqlError> {
    let (text, pattern) = (args.text(0), args.text(1));
    let options = RegularOptions { ignore_case, ..RegularOptions::default() };
    let patterns = Patterns::default();
    rows_boolean(args, |row| {
        let regex = patterns.compiled(pattern.value(row), options)?;
        Ok(Some(regex.is_match(text.value(row)) == wanted))
    })
}

fn matches_regular(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    matching(args, false, true)
}

fn matches_any_case(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    matching(args, true, true)
}

fn matches_not(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    matching(args, false, false)
}

fn matches_not_any_case(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    matching(args, true, false)
}

fn similar_to(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (text, pattern) = (args.text(0), args.text(1));
    let patterns = Patterns::default();
    rows_boolean(args, |row| {
        let pattern = similar_pattern(pattern.value(row));
        let regex = patterns.compiled(&pattern, RegularOptions::default())?;
        Ok(Some(regex.is_match(text.value(row))))
    })
}

fn starts_with(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (text, prefix) = (args.text(0), args.text(1));
    rows_boolean(args, |row| Ok(Some(text.value(row).starts_with(prefix.value(row)))))
}
