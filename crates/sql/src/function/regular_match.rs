//! What a regular expression matches: `regexp_match` and its relatives, and `substring` with a pattern.
//!
//! The one idea: arguments behind the pattern are read once per row into a [`Search`], and all functions
//! walk the same matches, as PostgreSQL steps through them.

use std::rc::Rc;

use arrow::array::{ArrayRef, ListBuilder, StringViewBuilder};
use arrow::datatypes::Int32Type;
use kappa_types::{SqlError, SqlState, SqlType};
use regex::{Captures, Regex};

use super::entry::Function;
use super::kernel::Arguments;
use super::lengthen::within_limit;
use super::pattern::Patterns;
use super::regular_expression::RegularOptions;
use super::rows::{rows, rows_boolean, rows_text};

const TEXT: SqlType = SqlType::Text;
const INTEGER: SqlType = SqlType::Integer;

/// The functions of this family.
pub(super) fn functions() -> Vec<Function> {
    let texts = SqlType::Array(Box::new(TEXT));
    vec![
        Function::new(
            "regexp_like",
            "Whether a regular expression matches somewhere. There are no back references and no \
             look-around, here and below.",
            ("regexp_like('Hello', 'L+', 'i')", "t"),
        )
        .takes(&[TEXT, TEXT], SqlType::Boolean, regexp_like)
        .takes(&[TEXT, TEXT, TEXT], SqlType::Boolean, regexp_like),
        Function::new(
            "regexp_match",
            "The groups of the first match, or all of it if there are none; NULL without a match.",
            ("regexp_match('foobar', '(o)(b)')", "{o,b}"),
        )
        .takes(&[TEXT, TEXT], texts.clone(), regexp_match)
        .takes(&[TEXT, TEXT, TEXT], texts, regexp_match)
        .written(&[
            "regexp_match(text, pattern) → text[]",
            "regexp_match(text, pattern, flags) → text[]",
        ]),
        replace_function(),
        Function::new(
            "regexp_count",
            "How often it matches.",
            ("regexp_count('abcabc', 'b')", "2"),
        )
        .takes(&[TEXT, TEXT], INTEGER, regexp_count)
        .takes(&[TEXT, TEXT, INTEGER], INTEGER, regexp_count)
        .takes(&[TEXT, TEXT, INTEGER, TEXT], INTEGER, regexp_count)
        .written(&[
            "regexp_count(text, pattern) → integer",
            "regexp_count(text, pattern, start) → integer",
            "regexp_count(text, pattern, start, flags) → integer",
        ]),
        Function::new(
            "regexp_instr",
            "Where a match begins, or with an end of 1 where the text goes on behind it, from 1; 0 if \
             nowhere.",
            ("regexp_instr('abcabc', 'c', 4)", "6"),
        )
        .takes(&[TEXT, TEXT], INTEGER, regexp_instr)
        .takes(&[TEXT, TEXT, INTEGER], INTEGER, regexp_instr)
        .takes(&[TEXT, TEXT, INTEGER, INTEGER], INTEGER, regexp_instr)
        .takes(&[TEXT, TEXT, INTEGER, INTEGER, INTEGER], INTEGER, regexp_instr)
        .takes(&[TEXT, TEXT, INTEGER, INTEGER, INTEGER, TEXT], INTEGER, regexp_instr)
        .takes(&[TEXT, TEXT, INTEGER, INTEGER, INTEGER, TEXT, INTEGER], INTEGER, regexp_instr)
        .written(&[
            "regexp_instr(text, pattern [, start [, nth [, end [, flags [, group]]]]]) → integer",
        ]),
        Function::new(
            "regexp_substr",
            "What matches, or a group of it; NULL without a match.",
            ("regexp_substr('abcabd', 'ab(.)', 1, 2, '', 1)", "d"),
        )
        .takes(&[TEXT, TEXT], TEXT, regexp_substr)
        .takes(&[TEXT, TEXT, INTEGER], TEXT, regexp_substr)
        .takes(&[TEXT, TEXT, INTEGER, INTEGER], TEXT, regexp_substr)
        .takes(&[TEXT, TEXT, INTEGER, INTEGER, TEXT], TEXT, regexp_substr)
        .takes(&[TEXT, TEXT, INTEGER, INTEGER, TEXT, INTEGER], TEXT, regexp_substr)
        .written(&["regexp_substr(text, pattern [, start [, nth [, flags [, group]]]]) → text"]),
    ]
}

fn replace_function() -> Function {
    Function::new(
        "regexp_replace",
        "The first match replaced, or with flag g every one; from a start on, the nth match, or every \
         one if that is 0. \\1 to \\9 are the groups, \\& all of the match.",
        ("regexp_replace('foobar', '(o)(b)', '\\2\\1')", "foboar"),
    )
    .takes(&[TEXT, TEXT, TEXT], TEXT, regexp_replace)
    .takes(&[TEXT, TEXT, TEXT, TEXT], TEXT, regexp_replace_flags)
    .takes(&[TEXT, TEXT, TEXT, INTEGER], TEXT, regexp_replace)
    .takes(&[TEXT, TEXT, TEXT, INTEGER, INTEGER], TEXT, regexp_replace)
    .takes(&[TEXT, TEXT, TEXT, INTEGER, INTEGER, TEXT], TEXT, regexp_replace)
    .written(&[
        "regexp_replace(text, pattern, text) → text",
        "regexp_replace(text, pattern, text, flags) → text",
        "regexp_replace(text, pattern, text, start [, nth [, flags]]) → text",
    ])
}

/// The letters of flags as options, and whether `g` is among them.
fn read_flags(flags: &str) -> Result<(RegularOptions, bool), SqlError> {
    let mut options = RegularOptions::default();
    let mut global = false;
    for letter in flags.chars() {
        if letter == 'g' {
            global = true;
        } else if !options.set(letter)? {
            return Err(SqlError::new(
                SqlState::InvalidParameterValue,
                format!("invalid regular expression option: \"{letter}\""),
            ));
        }
    }
    Ok((options, global))
}

/// Flags of a function for which `g` has no meaning.
fn single_flags(name: &str, flags: &str) -> Result<RegularOptions, SqlError> {
    match read_flags(flags)? {
        (options, false) => Ok(options),
        (_, true) => {
            let error = SqlError::new(
                SqlState::InvalidParameterValue,
                format!("{name}() does not support the \"global\" option"),
            );
            Err(match name {
                "regexp_match" => error.with_hint("Use the regexp_matches function instead."),
                _ => error,
            })
        }
    }
}

/// The numbers and flags behind the pattern: at which positions of the arguments they are.
#[derive(Clone, Copy, Default)]
struct Layout {
    /// From which character, counted from 1.
    start: Option<usize>,
    /// Which match, counted from 1.
    nth: Option<usize>,
    /// 1 for the end of the match, 0 for its beginning.
    end: Option<usize>,
    /// The flags.
    flags: Option<usize>,
    /// Which group.
    group: Option<usize>,
}

/// Where and how to look for the matches of a row.
struct Search<'a> {
    /// What is looked for.
    regex: Rc<Regex>,
    /// Where it is looked for.
    text: &'a str,
    /// The first byte to look at; `None` behind the end.
    from: Option<usize>,
    /// Which match is asked for, counted from 1; 0 for every one.
    nth: usize,
    /// Whether the end of the match is asked for.
    end: bool,
    /// Which group is asked for; 0 for all of the match.
    group: usize,
}

/// A function over texts and patterns.
struct Searches<'a> {
    /// Its name, for errors.
    name: &'static str,
    /// What it is called with.
    args: &'a Arguments<'a>,
    /// Which argument is what.
    layout: Layout,
    /// What was compiled last.
    patterns: Patterns,
}

impl<'a> Searches<'a> {
    fn new(name: &'static str, args: &'a Arguments<'a>, layout: Layout) -> Self {
        Self { name, args, layout, patterns: Patterns::default() }
    }

    /// A number that must lie in a range; without it, the least of them.
    fn number(
        &self,
        row: usize,
        (name, at): (&str, Option<usize>),
        (least, most): (i32, i32),
        otherwise: i32,
    ) -> Result<usize, SqlError> {
        let given = at.filter(|at| *at < self.args.arrays.len());
        let value = given.map_or(otherwise, |at| self.args.primitive::<Int32Type>(at).value(row));
        if !(least..=most).contains(&value) {
            return Err(SqlError::new(
                SqlState::InvalidParameterValue,
                format!("invalid value for parameter \"{name}\": {value}"),
            ));
        }
        Ok(usize::try_from(value).unwrap_or_default())
    }

    /// What to look for in a row. `nth_least` is 0 where that means every match.
    fn row(&self, row: usize, nth_least: i32) -> Result<Search<'a>, SqlError> {
        let layout = self.layout;
        let start = self.number(row, ("start", layout.start), (1, i32::MAX), 1)?;
        let nth = self.number(row, ("n", layout.nth), (nth_least, i32::MAX), 1)?;
        let end = self.number(row, ("endoption", layout.end), (0, 1), 0)? == 1;
        let flags = layout.flags.filter(|at| *at < self.args.arrays.len());
        let flags = flags.map_or("", |at| self.args.text(at).value(row));
        // With a start, regexp_replace takes g and does not look at it.
        let options = match self.name {
            "regexp_replace" => read_flags(flags)?.0,
            name => single_flags(name, flags)?,
        };
        let group = self.number(row, ("subexpr", layout.group), (0, i32::MAX), 0)?;
        let text = self.args.text(0).value(row);
        let regex = self.patterns.compiled(self.args.text(1).value(row), options)?;
        Ok(Search { regex, text, from: byte_of(text, start), nth, end, group })
    }
}

/// The byte at which a character begins, counted from 1; `None` behind the end.
fn byte_of(text: &str, start: usize) -> Option<usize> {
    let bytes = text.char_indices().map(|(byte, _)| byte);
    bytes.chain(std::iter::once(text.len())).nth(start - 1)
}

impl<'a> Search<'a> {
    /// Each match from the start on; after an empty one the search goes on a character later.
    fn matches(&self) -> impl Iterator<Item = Captures<'a>> {
        let (text, mut from) = (self.text, self.from);
        std::iter::from_fn(move || {
            let found = self.regex.captures_at(text, from?)?;
            let whole = found.get_match();
            from = match (whole.is_empty(), text[whole.end()..].chars().next()) {
                (false, _) => Some(whole.end()),
                (true, Some(c)) => Some(whole.end() + c.len_utf8()),
                (true, None) => None,
            };
            Some(found)
        })
    }

    /// The match that is asked for.
    fn wanted(&self) -> Option<Captures<'a>> {
        self.matches().nth(self.nth.max(1) - 1)
    }
}

fn regexp_like(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let layout = Layout { flags: Some(2), ..Layout::default() };
    let searches = Searches::new("regexp_like", args, layout);
    rows_boolean(args, |row| {
        let search = searches.row(row, 1)?;
        Ok(Some(search.regex.is_match(search.text)))
    })
}

fn regexp_match(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let layout = Layout { flags: Some(2), ..Layout::default() };
    let searches = Searches::new("regexp_match", args, layout);
    let mut builder = ListBuilder::new(StringViewBuilder::new());
    for row in 0..args.row_count {
        let found = if args.any_null(row) { None } else { searches.row(row, 1)?.wanted() };
        let Some(found) = found else {
            builder.append_null();
            continue;
        };
        let first = usize::from(found.len() > 1);
        found.iter().skip(first).for_each(|group| {
            builder.values().append_option(group.map(|group| group.as_str()));
        });
        builder.append(true);
    }
    Ok(std::sync::Arc::new(builder.finish()))
}

fn regexp_count(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let layout = Layout { start: Some(2), flags: Some(3), ..Layout::default() };
    let searches = Searches::new("regexp_count", args, layout);
    rows::<Int32Type>(args, |row| number_of(searches.row(row, 1)?.matches().count()))
}

fn regexp_instr(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let layout =
        Layout { start: Some(2), nth: Some(3), end: Some(4), flags: Some(5), group: Some(6) };
    let searches = Searches::new("regexp_instr", args, layout);
    rows::<Int32Type>(args, |row| {
        let search = searches.row(row, 1)?;
        match search.wanted().and_then(|found| found.get(search.group)) {
            Some(found) => {
                let byte = if search.end { found.end() } else { found.start() };
                number_of(search.text[..byte].chars().count() + 1)
            }
            None => Ok(0),
        }
    })
}

fn regexp_substr(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let layout = Layout {
        start: Some(2),
        nth: Some(3),
        flags: Some(4),
        group: Some(5),
        ..Layout::default()
    };
    let searches = Searches::new("regexp_substr", args, layout);
    rows_text(args, |row, out| {
        let search = searches.row(row, 1)?;
        let found = search.wanted().and_then(|found| found.get(search.group));
        out.push_str(found.map_or("", |found| found.as_str()));
        Ok(found.is_some())
    })
}

/// The first match of a regular expression, or of its first group if it has one.
pub(super) fn substring_pattern(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let searches = Searches::new("substring", args, Layout::default());
    rows_text(args, |row, out| {
        let search = searches.row(row, 1)?;
        let group = usize::from(search.regex.captures_len() > 1);
        let found = search.wanted().and_then(|found| found.get(group));
        out.push_str(found.map_or("", |found| found.as_str()));
        Ok(found.is_some())
    })
}

fn number_of(number: usize) -> Result<i32, SqlError> {
    i32::try_from(number)
        .map_err(|_| SqlError::new(SqlState::NumericValueOutOfRange, "integer out of range"))
}

fn regexp_replace(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let layout = Layout { start: Some(3), nth: Some(4), flags: Some(5), ..Layout::default() };
    let searches = Searches::new("regexp_replace", args, layout);
    let replacement = args.text(2);
    rows_text(args, |row, out| {
        let search = searches.row(row, 0)?;
        replace(&search, replacement.value(row), out)?;
        Ok(true)
    })
}

/// With flags and no numbers, of which `g` asks for every match.
fn regexp_replace_flags(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let layout = Layout { flags: Some(3), ..Layout::default() };
    let searches = Searches::new("regexp_replace", args, layout);
    let (replacement, flags) = (args.text(2), args.text(3));
    rows_text(args, |row, out| {
        let flags = flags.value(row);
        if flags.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(SqlError::new(
                SqlState::InvalidParameterValue,
                format!("invalid regular expression option: \"{}\"", &flags[..1]),
            )
            .with_hint(
                "If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly.",
            ));
        }
        let mut search = searches.row(row, 1)?;
        if flags.contains('g') {
            search.nth = 0;
        }
        replace(&search, replacement.value(row), out)?;
        Ok(true)
    })
}

/// The text with the match that is asked for, or every one, replaced.
fn replace(search: &Search<'_>, replacement: &str, out: &mut String) -> Result<(), SqlError> {
    let (skip, take) = match search.nth {
        0 => (0, usize::MAX),
        nth => (nth - 1, 1),
    };
    let mut copied = 0;
    for found in search.matches().skip(skip).take(take) {
        let whole = found.get_match();
        out.push_str(&search.text[copied..whole.start()]);
        expand(&found, replacement, out)?;
        copied = whole.end();
    }
    out.push_str(&search.text[copied..]);
    within_limit(out.len())
}

/// The replacement of a match: `\1` to `\9` are groups, `\&` is all of it, `\\` a backslash.
fn expand(found: &Captures<'_>, replacement: &str, out: &mut String) -> Result<(), SqlError> {
    let mut rest = replacement;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let code = escape.chars().next();
        let group = match code {
            Some('&') => Some(0),
            Some(digit @ '1'..='9') => digit.to_digit(10).and_then(|d| usize::try_from(d).ok()),
            _ => None,
        };
        match (group, code) {
            (Some(group), _) => {
                out.push_str(found.get(group).map_or("", |group| group.as_str()));
            }
            (None, _) => out.push('\\'),
        }
        let taken = group.is_some() || code == Some('\\');
        rest = &escape[usize::from(taken)..];
    }
    out.push_str(rest);
    within_limit(out.len())
}
