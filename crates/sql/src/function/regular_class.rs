//! [`class`]: what stands in brackets in a regular expression, as a class of the regex crate.
//!
//! Every character is written by its code, so that none of the crate's operators on classes is reached.

use kappa_types::SqlError;

use super::regular_expression::{Escape, Translation, invalid};

/// A part of what stands in brackets.
enum Part {
    /// A character, which can begin a range.
    Plain(char),
    /// A class, as the regex crate writes it.
    Class(&'static str),
}

/// The class that begins after the opening bracket.
pub(super) fn class(reader: &mut Translation) -> Result<String, SqlError> {
    let negated = reader.skip('^');
    let mut out = String::from(if negated { "[^" } else { "[" });
    let mut first = true;
    loop {
        let Some(c) = reader.next() else { return Err(unbalanced()) };
        match c {
            ']' if !first => break,
            '-' if !first && reader.peek(0) != Some(']') => return Err(bad_range()),
            c => match part(reader, c)? {
                Part::Class(name) => out.push_str(name),
                Part::Plain(low) => {
                    out.push_str(&code(low));
                    if let Some(high) = range_end(reader)? {
                        if high < low {
                            return Err(bad_range());
                        }
                        out.push('-');
                        out.push_str(&code(high));
                    }
                }
            },
        }
        first = false;
    }
    if negated && reader.options.newline_stops {
        out.push_str("\\n");
    }
    out.push(']');
    Ok(out)
}

/// The last character of a range, if one goes on here.
fn range_end(reader: &mut Translation) -> Result<Option<char>, SqlError> {
    if reader.peek(0) != Some('-') || reader.peek(1) == Some(']') {
        return Ok(None);
    }
    reader.skip('-');
    let Some(c) = reader.next() else { return Err(unbalanced()) };
    match part(reader, c)? {
        Part::Plain(c) => Ok(Some(c)),
        Part::Class(_) => Err(bad_range()),
    }
}

fn part(reader: &mut Translation, c: char) -> Result<Part, SqlError> {
    match (c, reader.peek(0)) {
        ('\\', _) => match reader.escape()? {
            Escape::Plain(c) => Ok(Part::Plain(c)),
            Escape::Class(class) => Ok(Part::Class(class)),
            Escape::Condition(_) | Escape::Back(_) => Err(invalid("invalid escape \\ sequence")),
        },
        ('[', Some(kind @ (':' | '.' | '='))) => {
            reader.skip(kind);
            named(reader, kind)
        }
        ('[', None) => Err(unbalanced()),
        (c, _) => Ok(Part::Plain(c)),
    }
}

/// `[:name:]`, `[.c.]` and `[=c=]`, after their opening.
fn named(reader: &mut Translation, kind: char) -> Result<Part, SqlError> {
    let mut name = String::new();
    loop {
        let Some(c) = reader.next() else { return Err(unbalanced()) };
        if c == kind && reader.skip(']') {
            break;
        }
        name.push(c);
    }
    if kind == ':' {
        return name_class(&name)
            .map(Part::Class)
            .ok_or_else(|| invalid("invalid character class"));
    }
    let mut chars = name.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok(Part::Plain(c)),
        _ => Err(invalid("invalid collating element")),
    }
}

/// A class by its name, as it stands in brackets of the regex crate.
fn name_class(name: &str) -> Option<&'static str> {
    Some(match name {
        "alnum" => "\\p{Alphabetic}0-9",
        "alpha" => "\\p{Alphabetic}",
        "ascii" => "\\x00-\\x7f",
        "blank" => "\\x20\\t",
        "cntrl" => "\\p{Cc}",
        "digit" => "0-9",
        "graph" => "[\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}]",
        "lower" => "\\p{Lowercase}",
        "print" => "[\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}\\p{Zs}]",
        "punct" => "[\\p{P}\\p{S}]",
        "space" => "\\s",
        "upper" => "\\p{Uppercase}",
        "word" => "\\w",
        "xdigit" => "0-9A-Fa-f",
        _ => return None,
    })
}

/// A character by its code.
fn code(c: char) -> String {
    format!("\\x{{{:x}}}", u32::from(c))
}

fn unbalanced() -> SqlError {
    invalid("brackets [] not balanced")
}

fn bad_range() -> SqlError {
    invalid("invalid character range")
}
