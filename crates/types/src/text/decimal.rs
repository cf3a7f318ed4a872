//! `numeric` as an `i128` of units of 10^-scale: read with rounding half away from zero, written
//! with exactly `scale` digits, or without trailing zeros where no scale was declared.

use super::{integer, invalid};
use crate::{SqlError, SqlState, UNCONSTRAINED_SCALE};

/// The most digits a Decimal128 holds.
const DIGITS_MAX: u8 = 38;
/// Exponents beyond this cannot bring any number into range; they are clamped to it.
const EXPONENT_MAX: i64 = 1_000_000;

/// Precision and scale in which values of `numeric` with these modifiers are stored.
pub(super) fn shape(modifiers: Option<(u8, i8)>) -> (u8, i8) {
    modifiers.unwrap_or((DIGITS_MAX, UNCONSTRAINED_SCALE))
}

/// Reads a number and rounds it to the scale.
///
/// # Errors
/// 22P02 where `text` is not a number (or NaN or an infinity, which Decimal128 has not), 22003
/// where it does not fit the precision.
pub(super) fn parse(text: &[u8], modifiers: Option<(u8, i8)>) -> Result<i128, SqlError> {
    let (negative, digits, exponent) = split(text)?;
    let (precision, scale) = shape(modifiers);
    let point = digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len()) as i64;
    // Digits at positions before this count; the one at it decides the rounding.
    let kept = point + exponent + i64::from(scale);
    let mut value = 0_u128;
    let mut position = 0_i64;
    let mut round_up = false;
    for byte in digits {
        if *byte == b'.' {
            continue;
        }
        let digit = u128::from(byte - b'0');
        if position >= kept {
            round_up = position == kept && digit >= 5;
            break;
        }
        value = checked_append(value, digit).ok_or_else(|| overflow(modifiers))?;
        position += 1;
    }
    while position < kept && value != 0 {
        value = checked_append(value, 0).ok_or_else(|| overflow(modifiers))?;
        position += 1;
    }
    value += u128::from(round_up);
    if value >= 10_u128.pow(u32::from(precision)) {
        return Err(overflow(modifiers));
    }
    let value = value.cast_signed();
    Ok(if negative { -value } else { value })
}

fn checked_append(value: u128, digit: u128) -> Option<u128> {
    // With one digit more the number has at most as many as any precision allows.
    (value < 10_u128.pow(u32::from(DIGITS_MAX) - 1)).then(|| value * 10 + digit)
}

/// Sign, digits with at most one point, exponent.
fn split(text: &[u8]) -> Result<(bool, &[u8], i64), SqlError> {
    let trimmed = invalid::trim(text);
    let (negative, unsigned) = match trimmed {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let end = unsigned
        .iter()
        .position(|byte| !byte.is_ascii_digit() && *byte != b'.')
        .unwrap_or(unsigned.len());
    let (digits, rest) = unsigned.split_at(end);
    let points = digits.iter().filter(|byte| **byte == b'.').count();
    if points > 1 || digits.len() == points {
        return Err(special(trimmed, text));
    }
    let exponent = match rest {
        [] => 0,
        [b'e' | b'E', exponent @ ..] => parse_exponent(exponent, text)?,
        _ => return Err(invalid::syntax("numeric", text)),
    };
    Ok((negative, digits, exponent))
}

fn parse_exponent(exponent: &[u8], text: &[u8]) -> Result<i64, SqlError> {
    let (negative, digits) = match exponent {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(invalid::syntax("numeric", text));
    }
    let magnitude =
        digits.iter().fold(0, |n, digit| (n * 10 + i64::from(digit - b'0')).min(EXPONENT_MAX));
    Ok(if negative { -magnitude } else { magnitude })
}

#[cold]
fn special(trimmed: &[u8], text: &[u8]) -> SqlError {
    let word = trimmed.strip_prefix(b"-").or_else(|| trimmed.strip_prefix(b"+")).unwrap_or(trimmed);
    let error = invalid::syntax("numeric", text);
    if [&b"nan"[..], b"inf", b"infinity"].iter().any(|special| word.eq_ignore_ascii_case(special)) {
        return error.with_hint(
            "numeric holds no NaN and no infinities here; use double precision for them.",
        );
    }
    error
}

/// 22003 in PostgreSQL's words, and for `numeric` without modifiers with our own bound.
#[cold]
pub(super) fn overflow(modifiers: Option<(u8, i8)>) -> SqlError {
    let error = SqlError::new(SqlState::NumericValueOutOfRange, "numeric field overflow");
    match modifiers {
        Some((precision, scale)) => {
            let bound = match i16::from(precision) - i16::from(scale) {
                0 => "1".to_owned(),
                digits => format!("10^{digits}"),
            };
            error.with_detail(format!(
                "A field with precision {precision}, scale {scale} must round to an absolute value less than {bound}."
            ))
        }
        None => error.with_detail(format!(
            "numeric without precision must round to an absolute value less than 10^{}.",
            i16::from(DIGITS_MAX) - i16::from(UNCONSTRAINED_SCALE)
        )),
    }
}

/// Writes `value` units of 10^-`scale`; `trim_zeros` drops zeros behind the point.
pub(super) fn write(value: i128, scale: i8, trim_zeros: bool, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    let magnitude = value.unsigned_abs();
    if scale <= 0 {
        write_u128(magnitude, 1, out);
        if magnitude != 0 {
            out.extend(std::iter::repeat_n(b'0', usize::from(scale.unsigned_abs())));
        }
        return;
    }
    let places = usize::from(scale.unsigned_abs());
    let start = out.len();
    write_u128(magnitude, places + 1, out);
    let point = out.len() - places;
    out.insert(point, b'.');
    if trim_zeros {
        while out.last() == Some(&b'0') {
            out.pop();
        }
        if out.last() == Some(&b'.') {
            out.pop();
        }
    }
    debug_assert!(out.len() > start, "something was written");
}

/// Writes at least `width` digits.
fn write_u128(value: u128, width: usize, out: &mut Vec<u8>) {
    /// The largest power of ten in a u64.
    const CHUNK: u128 = 10_u128.pow(19);
    match u64::try_from(value) {
        Ok(small) => integer::write_padded(small, width, out),
        Err(_) => {
            write_u128(value / CHUNK, width.saturating_sub(19), out);
            integer::write_padded((value % CHUNK) as u64, 19, out);
        }
    }
}
