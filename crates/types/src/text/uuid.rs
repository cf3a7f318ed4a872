//! `uuid`: 32 hexadecimal digits, a hyphen allowed after each group of four, braces allowed around.

use super::invalid;
use crate::SqlError;

/// Reads a UUID.
///
/// # Errors
/// 22P02 where `text` is none.
pub(super) fn parse(text: &[u8]) -> Result<[u8; 16], SqlError> {
    parse_digits(text).ok_or_else(|| invalid::syntax("uuid", text))
}

fn parse_digits(text: &[u8]) -> Option<[u8; 16]> {
    let mut rest = match text {
        [b'{', inner @ .., b'}'] => inner,
        bare => bare,
    };
    let mut bytes = [0; 16];
    for (index, byte) in bytes.iter_mut().enumerate() {
        let [high, low, tail @ ..] = rest else { return None };
        let high = char::from(*high).to_digit(16)?;
        let low = char::from(*low).to_digit(16)?;
        *byte = (high << 4 | low) as u8;
        rest = tail;
        if index % 2 == 1
            && index < 15
            && let [b'-', tail @ ..] = rest
        {
            rest = tail;
        }
    }
    rest.is_empty().then_some(bytes)
}

/// Writes the canonical form: lower case, hyphens at 8-4-4-4-12.
pub(super) fn write(bytes: &[u8], out: &mut Vec<u8>) {
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        for nibble in [byte >> 4, byte & 15] {
            out.push(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
        }
    }
}
