//! `numeric` in digits of base 10,000.
//!
//! ```text
//! digit count i16 | weight i16 | sign u16 | digits behind the point u16 | digits i16 ...
//! value = sum of digit[i] * 10000^(weight - i)
//! ```

use kappa_types::{SqlError, SqlState, UNCONSTRAINED_SCALE};

/// The base of the digits.
const BASE: u128 = 10_000;
/// Decimal digits in a digit.
const PLACES: i32 = 4;
/// The sign of numbers below 0.
const NEGATIVE: u16 = 0x4000;
/// Digits of base 10,000 in any i128 and the padding of its scale.
const DIGIT_COUNT_MAX: usize = 12;
/// More than any Decimal128.
const MAGNITUDE_MAX: u128 = 10_u128.pow(38);

/// Appends `value` units of 10^-`scale`; `trim_zeros` reports only the places that are not zero.
pub(super) fn write(value: i128, scale: i8, trim_zeros: bool, out: &mut Vec<u8>) {
    let (mut magnitude, mut places) = (value.unsigned_abs(), i32::from(scale));
    while places < 0 {
        // A negative scale comes with a small precision, so this cannot overflow.
        magnitude *= 10;
        places += 1;
    }
    if trim_zeros {
        while places > 0 && magnitude.is_multiple_of(10) {
            magnitude /= 10;
            places -= 1;
        }
    }
    let shown_places = places as u16;
    // Digits must not straddle the point: the places become a multiple of 4.
    let padding = (PLACES - places % PLACES) % PLACES;
    let groups_behind = (places + padding) / PLACES;
    let unit = 10_u128.pow(padding.unsigned_abs());
    // The lowest digit takes the padding alone, so that nothing overflows.
    let per_lowest = BASE / unit;
    let mut digits = [0_u16; DIGIT_COUNT_MAX];
    let mut count = 0;
    if magnitude != 0 {
        digits[0] = (magnitude % per_lowest * unit) as u16;
        magnitude /= per_lowest;
        count = 1;
        while magnitude != 0 {
            digits[count] = (magnitude % BASE) as u16;
            magnitude /= BASE;
            count += 1;
        }
    }
    let trailing = digits[..count].iter().take_while(|digit| **digit == 0).count();
    let weight = if count == 0 { 0 } else { count as i32 - 1 - groups_behind };
    let sign = if value < 0 { NEGATIVE } else { 0 };
    out.extend_from_slice(&((count - trailing) as u16).to_be_bytes());
    out.extend_from_slice(&(weight as i16).to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&shown_places.to_be_bytes());
    for digit in digits[trailing..count].iter().rev() {
        out.extend_from_slice(&digit.to_be_bytes());
    }
}

/// Reads a number and rounds it to the scale, half away from zero.
///
/// # Errors
/// 22P03 where the form is wrong, 22P02 for NaN and infinities, 22003 where it does not fit.
pub(super) fn read(bytes: &[u8], modifiers: Option<(u8, i8)>) -> Result<i128, SqlError> {
    let malformed = || {
        SqlError::new(
            SqlState::InvalidBinaryRepresentation,
            "invalid length in external \"numeric\" value",
        )
    };
    let (header, digits) = bytes.split_first_chunk::<8>().ok_or_else(malformed)?;
    let field = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (count, weight, sign) = (usize::from(field(0)), field(2).cast_signed(), field(4));
    let negative = match sign {
        0 => false,
        NEGATIVE => true,
        0xC000 | 0xD000 | 0xF000 => return Err(special()),
        _ => {
            return Err(SqlError::new(
                SqlState::InvalidBinaryRepresentation,
                "invalid sign in external \"numeric\" value",
            ));
        }
    };
    if digits.len() != count * 2 {
        return Err(malformed());
    }
    let (precision, scale) = modifiers.unwrap_or((38, UNCONSTRAINED_SCALE));
    let mut reader = Reader { value: 0, round_up: false, done: false };
    // Decimal places from the first digit's highest place to the last one kept.
    let mut kept = (i32::from(weight) + 1) * PLACES + i32::from(scale);
    for pair in digits.chunks_exact(2) {
        let digit = u16::from_be_bytes([pair[0], pair[1]]);
        if u128::from(digit) >= BASE {
            return Err(SqlError::new(
                SqlState::InvalidBinaryRepresentation,
                "invalid digit in external \"numeric\" value",
            ));
        }
        reader.digit(digit, kept).ok_or_else(|| overflow(modifiers))?;
        kept -= PLACES;
    }
    let mut value = reader.value;
    if kept > 0 && value != 0 {
        let scaled = 10_u128
            .checked_pow(kept.unsigned_abs())
            .and_then(|factor| value.checked_mul(factor))
            .ok_or_else(|| overflow(modifiers))?;
        value = scaled;
    }
    value += u128::from(reader.round_up);
    if value >= 10_u128.pow(u32::from(precision)) {
        return Err(overflow(modifiers));
    }
    let value = value.cast_signed();
    Ok(if negative { -value } else { value })
}

/// Collects decimal places until those kept are used up.
struct Reader {
    value: u128,
    round_up: bool,
    done: bool,
}

impl Reader {
    /// Takes a digit of which `kept` decimal places count. `None` where the value overflows.
    fn digit(&mut self, digit: u16, kept: i32) -> Option<()> {
        if self.done {
            return Some(());
        }
        if self.value >= MAGNITUDE_MAX {
            return None;
        }
        let digit = u128::from(digit);
        if kept >= PLACES {
            self.value = self.value.checked_mul(BASE)?.checked_add(digit)?;
        } else if kept >= 0 {
            let dropped = 10_u128.pow((PLACES - kept).unsigned_abs());
            self.value = self.value.checked_mul(BASE / dropped)?.checked_add(digit / dropped)?;
            self.round_up = digit % dropped >= dropped / 2;
            self.done = true;
        } else {
            self.done = true;
        }
        Some(())
    }
}

#[cold]
fn special() -> SqlError {
    SqlError::new(SqlState::InvalidTextRepresentation, "numeric holds no NaN and no infinities")
        .with_hint("Use double precision for them.")
}

#[cold]
fn overflow(modifiers: Option<(u8, i8)>) -> SqlError {
    let (precision, scale) = modifiers.unwrap_or((38, UNCONSTRAINED_SCALE));
    SqlError::new(SqlState::NumericValueOutOfRange, "numeric field overflow").with_detail(format!(
        "A field with precision {precision}, scale {scale} must round to an absolute value less than 10^{}.",
        i16::from(precision) - i16::from(scale)
    ))
}
