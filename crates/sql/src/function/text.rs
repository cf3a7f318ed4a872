//! Text functions that DataFusion has not, or has with another meaning.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray};
use arrow::datatypes::Int32Type;
use kappa_types::{SqlError, SqlState, SqlType};

use super::Overload;
use super::kernel::Arguments;
use super::rows::{rows, rows_text};

const TEXT: SqlType = SqlType::Text;
const INTEGER: SqlType = SqlType::Integer;

/// The functions of this family.
pub(super) fn overloads() -> Vec<Overload> {
    vec![
        Overload::new("length", &[TEXT], INTEGER, length),
        Overload::new("length", &[SqlType::Bytea], INTEGER, length_bytes),
        Overload::new("char_length", &[TEXT], INTEGER, length),
        Overload::new("character_length", &[TEXT], INTEGER, length),
        Overload::new("octet_length", &[TEXT], INTEGER, octets),
        Overload::new("octet_length", &[SqlType::Bytea], INTEGER, length_bytes),
        Overload::new("bit_length", &[TEXT], INTEGER, bits),
        Overload::new("||", &[SqlType::Bytea, SqlType::Bytea], SqlType::Bytea, concat_bytes),
        Overload::new("substr", &[TEXT, INTEGER], TEXT, substring_from),
        Overload::new("substr", &[TEXT, INTEGER, INTEGER], TEXT, substring_for),
        Overload::new("substring", &[TEXT, INTEGER], TEXT, substring_from),
        Overload::new("substring", &[TEXT, INTEGER, INTEGER], TEXT, substring_for),
        Overload::new("substring", &[TEXT, TEXT], TEXT, substring_pattern),
        Overload::new("position", &[TEXT, TEXT], INTEGER, position),
        Overload::new("strpos", &[TEXT, TEXT], INTEGER, strpos),
        Overload::new("left", &[TEXT, INTEGER], TEXT, left),
        Overload::new("right", &[TEXT, INTEGER], TEXT, right),
        Overload::new("split_part", &[TEXT, TEXT, INTEGER], TEXT, split_part),
        Overload::new("repeat", &[TEXT, INTEGER], TEXT, repeat),
        Overload::new("quote_ident", &[TEXT], TEXT, quote_ident),
        Overload::new("quote_literal", &[TEXT], TEXT, quote_literal),
        Overload::new("initcap", &[TEXT], TEXT, initcap),
    ]
}

fn count(number: usize) -> Result<i32, SqlError> {
    i32::try_from(number)
        .map_err(|_| SqlError::new(SqlState::NumericValueOutOfRange, "integer out of range"))
}

fn length(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let text = args.text(0);
    rows::<Int32Type>(args, |row| count(text.value(row).chars().count()))
}

fn length_bytes(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let bytes = args.arrays[0].as_binary::<i32>();
    rows::<Int32Type>(args, |row| count(bytes.value(row).len()))
}

fn concat_bytes(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (left, right) = (args.arrays[0].as_binary::<i32>(), args.arrays[1].as_binary::<i32>());
    let both = left.iter().zip(right.iter());
    let joined = both.map(|(left, right)| Some([left?, right?].concat()));
    Ok(Arc::new(joined.collect::<BinaryArray>()))
}

fn octets(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let text = args.text(0);
    rows::<Int32Type>(args, |row| count(text.value(row).len()))
}

fn bits(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let text = args.text(0);
    rows::<Int32Type>(args, |row| count(text.value(row).len() * 8))
}

/// Characters from position `start` (1-based, may be below 1), at most `length`.
fn slice(text: &str, start: i32, length: Option<i32>) -> Result<&str, SqlError> {
    let start = i64::from(start);
    let end = match length {
        Some(length) if length < 0 => {
            return Err(SqlError::new(
                SqlState::SubstringError,
                "negative substring length not allowed",
            ));
        }
        Some(length) => start + i64::from(length),
        None => i64::MAX,
    };
    let skip = usize::try_from((start - 1).max(0)).unwrap_or(usize::MAX);
    let take = usize::try_from((end - start.max(1)).max(0)).unwrap_or(usize::MAX);
    let byte = |text: &str, chars: usize| {
        text.char_indices().nth(chars).map_or(text.len(), |(byte, _)| byte)
    };
    let rest = &text[byte(text, skip)..];
    Ok(&rest[..byte(rest, take)])
}

fn substring_from(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (text, start) = (args.text(0), args.primitive::<Int32Type>(1));
    rows_text(args, |row, out| {
        out.push_str(slice(text.value(row), start.value(row), None)?);
        Ok(true)
    })
}

fn substring_for(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (text, start) = (args.text(0), args.primitive::<Int32Type>(1));
    let length = args.primitive::<Int32Type>(2);
    rows_text(args, |row, out| {
        out.push_str(slice(text.value(row), start.value(row), Some(length.value(row)))?);
        Ok(true)
    })
}

/// The first match of a regular expression, or of its first group.
fn substring_pattern(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (text, pattern) = (args.text(0), args.text(1));
    let mut compiled: Option<(String, regex::Regex)> = None;
    let mut builder = arrow::array::StringViewBuilder::new();
    for row in 0..args.row_count {
        if args.any_null(row) {
            builder.append_null();
            continue;
        }
        let wanted = pattern.value(row);
        let regex = match &compiled {
            Some((source, regex)) if source == wanted => regex,
            _ => &compiled.insert((wanted.to_owned(), super::pattern::regex(wanted)?)).1,
        };
        let found = regex.captures(text.value(row)).and_then(|c| c.get(1).or_else(|| c.get(0)));
        builder.append_option(found.map(|m| m.as_str()));
    }
    Ok(std::sync::Arc::new(builder.finish()))
}

/// position(needle in text), the needle first.
fn position(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (needle, text) = (args.text(0), args.text(1));
    rows::<Int32Type>(args, |row| place(text.value(row), needle.value(row)))
}

fn strpos(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (text, needle) = (args.text(0), args.text(1));
    rows::<Int32Type>(args, |row| place(text.value(row), needle.value(row)))
}

fn place(text: &str, needle: &str) -> Result<i32, SqlError> {
    match text.find(needle) {
        Some(byte) => count(text[..byte].chars().count() + 1),
        None => Ok(0),
    }
}

/// A negative count leaves out that many at the other end.
fn chars_of(text: &str, wanted: i32) -> usize {
    let total = text.chars().count();
    match usize::try_from(wanted) {
        Ok(wanted) => wanted.min(total),
        Err(_) => total.saturating_sub(usize::try_from(wanted.unsigned_abs()).unwrap_or(total)),
    }
}

fn left(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (text, wanted) = (args.text(0), args.primitive::<Int32Type>(1));
    rows_text(args, |row, out| {
        let text = text.value(row);
        out.extend(text.chars().take(chars_of(text, wanted.value(row))));
        Ok(true)
    })
}

fn right(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (text, wanted) = (args.text(0), args.primitive::<Int32Type>(1));
    rows_text(args, |row, out| {
        let text = text.value(row);
        let total = text.chars().count();
        out.extend(text.chars().skip(total - chars_of(text, wanted.value(row))));
        Ok(true)
    })
}

fn split_part(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (text, separator) = (args.text(0), args.text(1));
    let wanted = args.primitive::<Int32Type>(2);
    rows_text(args, |row, out| {
        let (text, separator, wanted) = (text.value(row), separator.value(row), wanted.value(row));
        if wanted == 0 {
            return Err(SqlError::new(
                SqlState::InvalidParameterValue,
                "field position must not be zero",
            ));
        }
        let parts: Vec<&str> =
            if separator.is_empty() { vec![text] } else { text.split(separator).collect() };
        let index = usize::try_from(wanted.unsigned_abs()).unwrap_or(usize::MAX);
        let part = if wanted > 0 {
            parts.get(index - 1)
        } else {
            parts.len().checked_sub(index).and_then(|index| parts.get(index))
        };
        out.push_str(part.copied().unwrap_or_default());
        Ok(true)
    })
}

/// Longest result of repeat, as PostgreSQL's limit of a text.
const REPEAT_BYTES_MAX: usize = 1 << 28;

fn repeat(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (text, times) = (args.text(0), args.primitive::<Int32Type>(1));
    rows_text(args, |row, out| {
        let times = usize::try_from(times.value(row)).unwrap_or(0);
        if text.value(row).len().saturating_mul(times) > REPEAT_BYTES_MAX {
            return Err(SqlError::new(
                SqlState::ProgramLimitExceeded,
                "requested length too large",
            ));
        }
        (0..times).for_each(|_| out.push_str(text.value(row)));
        Ok(true)
    })
}

fn quote_ident(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let text = args.text(0);
    rows_text(args, |row, out| {
        let name = text.value(row);
        let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        if plain {
            out.push_str(name);
        } else {
            out.push('"');
            out.push_str(&name.replace('"', "\"\""));
            out.push('"');
        }
        Ok(true)
    })
}

fn quote_literal(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let text = args.text(0);
    rows_text(args, |row, out| {
        let value = text.value(row);
        let escaped = value.contains('\\');
        out.push_str(if escaped { " E'" } else { "'" });
        for c in value.chars() {
            if c == '\'' || (escaped && c == '\\') {
                out.push(c);
            }
            out.push(c);
        }
        out.push('\'');
        Ok(true)
    })
}

fn initcap(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let text = args.text(0);
    rows_text(args, |row, out| {
        let mut begins = true;
        for c in text.value(row).chars() {
            if begins {
                out.extend(c.to_uppercase());
            } else {
                out.extend(c.to_lowercase());
            }
            begins = !c.is_alphanumeric();
        }
        Ok(true)
    })
}
