//! [`Decimal`]: an exact number, digits and scale.
//!
//! Holds what catalogue queries compute with `numeric` (sizes, ratios). 38 digits at most; what
//! needs more is 22003.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// `digits / 10^scale`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal {
    pub(crate) digits: i128,
    pub(crate) scale: u8,
}

/// Digits behind the point that a division keeps at least, as in PostgreSQL for small numbers.
const DIVISION_SCALE: u8 = 16;
/// Largest scale: all digits behind the point.
pub(crate) const SCALE_MAX: u8 = 38;

impl Decimal {
    pub(crate) const fn from_int(value: i64) -> Self {
        Self { digits: value as i128, scale: 0 }
    }

    /// Reads `-12.50`, also with an exponent. `None` for what is not a number or too long.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let unsigned = whole.trim_start_matches(['+', '-']);
        if unsigned.is_empty() && fraction.is_empty() {
            return None;
        }
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let scale = i32::try_from(fraction.len()).ok()? - exponent;
        if scale < 0 {
            let factor = 10_i128.checked_pow(scale.unsigned_abs())?;
            return Some(Self { digits: digits.checked_mul(factor)?, scale: 0 });
        }
        let scale = u8::try_from(scale).ok().filter(|scale| *scale <= SCALE_MAX)?;
        Some(Self { digits, scale })
    }

    pub(crate) fn to_float(self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// The same number with `scale` digits behind the point, rounded half away from zero.
    pub(crate) fn rescale(self, scale: u8) -> Option<Self> {
        if scale >= self.scale {
            let factor = 10_i128.checked_pow(u32::from(scale - self.scale))?;
            return Some(Self { digits: self.digits.checked_mul(factor)?, scale });
        }
        let factor = 10_i128.checked_pow(u32::from(self.scale - scale))?;
        let half = factor / 2 * self.digits.signum();
        Some(Self { digits: (self.digits + half) / factor, scale })
    }

    fn align(self, other: Self) -> Option<(i128, i128, u8)> {
        let scale = self.scale.max(other.scale);
        Some((self.rescale(scale)?.digits, other.rescale(scale)?.digits, scale))
    }

    pub(crate) fn add(self, other: Self) -> Option<Self> {
        let (left, right, scale) = self.align(other)?;
        Some(Self { digits: left.checked_add(right)?, scale })
    }

    pub(crate) fn subtract(self, other: Self) -> Option<Self> {
        self.add(Self { digits: other.digits.checked_neg()?, scale: other.scale })
    }

    pub(crate) fn multiply(self, other: Self) -> Option<Self> {
        let scale = self.scale.checked_add(other.scale).filter(|scale| *scale <= SCALE_MAX)?;
        Some(Self { digits: self.digits.checked_mul(other.digits)?, scale })
    }

    /// The quotient; the divisor is not zero.
    pub(crate) fn divide(self, other: Self) -> Option<Self> {
        let scale = DIVISION_SCALE.max(self.scale).max(other.scale);
        let shift = u32::from(scale) + u32::from(other.scale) - u32::from(self.scale);
        let numerator = self.digits.checked_mul(10_i128.checked_pow(shift)?)?;
        let half = other.digits.abs() / 2 * numerator.signum();
        Some(Self { digits: (numerator + half) / other.digits, scale })
    }

    /// The remainder with the sign of `self`; the divisor is not zero.
    pub(crate) fn remainder(self, other: Self) -> Option<Self> {
        let (left, right, scale) = self.align(other)?;
        Some(Self { digits: left % right, scale })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.scale);
        let digits = format!("{:0>width$}", self.digits.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let sign = if self.digits < 0 { "-" } else { "" };
        match fraction {
            "" => write!(f, "{sign}{whole}"),
            fraction => write!(f, "{sign}{whole}.{fraction}"),
        }
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.align(*other) {
            Some((left, right, _)) => left.cmp(&right),
            None => self.to_float().total_cmp(&other.to_float()),
        }
    }
}

/// Equal numbers hash alike: trailing zeros are taken off.
impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (mut digits, mut scale) = (self.digits, self.scale);
        while scale > 0 && digits % 10 == 0 {
            digits /= 10;
            scale -= 1;
        }
        (digits, scale).hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_they_are_read() {
        for text in ["0", "-1.50", "0.001", "123456789012345678901234567890"] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Decimal::parse("1.5e2").unwrap().to_string(), "150");
        assert!(Decimal::parse("1.2.3").is_none());
    }

    #[test]
    fn rounding_is_half_away_from_zero() {
        let round = |text| Decimal::parse(text).unwrap().rescale(0).unwrap().to_string();
        assert_eq!(
            (round("2.5"), round("-2.5"), round("2.4")),
            ("3".into(), "-3".into(), "2".into())
        );
    }
}
