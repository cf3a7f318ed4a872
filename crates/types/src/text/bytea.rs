//! `bytea`: `\x` and hexadecimal digits, or text with `\ooo` for bytes that are not.

use super::ByteaStyle;
use crate::{SqlError, SqlState};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Reads bytes.
///
/// # Errors
/// 22023 for wrong hexadecimal digits, 22P02 for a wrong escape.
pub(super) fn parse(text: &[u8]) -> Result<Vec<u8>, SqlError> {
    match text.strip_prefix(b"\\x") {
        Some(digits) => parse_hex(digits),
        None => parse_escape(text),
    }
}

fn parse_hex(digits: &[u8]) -> Result<Vec<u8>, SqlError> {
    let invalid = |message: String| SqlError::new(SqlState::InvalidParameterValue, message);
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    let mut at = 0;
    while at < digits.len() {
        if matches!(digits[at], b' ' | b'\n' | b'\t' | b'\r') {
            at += 1;
            continue;
        }
        let high = digit(digits, at).map_err(invalid)?;
        if at + 1 == digits.len() {
            return Err(invalid("invalid hexadecimal data: odd number of digits".into()));
        }
        let low = digit(digits, at + 1).map_err(invalid)?;
        bytes.push(high << 4 | low);
        at += 2;
    }
    Ok(bytes)
}

fn digit(digits: &[u8], at: usize) -> Result<u8, String> {
    char::from(digits[at]).to_digit(16).map(|digit| digit as u8).ok_or_else(|| {
        let text = String::from_utf8_lossy(&digits[at..]);
        format!("invalid hexadecimal digit: \"{}\"", text.chars().next().unwrap_or_default())
    })
}

fn parse_escape(text: &[u8]) -> Result<Vec<u8>, SqlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        if *first != b'\\' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        match tail {
            [b'\\', tail @ ..] => {
                bytes.push(b'\\');
                rest = tail;
            }
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = tail;
            }
            _ => {
                return Err(SqlError::new(
                    SqlState::InvalidTextRepresentation,
                    "invalid input syntax for type bytea",
                ));
            }
        }
    }
    Ok(bytes)
}

/// Writes bytes in the session's style.
pub(super) fn write(bytes: &[u8], style: ByteaStyle, out: &mut Vec<u8>) {
    match style {
        ByteaStyle::Hex => {
            out.reserve(2 + bytes.len() * 2);
            out.extend_from_slice(b"\\x");
            for byte in bytes {
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
        ByteaStyle::Escape => {
            for byte in bytes {
                match byte {
                    b'\\' => out.extend_from_slice(b"\\\\"),
                    0x20..=0x7e => out.push(*byte),
                    _ => out.extend_from_slice(&[
                        b'\\',
                        b'0' + (byte >> 6),
                        b'0' + (byte >> 3 & 7),
                        b'0' + (byte & 7),
                    ]),
                }
            }
        }
    }
}
