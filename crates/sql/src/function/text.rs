//! Text functions; some are computed by DataFusion, those that it has not or means differently here.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray};
use arrow::datatypes::{Int32Type, Int64Type};
use kappa_types::{SqlError, SqlState, SqlType};

use super::entry::Function;
use super::kernel::Arguments;
use super::lengthen::within_limit;
use super::regular_match::substring_pattern;
use super::rows::{rows, rows_text};

const TEXT: SqlType = SqlType::Text;
const INTEGER: SqlType = SqlType::Integer;

/// The functions of this family.
#[expect(clippy::too_many_lines, reason = "a list")]
pub(super) fn functions() -> Vec<Function> {
    let mut functions = vec![
        Function::new(
            "length",
            "How many characters a text has, or bytes a bytea.",
            ("length('straße')", "6"),
        )
        .takes(&[TEXT], INTEGER, length)
        .takes(&[SqlType::Bytea], INTEGER, length_bytes),
        Function::new("char_length", "How many characters a text has.", ("char_length('€')", "1"))
            .also("character_length")
            .takes(&[TEXT], INTEGER, length),
        Function::new("octet_length", "How many bytes it has.", ("octet_length('€')", "3"))
            .takes(&[TEXT], INTEGER, octets)
            .takes(&[SqlType::Bytea], INTEGER, length_bytes),
        Function::new("bit_length", "How many bits it has.", ("bit_length('abc')", "24"))
            .takes(&[TEXT], INTEGER, bits),
        Function::new(
            "||",
            "One after the other; text takes a value of any type on its other side.",
            ("'a' || 1", "a1"),
        )
        .takes(&[SqlType::Bytea, SqlType::Bytea], SqlType::Bytea, concat_bytes)
        .written(&["text || any → text", "any || text → text", "bytea || bytea → bytea"]),
        Function::new(
            "concat",
            "All arguments as text, one after the other; NULL is left out.",
            ("concat('a', NULL, 1, true)", "a1t"),
        )
        .written(&["concat(any, …) → text"]),
        Function::new(
            "concat_ws",
            "All arguments after the first as text, with the first between them; NULL is left out.",
            ("concat_ws('-', 'a', NULL, 'b')", "a-b"),
        )
        .written(&["concat_ws(text, any, …) → text"]),
        Function::new("lower", "All letters small.", ("lower('ABC')", "abc"))
            .written(&["lower(text) → text"]),
        Function::new("upper", "All letters capital.", ("upper('abc')", "ABC"))
            .written(&["upper(text) → text"]),
        Function::new(
            "initcap",
            "The first letter of each word capital, all others small.",
            ("initcap('hello wORLD')", "Hello World"),
        )
        .takes(&[TEXT], TEXT, initcap),
        Function::new(
            "substring",
            "The characters from a position, counted from 1, at most so many; or what matches a \
             regular expression, its first group if it has one.",
            ("substring('abcdef' FROM 2 FOR 3)", "bcd"),
        )
        .takes(&[TEXT, INTEGER], TEXT, substring_from)
        .takes(&[TEXT, INTEGER, INTEGER], TEXT, substring_for)
        .takes(&[TEXT, TEXT], TEXT, substring_pattern)
        .written(&[
            "substring(text FROM integer) → text",
            "substring(text FROM integer FOR integer) → text",
            "substring(text FROM pattern) → text",
            "substring(text, integer) → text",
            "substring(text, integer, integer) → text",
            "substring(text, pattern) → text",
        ]),
        Function::new("substr", "As substring with positions.", ("substr('abcdef', 2, 3)", "bcd"))
            .takes(&[TEXT, INTEGER], TEXT, substring_from)
            .takes(&[TEXT, INTEGER, INTEGER], TEXT, substring_for),
        Function::new(
            "position",
            "Where the first text begins in the second, from 1; 0 if nowhere.",
            ("position('c' IN 'abc')", "3"),
        )
        .takes(&[TEXT, TEXT], INTEGER, position)
        .written(&["position(text IN text) → integer"]),
        Function::new(
            "strpos",
            "Where the second text begins in the first, from 1; 0 if nowhere.",
            ("strpos('abc', 'c')", "3"),
        )
        .takes(&[TEXT, TEXT], INTEGER, strpos),
        Function::new(
            "left",
            "The first characters; with a negative number, all but so many last ones.",
            ("left('abcde', -2)", "abc"),
        )
        .takes(&[TEXT, INTEGER], TEXT, left),
        Function::new(
            "right",
            "The last characters; with a negative number, all but so many first ones.",
            ("right('abcde', 2)", "de"),
        )
        .takes(&[TEXT, INTEGER], TEXT, right),
        Function::new(
            "split_part",
            "A part of a text that is split at a delimiter, counted from 1; from the end if negative.",
            ("split_part('a,b,c', ',', -1)", "c"),
        )
        .takes(&[TEXT, TEXT, INTEGER], TEXT, split_part),
        Function::new(
            "btrim",
            "Without spaces, or any of the given characters, at both ends.",
            ("trim(BOTH 'x' FROM 'xaxbx')", "axb"),
        )
        .written(&[
            "trim(text) → text",
            "trim([BOTH] text FROM text) → text",
            "btrim(text) → text",
            "btrim(text, text) → text",
        ])
        .also("trim"),
        Function::new(
            "ltrim",
            "Without spaces, or any of the given characters, at the beginning.",
            ("ltrim('xyabc', 'xy')", "abc"),
        )
        .written(&[
            "trim(LEADING text FROM text) → text",
            "ltrim(text) → text",
            "ltrim(text, text) → text",
        ]),
        Function::new(
            "rtrim",
            "Without spaces, or any of the given characters, at the end.",
            ("rtrim('abcxy', 'xy')", "abc"),
        )
        .written(&[
            "trim(TRAILING text FROM text) → text",
            "rtrim(text) → text",
            "rtrim(text, text) → text",
        ]),
        Function::new(
            "translate",
            "Each character of the second text replaced by that in its place in the third, or removed.",
            ("translate('12345', '143', 'ax')", "a2x5"),
        )
        .takes(&[TEXT, TEXT, TEXT], TEXT, translate),
        Function::new(
            "overlay",
            "The text with another put over it from a position, over as many characters as said or it has.",
            ("overlay('abcdef' PLACING 'XY' FROM 2 FOR 3)", "aXYef"),
        )
        .takes(&[TEXT, TEXT, INTEGER], TEXT, overlay)
        .takes(&[TEXT, TEXT, INTEGER, INTEGER], TEXT, overlay)
        .written(&["overlay(text PLACING text FROM integer [FOR integer]) → text"]),
        Function::new("reverse", "The characters in reverse order.", ("reverse('abc')", "cba"))
            .written(&["reverse(text) → text"]),
        Function::new("ascii", "The code point of the first character.", ("ascii('€')", "8364"))
            .takes(&[TEXT], INTEGER, ascii),
        Function::new("chr", "The character with a code point.", ("chr(8364)", "€"))
            .takes(&[INTEGER], TEXT, chr),
        Function::new(
            "to_hex",
            "The number in hexadecimal, a negative one as its two's complement.",
            ("to_hex(-1)", "ffffffff"),
        )
        .takes(&[INTEGER], TEXT, to_hex_integer)
        .takes(&[SqlType::BigInt], TEXT, to_hex_bigint),
        Function::new(
            "quote_ident",
            "As a name in a statement, in quotes where they are needed.",
            ("quote_ident('My table')", "\"My table\""),
        )
        .takes(&[TEXT], TEXT, quote_ident),
        Function::new(
            "quote_literal",
            "As a string in a statement.",
            ("quote_literal('it''s')", "'it''s'"),
        )
        .takes(&[TEXT], TEXT, quote_literal),
        Function::new(
            "md5",
            "The MD5 of a text or bytea, in hexadecimal.",
            ("md5('abc')", "900150983cd24fb0d6963f7d28e17f72"),
        )
        .written(&["md5(text) → text", "md5(bytea) → text"]),
        Function::new(
            "sha256",
            "The SHA-256 of a bytea; `sha224`, `sha384` and `sha512` are its relatives.",
            ("left(encode(sha256('abc'), 'hex'), 12)", "ba7816bf8f01"),
        )
        .also("sha224")
        .also("sha384")
        .also("sha512")
        .written(&["sha256(bytea) → bytea"]),
        Function::new(
            "encode",
            "Bytes as text: `base64` or `hex`. There are no line ends in base64.",
            ("encode('abc', 'hex')", "616263"),
        )
        .written(&["encode(bytea, text) → text"]),
        Function::new(
            "decode",
            "The bytes that a text stands for: `base64` or `hex`.",
            ("decode('YWJj', 'base64')", "\\x616263"),
        )
        .written(&["decode(text, text) → bytea"]),
    ];
    functions.extend(super::lengthen::functions());
    functions
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

/// Each character of `from` as that in its place in `to`, or left out.
fn translate(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (text, from, to) = (args.text(0), args.text(1), args.text(2));
    rows_text(args, |row, out| {
        let (from, to): (Vec<char>, Vec<char>) =
            (from.value(row).chars().collect(), to.value(row).chars().collect());
        for c in text.value(row).chars() {
            match from.iter().position(|wanted| *wanted == c) {
                Some(place) => out.extend(to.get(place)),
                None => out.push(c),
            }
        }
        within_limit(out.len())?;
        Ok(true)
    })
}

/// The text with the second over it, from a position and for a length, which is that of the second.
fn overlay(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (text, over) = (args.text(0), args.text(1));
    let start = args.primitive::<Int32Type>(2);
    let length = (args.arrays.len() > 3).then(|| args.primitive::<Int32Type>(3));
    rows_text(args, |row, out| {
        let (text, over, start) = (text.value(row), over.value(row), start.value(row));
        let length = match length {
            Some(length) => length.value(row),
            None => count(over.chars().count())?,
        };
        let end = start.checked_add(length).filter(|_| start > 0);
        // A start below 1 is the same error as a negative length.
        let before = slice(text, 1, Some(start.saturating_sub(1)))?;
        let Some(end) = end else {
            return Err(SqlError::new(SqlState::NumericValueOutOfRange, "integer out of range"));
        };
        let after = slice(text, end, None)?;
        within_limit(before.len() + over.len() + after.len())?;
        [before, over, after].into_iter().for_each(|part| out.push_str(part));
        Ok(true)
    })
}

fn ascii(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let text = args.text(0);
    rows::<Int32Type>(args, |row| {
        let first = text.value(row).chars().next().map_or(0, u32::from);
        count(usize::try_from(first).unwrap_or_default())
    })
}

fn chr(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let codes = args.primitive::<Int32Type>(0);
    rows_text(args, |row, out| {
        let code = codes.value(row);
        let refused = |why: String| Err(SqlError::new(SqlState::ProgramLimitExceeded, why));
        match u32::try_from(code).map(|code| (code, char::from_u32(code))) {
            Err(_) => Err(SqlError::new(
                SqlState::InvalidParameterValue,
                "character number must be positive",
            )),
            Ok((0, _)) => refused("null character not permitted".to_owned()),
            Ok((_, Some(c))) => {
                out.push(c);
                Ok(true)
            }
            Ok((0x11_0000.., None)) => {
                refused(format!("requested character too large for encoding: {code}"))
            }
            Ok(_) => refused(format!("requested character not valid for encoding: {code}")),
        }
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
        out.push_str(if escaped { "E'" } else { "'" });
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

fn to_hex_integer(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let numbers = args.primitive::<Int32Type>(0);
    rows_text(args, |row, out| {
        out.push_str(&format!("{:x}", numbers.value(row)));
        Ok(true)
    })
}

fn to_hex_bigint(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let numbers = args.primitive::<Int64Type>(0);
    rows_text(args, |row, out| {
        out.push_str(&format!("{:x}", numbers.value(row)));
        Ok(true)
    })
}
