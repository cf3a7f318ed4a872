//! Functions that make texts longer, and how long a text may be.
//!
//! The one idea: the length is computed and refused before any memory is taken for it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringViewBuilder};
use arrow::datatypes::Int32Type;
use kappa_types::{SqlError, SqlState, SqlType};

use super::entry::Function;
use super::kernel::Arguments;
use super::rows::rows_text;

const TEXT: SqlType = SqlType::Text;
const INTEGER: SqlType = SqlType::Integer;

/// Bytes of the longest text: PostgreSQL's longest value without its header.
const TEXT_BYTES_MAX: usize = 0x3fff_ffff - 4;

/// Characters that `lpad` and `rpad` fill up to: PostgreSQL counts the longest character for each.
const PAD_CHARS_MAX: usize = TEXT_BYTES_MAX / 4;

/// The functions of this family.
pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("repeat", "The text so many times.", ("repeat('ab', 3)", "ababab")).takes(
            &[TEXT, INTEGER],
            TEXT,
            repeat,
        ),
        Function::new(
            "lpad",
            "Filled up on the left to a length, with spaces or the given text; cut if longer.",
            ("lpad('7', 3, '0')", "007"),
        )
        .takes(&[TEXT, INTEGER], TEXT, lpad)
        .takes(&[TEXT, INTEGER, TEXT], TEXT, lpad),
        Function::new(
            "rpad",
            "Filled up on the right to a length, with spaces or the given text; cut if longer.",
            ("rpad('7', 3, '-')", "7--"),
        )
        .takes(&[TEXT, INTEGER], TEXT, rpad)
        .takes(&[TEXT, INTEGER, TEXT], TEXT, rpad),
        Function::new(
            "replace",
            "Each occurrence of the second text replaced by the third.",
            ("replace('abcabc', 'b', 'X')", "aXcaXc"),
        )
        .takes(&[TEXT, TEXT, TEXT], TEXT, replace),
    ]
}

/// 54000 for a text of so many bytes if there cannot be one.
pub(super) fn within_limit(byte_count: usize) -> Result<(), SqlError> {
    if byte_count > TEXT_BYTES_MAX {
        return Err(SqlError::new(SqlState::ProgramLimitExceeded, "requested length too large"));
    }
    Ok(())
}

fn repeat(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (text, times) = (args.text(0), args.primitive::<Int32Type>(1));
    rows_text(args, |row, out| {
        let times = usize::try_from(times.value(row)).unwrap_or(0);
        within_limit(text.value(row).len().saturating_mul(times))?;
        out.push_str(&text.value(row).repeat(times));
        Ok(true)
    })
}

fn lpad(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    padded(args, |text, fill, out| {
        out.extend(fill);
        out.push_str(text);
    })
}

fn rpad(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    padded(args, |text, fill, out| {
        out.push_str(text);
        out.extend(fill);
    })
}

/// What fills a text up.
type Fill<'a> = std::iter::Take<std::iter::Cycle<std::str::Chars<'a>>>;

/// `join` of each text cut to its length and of what fills it up.
fn padded(
    args: &Arguments<'_>,
    join: fn(&str, Fill<'_>, &mut String),
) -> Result<ArrayRef, SqlError> {
    let (text, length) = (args.text(0), args.primitive::<Int32Type>(1));
    let fill = (args.arrays.len() > 2).then(|| args.text(2));
    rows_text(args, |row, out| {
        let fill = fill.map_or(" ", |fill| fill.value(row));
        let length = usize::try_from(length.value(row)).unwrap_or(0);
        let text = text.value(row);
        let (mut count, mut end) = (0, 0);
        for c in text.chars().take(length) {
            (count, end) = (count + 1, end + c.len_utf8());
        }
        let missing = if fill.is_empty() { 0 } else { length - count };
        if missing > 0 && length > PAD_CHARS_MAX {
            within_limit(usize::MAX)?;
        }
        join(&text[..end], fill.chars().cycle().take(missing), out);
        Ok(true)
    })
}

fn replace(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (text, from, to) = (args.text(0), args.text(1), args.text(2));
    rows_text(args, |row, out| {
        let (text, from, to) = (text.value(row), from.value(row), to.value(row));
        if from.is_empty() {
            out.push_str(text);
            return Ok(true);
        }
        let count = text.matches(from).count();
        let longer = count.saturating_mul(to.len().saturating_sub(from.len()));
        within_limit(text.len().saturating_add(longer))?;
        out.push_str(&text.replace(from, to));
        Ok(true)
    })
}

/// All texts one after the other; NULL is left out.
pub(super) fn concat(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let texts: Vec<_> = (0..args.arrays.len()).map(|index| args.text(index)).collect();
    let mut builder = StringViewBuilder::with_capacity(args.row_count);
    for row in 0..args.row_count {
        let parts = texts.iter().filter(|text| text.is_valid(row)).map(|text| text.value(row));
        let parts: Vec<&str> = parts.collect();
        within_limit(parts.iter().map(|part| part.len()).sum())?;
        builder.append_value(parts.concat());
    }
    Ok(Arc::new(builder.finish()))
}

/// All texts after the first with the first between them; NULL is left out.
pub(super) fn concat_ws(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let separator = args.text(0);
    let texts: Vec<_> = (1..args.arrays.len()).map(|index| args.text(index)).collect();
    let mut builder = StringViewBuilder::with_capacity(args.row_count);
    for row in 0..args.row_count {
        if separator.is_null(row) {
            builder.append_null();
            continue;
        }
        let parts = texts.iter().filter(|text| text.is_valid(row)).map(|text| text.value(row));
        let parts: Vec<&str> = parts.collect();
        let separator = separator.value(row);
        let texts_len: usize = parts.iter().map(|part| part.len()).sum();
        within_limit(texts_len + separator.len() * parts.len().saturating_sub(1))?;
        builder.append_value(parts.join(separator));
    }
    Ok(Arc::new(builder.finish()))
}
