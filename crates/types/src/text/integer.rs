//! Integers: smallint, integer, bigint and oid, read and written by hand.
//!
//! The one idea: up to 18 digits cannot overflow, so only longer numbers are checked digit by digit.

use super::invalid;
use crate::SqlError;

/// Digits that always fit an `i64`.
const UNCHECKED_DIGITS: usize = 18;

/// Reads an integer between `min` and `max`.
///
/// # Errors
/// 22P02 where `text` is not an integer, 22003 where it does not fit.
#[inline]
pub(super) fn parse(text: &[u8], type_name: &str, min: i64, max: i64) -> Result<i64, SqlError> {
    match parse_plain(text) {
        Some(value) if (min..=max).contains(&value) => Ok(value),
        Some(_) => Err(invalid::value_range(type_name, text)),
        None => parse_checked(text, type_name),
    }
}

/// The common case: an optional sign and at most 18 digits, nothing around them.
#[inline]
fn parse_plain(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > UNCHECKED_DIGITS {
        return None;
    }
    let mut value = 0_i64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if negative { -value } else { value })
}

/// Everything else: white space, a plus sign, long numbers, errors.
#[cold]
fn parse_checked(text: &[u8], type_name: &str) -> Result<i64, SqlError> {
    let (min, max) = match type_name {
        "smallint" => (i128::from(i16::MIN), i128::from(i16::MAX)),
        "integer" => (i128::from(i32::MIN), i128::from(i32::MAX)),
        _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
    };
    let (negative, digits) = match invalid::trim(text) {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(invalid::syntax(type_name, text));
    }
    let mut value = 0_i128;
    for byte in digits {
        // Past this the number is too long for any type; saturate so that it stays out of range.
        value = (value * 10 + i128::from(byte - b'0')).min(1 << 100);
    }
    let value = if negative { -value } else { value };
    if value < min || value > max {
        return Err(invalid::value_range(type_name, text));
    }
    i64::try_from(value).map_err(|_| invalid::value_range(type_name, text))
}

/// Reads an oid: like C's `strtoul`, a negative number counts from 2^32 down.
///
/// # Errors
/// 22P02 where `text` is not a number, 22003 where it does not fit.
pub(super) fn parse_oid(text: &[u8], type_name: &str) -> Result<u32, SqlError> {
    match parse_checked(text, type_name) {
        Ok(value) => u32::try_from(value)
            .or_else(|_| i32::try_from(value).map(i32::cast_unsigned))
            .map_err(|_| invalid::value_range(type_name, text)),
        Err(error) => Err(error),
    }
}

/// `00` to `99`, two bytes each.
const PAIRS: [u8; 200] = {
    let mut pairs = [0; 200];
    let mut index = 0;
    while index < 100 {
        pairs[index * 2] = b'0' + (index / 10) as u8;
        pairs[index * 2 + 1] = b'0' + (index % 10) as u8;
        index += 1;
    }
    pairs
};

/// Writes a signed integer.
#[inline]
pub(super) fn write(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    write_unsigned(value.unsigned_abs(), out);
}

/// Writes an unsigned integer.
pub(super) fn write_unsigned(mut value: u64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    while value >= 100 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value >= 10 {
        let pair = value as usize * 2;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        digits[at] = b'0' + value as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

/// Writes two digits; `value` is below 100.
#[inline]
pub(super) fn write_pair(value: u32, out: &mut Vec<u8>) {
    let pair = value as usize * 2;
    out.extend_from_slice(&PAIRS[pair..pair + 2]);
}

/// Writes at least `width` digits, zeros in front.
pub(super) fn write_padded(value: u64, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    write_unsigned(value, out);
    let written = out.len() - start;
    if written < width {
        out.splice(start..start, std::iter::repeat_n(b'0', width - written));
    }
}
