//! `real` and `double precision`: the shortest digits that read back, in PostgreSQL's layout.
//!
//! The one idea: Rust's `{:e}` finds the digits, and only the layout is ours. PostgreSQL does not
//! take digits that lie exactly between two floats, Rust does; such ties are found and widened.

use std::io::Write as _;

use super::invalid;
use crate::{SqlError, SqlState};

/// The least decimal exponent written without `e`.
const PLAIN_EXPONENT_MIN: i32 = -4;

/// The two float types.
pub(super) trait Float: Copy + PartialEq + std::str::FromStr + std::fmt::LowerExp {
    /// PostgreSQL's name.
    const NAME: &'static str;
    /// Decimal digits that always survive (`DBL_DIG`).
    const DIGITS: i32;
    /// The least exponent written with `e` in shortest form.
    const EXPONENT_MIN: i32;
    /// Digits that always suffice.
    const DIGITS_MAX: usize;
    /// The only NaN that values have, whatever sign it was given with.
    const NAN: Self;
    /// Widened to a double, exactly.
    fn double(self) -> f64;
    /// Whether the shortest digits `digits * 10^exponent` lie halfway to a neighbour.
    fn is_halfway(self, digits: u64, exponent: i32) -> bool;
}

impl Float for f64 {
    const NAME: &'static str = "double precision";
    const DIGITS: i32 = 15;
    const EXPONENT_MIN: i32 = 15;
    const DIGITS_MAX: usize = 17;
    const NAN: Self = Self::NAN;
    fn double(self) -> f64 {
        self
    }
    fn is_halfway(self, digits: u64, exponent: i32) -> bool {
        let bits = self.to_bits();
        let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
        let binary = ((bits >> 52) & 0x7ff) as i32 - 1075;
        halfway(mantissa, binary, digits, exponent)
    }
}

impl Float for f32 {
    const NAME: &'static str = "real";
    const DIGITS: i32 = 6;
    const EXPONENT_MIN: i32 = 6;
    const DIGITS_MAX: usize = 9;
    const NAN: Self = Self::NAN;
    fn double(self) -> f64 {
        f64::from(self)
    }
    fn is_halfway(self, digits: u64, exponent: i32) -> bool {
        let bits = self.to_bits();
        let mantissa = u64::from((bits & ((1 << 23) - 1)) | (1 << 23));
        let binary = ((bits >> 23) & 0xff) as i32 - 150;
        halfway(mantissa, binary, digits, exponent)
    }
}

/// Whether `digits * 10^exponent` equals `(2 * mantissa ± 1) * 2^(binary - 1)`, or for a power of
/// two the nearer lower bound.
fn halfway(mantissa: u64, binary: i32, digits: u64, exponent: i32) -> bool {
    // Strip the powers of two and five: an odd number times 2^a times 5^b is a unique form.
    let same = |number: u64, power: i32| {
        let twos = number.trailing_zeros();
        let (mut odd, mut fives) = (number >> twos, 0);
        while odd.is_multiple_of(5) {
            odd /= 5;
            fives += 1;
        }
        let own = digits.trailing_zeros();
        let (mut odd_digits, mut own_fives) = (digits >> own, exponent);
        while odd_digits.is_multiple_of(5) {
            odd_digits /= 5;
            own_fives += 1;
        }
        odd == odd_digits
            && fives == own_fives
            && power + twos.cast_signed() == exponent + own.cast_signed()
    };
    digits != 0
        && (same(2 * mantissa + 1, binary - 1)
            || same(2 * mantissa - 1, binary - 1)
            || (mantissa.is_power_of_two() && same(4 * mantissa - 1, binary - 2)))
}

/// Reads a float.
///
/// # Errors
/// 22P02 where `text` is not a number, 22003 where it is too large or too small.
pub(super) fn parse<F: Float>(text: &[u8]) -> Result<F, SqlError> {
    let trimmed = invalid::trim(text);
    let number = std::str::from_utf8(trimmed).map_err(|_| invalid::syntax(F::NAME, text))?;
    let value = number.parse::<F>().map_err(|_| invalid::syntax(F::NAME, text))?;
    let double = value.double();
    let has_digit = trimmed.iter().any(u8::is_ascii_digit);
    let nonzero = || {
        let mantissa = trimmed.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or(trimmed);
        mantissa.iter().any(|byte| matches!(byte, b'1'..=b'9'))
    };
    if (double.is_infinite() && has_digit) || (double == 0.0 && nonzero()) {
        return Err(SqlError::new(
            SqlState::NumericValueOutOfRange,
            format!("\"{number}\" is out of range for type {}", F::NAME),
        ));
    }
    Ok(if double.is_nan() { F::NAN } else { value })
}

/// Writes a float as `extra_float_digits` asks.
pub(super) fn write<F: Float>(value: F, extra_float_digits: i32, out: &mut Vec<u8>) {
    let double = value.double();
    if double.is_nan() {
        return out.extend_from_slice(b"NaN");
    }
    if double.is_sign_negative() {
        out.push(b'-');
    }
    if double.is_infinite() {
        return out.extend_from_slice(b"Infinity");
    }
    if double == 0.0 {
        return out.push(b'0');
    }
    let mut buffer = [0_u8; 40];
    if extra_float_digits > 0 {
        let (digits, exponent) = shortest(value, &mut buffer);
        layout(digits, exponent, F::EXPONENT_MIN, out);
    } else {
        let precision = (F::DIGITS + extra_float_digits).max(1);
        let (digits, exponent) =
            scientific(value, Some(precision.cast_unsigned() as usize), &mut buffer);
        let significant = digits.iter().rposition(|digit| *digit != b'0').unwrap_or(0) + 1;
        layout(&digits[..significant], exponent, precision, out);
    }
}

/// The digits (no point, no sign) and the decimal exponent of the first digit.
fn scientific<F: Float>(value: F, digits: Option<usize>, buffer: &mut [u8; 40]) -> (&[u8], i32) {
    let mut rest = &mut buffer[..];
    let written = match digits {
        Some(digits) => write!(rest, "{value:.*e}", digits - 1),
        None => write!(rest, "{value:e}"),
    };
    written.expect("40 bytes hold any float in scientific form");
    let left = rest.len();
    let length = 40 - left;
    let e = buffer[..length].iter().rposition(|byte| *byte == b'e').expect("{:e} writes an e");
    let exponent = std::str::from_utf8(&buffer[e + 1..length])
        .ok()
        .and_then(|text| text.parse().ok())
        .expect("{:e} ends in an integer");
    let start = usize::from(buffer[0] == b'-');
    let mut end = start + 1;
    if buffer[end] == b'.' {
        buffer.copy_within(end + 1..e, end);
        end = e - 1;
    }
    (&buffer[start..end], exponent)
}

fn shortest<F: Float>(value: F, buffer: &mut [u8; 40]) -> (&[u8], i32) {
    let mut count = None;
    loop {
        let (digits, exponent) = scientific(value, count, buffer);
        let length = digits.len();
        let number = digits.iter().fold(0_u64, |n, digit| n * 10 + u64::from(digit - b'0'));
        let last = exponent + 1 - length as i32;
        let reads_back = count.is_none() || reads_back(value, number, last);
        if (reads_back && !value.is_halfway(number, last)) || length >= F::DIGITS_MAX {
            return scientific(value, count, buffer);
        }
        count = Some(length + 1);
    }
}

fn reads_back<F: Float>(value: F, digits: u64, exponent: i32) -> bool {
    let magnitude = format!("{digits}e{exponent}").parse::<F>().ok().map(Float::double);
    magnitude == Some(value.double().abs())
}

/// Writes digits plainly, or with `e` from `exponent_min` up and below 10^-4, as C's `%g` does.
fn layout(digits: &[u8], exponent: i32, exponent_min: i32, out: &mut Vec<u8>) {
    if exponent < PLAIN_EXPONENT_MIN || exponent >= exponent_min {
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.push(b'e');
        out.push(if exponent < 0 { b'-' } else { b'+' });
        super::integer::write_padded(u64::from(exponent.unsigned_abs()), 2, out);
    } else if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', exponent.unsigned_abs() as usize - 1));
        out.extend_from_slice(digits);
    } else {
        let whole = exponent.unsigned_abs() as usize + 1;
        if digits.len() <= whole {
            out.extend_from_slice(digits);
            out.extend(std::iter::repeat_n(b'0', whole - digits.len()));
        } else {
            out.extend_from_slice(&digits[..whole]);
            out.push(b'.');
            out.extend_from_slice(&digits[whole..]);
        }
    }
}
