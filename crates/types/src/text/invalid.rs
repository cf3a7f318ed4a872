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
#[inline]
pub fn utf8(bytes: &[u8]) -> Result<&str, SqlError> {
    if is_ascii_without_nul(bytes) {
        // SAFETY: ASCII is UTF-8.
        return Ok(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.contains(&0) => Ok(text),
        _ => Err(encoding(bytes)),
    }
}

/// Whether every byte is between 1 and 127; eight at a time, both bounds in one test: a byte that is 0
/// borrows when 1 is taken off, and then has its highest bit set as those above 127 do.
#[inline]
fn is_ascii_without_nul(bytes: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHEST: u64 = ONES << 7;
    let (words, rest) = bytes.as_chunks::<8>();
    let outside = words.iter().fold(0, |outside, word| {
        let word = u64::from_ne_bytes(*word);
        outside | word | word.wrapping_sub(ONES)
    });
    outside & HIGHEST == 0 && rest.iter().all(|byte| (1..=127).contains(byte))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_utf8_without_nul_at_every_length_and_place() {
        for length in 0..40 {
            let plain = vec![b'a'; length];
            assert_eq!(utf8(&plain).unwrap().len(), length);
            for place in 0..length {
                for byte in [0, 1, 127, 128, 0xC3, 0xFF] {
                    let mut bytes = plain.clone();
                    bytes[place] = byte;
                    assert_eq!(utf8(&bytes).is_ok(), (1..128).contains(&byte), "{bytes:?}");
                }
            }
            let mut longer = plain.clone();
            longer.extend_from_slice("é".as_bytes());
            assert_eq!(utf8(&longer).unwrap().chars().count(), length + 1);
        }
    }
}
