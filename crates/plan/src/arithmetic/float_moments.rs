//! [`FloatMoments`]: the squared distances of floating-point numbers from their mean, of which numbers
//! can be taken out again.
//!
//! Sums and squares are kept with their rounding errors ([`DoubleDouble`]), since their difference is
//! what counts: the variance of a billion and one more, two more and four more is lost in the
//! last bits of its squares.

use super::float_sum::{DoubleDouble, Overflow};

/// Sum and sum of squares of any floats.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FloatMoments {
    /// Sum of the values below 2^480.
    pub sum: DoubleDouble,
    /// Sum of their squares.
    pub squares: DoubleDouble,
    /// How many values are not finite: with any of them the result is NaN.
    pub special: i64,
    /// How many are finite and not below 2^480: with any of them and another value it is an error.
    pub large: i64,
}

/// 2^480. Smaller values can be squared and summed as often as there are rows, so that what goes in
/// can come out again; the squares of larger ones soon are more than a double holds.
const LARGE: f64 = f64::from_bits((1023 + 480) << 52);

impl FloatMoments {
    /// Adds a value `diff` times.
    #[inline(always)]
    pub fn add(&mut self, value: f64, diff: i64) {
        if value.abs() < LARGE {
            // Repeated, because `value * diff` is not exact for every diff.
            let signed = if diff < 0 { -value } else { value };
            for _ in 0..diff.unsigned_abs() {
                self.sum.add(signed);
                self.squares.add_product(signed, value);
            }
        } else if value.is_finite() {
            self.large += diff;
        } else {
            self.special += diff;
        }
    }

    /// Adds what another one was given.
    pub fn merge(&mut self, other: &Self) {
        self.sum.merge(other.sum);
        self.squares.merge(other.squares);
        self.special += other.special;
        self.large += other.large;
    }

    /// The squared distances of all `count` values from their mean, added up.
    ///
    /// # Errors
    /// If values are so large that their squares are none.
    pub fn squared_distances(&self, count: i64) -> Result<f64, Overflow> {
        if self.special != 0 {
            return Ok(f64::NAN);
        }
        if self.large != 0 && count > 1 {
            return Err(Overflow);
        }
        // With any m near the mean, and d = sum - count * m:
        // squares - sum^2 / count = squares - m * sum - m * d - d^2 / count
        // The first three are exact products, and the last is as small as m is near.
        let count = count as f64;
        let near = self.sum.value() / count;
        let mut distance = self.sum;
        distance.add_product(-near, count);
        let mut rest = self.squares;
        for part in [self.sum, distance] {
            rest.add_product(-near, part.high);
            rest.add_product(-near, part.low);
        }
        let distance = distance.value();
        Ok((rest.value() - distance * distance / count).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distances(values: &[(f64, i64)]) -> Result<f64, Overflow> {
        let mut moments = FloatMoments::default();
        values.iter().for_each(|(value, diff)| moments.add(*value, *diff));
        moments.squared_distances(values.iter().map(|(_, diff)| diff).sum())
    }

    #[test]
    fn far_from_zero_no_digit_is_lost() {
        let near_zero = distances(&[(0.0, 1), (1.0, 1), (3.0, 1)]).unwrap();
        assert_eq!(near_zero, 14.0 / 3.0);
        for far in [1e3, 1e9, 1e12, -1e15] {
            let result = distances(&[(far, 1), (far + 1.0, 1), (far + 3.0, 1)]).unwrap();
            assert!((result - near_zero).abs() < 1e-12 * near_zero, "{far}: {result}");
        }
    }

    #[test]
    fn equal_values_have_no_distance() {
        for value in [0.1, -0.5 / 2.75, 1.0 / 3.0, 123456.7] {
            for count in 1..100 {
                let result = distances(&[(value, count)]).unwrap();
                assert!(
                    result <= 1e-30 * value * value * count as f64,
                    "{value} {count}: {result}"
                );
            }
        }
    }

    #[test]
    fn what_goes_in_comes_out_again() {
        let values = [(1.5, 1), (2.5, 1), (1e6 / 3.0, 1), (1e6 / 3.0, -1)];
        assert_eq!(distances(&values), Ok(0.5));
        assert_eq!(distances(&[(1e200, 1), (1.5, 1), (2.5, 1)]), Err(Overflow));
        assert_eq!(distances(&[(1e200, 1), (1.5, 1), (2.5, 1), (1e200, -1)]), Ok(0.5));
        assert!(distances(&[(f64::INFINITY, 1), (1.0, 1)]).is_ok_and(f64::is_nan));
        assert_eq!(distances(&[(f64::NAN, 1), (1.0, 1), (f64::NAN, -1)]), Ok(0.0));
    }
}
