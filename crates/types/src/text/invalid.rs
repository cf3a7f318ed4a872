//! The errors of text input, in PostgreSQL's words.

use crate::{SqlError, SqlState};

/// 22P02: `text` is not a value of the type called `type_name`.
#[cold]
pub(super) fn syntax(type_name: &str, text: &[u8]) -> SqlError {
    SqlError::new(
        SqlState::InvalidTextRepresentation,
        format!("invalid input syntax for type {type_name}: \"{}\"", String::from_utf8_lossy(text)),
    )
}

/// 22007: `text` is not a date or time.
#[cold]
pub(super) fn datetime(type_name: &str, text: &[u8]) -> SqlError {
    SqlError::new(
        SqlState::InvalidDatetimeFormat,
        format!("invalid input syntax for type {type_name}: \"{}\"", String::from_utf8_lossy(text)),
    )
}

/// 22003: the number is valid but does not fit the type.
#[cold]
pub(super) fn value_range(type_name: &str, text: &[u8]) -> SqlError {
    SqlError::new(
        SqlState::NumericValueOutOfRange,
        format!("value \"{}\" is out of range for type {type_name}", String::from_utf8_lossy(text)),
    )
}

/// 22021: `bytes` cannot be text; names the first bad sequence.
#[cold]
pub(super) fn encoding(bytes: &[u8]) -> SqlError {
    let bad = match std::str::from_utf8(bytes) {
        Ok(_) => &[0][..],
        Err(error) => {
            let from = error.valid_up_to();
            // PostgreSQL names as many bytes as the first one announces.
            let announced = match bytes[from] {
                0xC0..=0xDF => 2,
                0xE0..=0xEF => 3,
                0xF0..=0xF7 => 4,
                _ => 1,
            };
            &bytes[from..bytes.len().min(from + announced)]
        }
    };
    let hex: Vec<String> = bad.iter().map(|byte| format!("0x{byte:02x}")).collect();
    SqlError::new(
        SqlState::CharacterNotInRepertoire,
        format!("invalid byte sequence for encoding \"UTF8\": {}", hex.join(" ")),
    )
}

/// The bytes as text without NUL, which Postgres cannot hold.
///
/// # Errors
/// 22021 where they are not.
pub fn utf8(bytes: &[u8]) -> Result<&str, SqlError> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.contains(&0) => Ok(text),
        _ => Err(encoding(bytes)),
    }
}

/// `text` without the white space that C's `isspace` knows at both ends.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let [first, rest @ ..] = text
        && is_space(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_space(*last)
    {
        text = rest;
    }
    text
}

/// C's `isspace` in the C locale.
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}
