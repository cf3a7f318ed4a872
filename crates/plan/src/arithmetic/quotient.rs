//! Quotients of 256-bit integers, and their roots, rounded once.

use arrow::datatypes::i256;

/// `numerator * 10^shift / divisor`, rounded half away from zero; `None` on overflow. `divisor > 0`.
#[must_use]
pub fn shifted_quotient(numerator: i256, divisor: i256, shift: i32) -> Option<i256> {
    if shift == 0 && divisor == i256::ONE {
        return Some(numerator);
    }
    let power = i256::from_i128(10).checked_pow(shift.unsigned_abs())?;
    if shift < 0 {
        return rounded_quotient(numerator, divisor.checked_mul(power)?);
    }
    if let Some(product) = numerator.checked_mul(power) {
        return rounded_quotient(product, divisor);
    }
    // The product of all of the numerator does not fit, but the result may.
    let whole = numerator.checked_div(divisor)?;
    let rest = numerator.checked_sub(whole.checked_mul(divisor)?)?;
    let fraction = rounded_quotient(rest.checked_mul(power)?, divisor)?;
    whole.checked_mul(power)?.checked_add(fraction)
}

/// `numerator / divisor`, rounded half away from zero; `None` on overflow.
fn rounded_quotient(numerator: i256, divisor: i256) -> Option<i256> {
    let quotient = numerator.checked_div(divisor)?;
    let rest = numerator.checked_sub(quotient.checked_mul(divisor)?)?;
    let doubled = rest.wrapping_abs().checked_mul(i256::from_i128(2))?;
    match (doubled >= divisor, rest.is_negative()) {
        (false, _) => Some(quotient),
        (true, false) => quotient.checked_add(i256::ONE),
        (true, true) => quotient.checked_sub(i256::ONE),
    }
}

/// The integer nearest to the root of `numerator * 10^shift / divisor`; `None` on overflow.
#[must_use]
pub fn shifted_root(numerator: i256, divisor: i256, shift: i32) -> Option<i256> {
    shifted_quotient(numerator, divisor, shift).map(square_root)
}

/// The integer nearest to the square root of `value >= 0`.
fn square_root(value: i256) -> i256 {
    if value <= i256::ZERO {
        return i256::ZERO;
    }
    // Newton's iteration from above. The start is the least power of two that is not below.
    let bits = 256 - value.leading_zeros();
    let mut root = i256::ONE << (bits.div_ceil(2) as u8);
    loop {
        let quotient = value.wrapping_div(root);
        let next = root.wrapping_add(quotient) >> 1;
        if next >= root {
            break;
        }
        root = next;
    }
    let rest = value.wrapping_sub(root.wrapping_mul(root));
    if rest > root { root.wrapping_add(i256::ONE) } else { root }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn square_root_is_the_nearest_integer() {
        for value in 0..2000_i128 {
            let root = square_root(i256::from_i128(value)).as_i128();
            assert_eq!(root, (value as f64).sqrt().round() as i128, "{value}");
        }
        let large = i256::from_i128(i128::MAX).wrapping_mul(i256::from_i128(i128::MAX));
        assert_eq!(square_root(large), i256::from_i128(i128::MAX));
    }

    #[test]
    fn quotients_round_half_away_from_zero() {
        let quotient = |numerator: i128, divisor: i128, shift| {
            let [numerator, divisor] = [numerator, divisor].map(i256::from_i128);
            shifted_quotient(numerator, divisor, shift).map(i256::as_i128)
        };
        assert_eq!(quotient(1, 8, 2), Some(13));
        assert_eq!(quotient(-1, 8, 2), Some(-13));
        assert_eq!(quotient(1, 3, 4), Some(3333));
        assert_eq!(quotient(-2, 3, 4), Some(-6667));
        assert_eq!(quotient(12_345, 1, -2), Some(123));
        assert_eq!(quotient(12_350, 1, -2), Some(124));
        // The numerator times 10^32 has more than 256 bits.
        let large = i256::from_i128(i128::MAX).wrapping_mul(i256::from_i128(1 << 60));
        assert!(shifted_quotient(large, i256::from_i128(1 << 80), 32).is_some());
    }
}
