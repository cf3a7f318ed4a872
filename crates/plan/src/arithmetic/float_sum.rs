//! [`FloatSum`]: a sum of floating-point numbers from which numbers can be taken out again.
//!
//! ```text
//! |x| < 2^900   added with its rounding error (double-double)
//! larger        divided by 2^128 and added to a sum of its own, which cannot leave the range
//! NaN, ±inf     counted
//! ```
//! Adding a value and taking it away again leaves what was there to about 2^-104 of the largest
//! magnitude. A sum of finite values that is too large is an error, as in PostgreSQL, whatever the
//! order; PostgreSQL also fails where a partial sum is.

/// The sum of finite values is more than a double holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

/// A sum of two floats that do not overlap.
///
/// Source of the addition: Knuth, The Art of Computer Programming 2, 4.2.2, theorem B (`TwoSum`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DoubleDouble {
    /// The sum, rounded.
    pub high: f64,
    /// What rounding took away.
    pub low: f64,
}

impl DoubleDouble {
    /// Adds a float.
    #[inline(always)]
    pub fn add(&mut self, value: f64) {
        self.add_pair(value, 0.0);
    }

    /// Adds the exact product of two floats.
    pub fn add_product(&mut self, a: f64, b: f64) {
        let high = a * b;
        self.add_pair(high, a.mul_add(b, -high));
    }

    #[inline(always)]
    fn add_pair(&mut self, high: f64, low: f64) {
        let sum = self.high + high;
        let part = sum - self.high;
        let error = (self.high - (sum - part)) + (high - part);
        let low = error + self.low + low;
        self.high = sum + low;
        self.low = low - (self.high - sum);
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: Self) {
        self.add_pair(other.high, other.low);
    }

    /// As one float.
    #[must_use]
    pub fn value(self) -> f64 {
        self.high + self.low
    }
}

/// A sum of any floats.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FloatSum {
    /// Sum of the values below 2^900.
    pub small: DoubleDouble,
    /// Sum of the larger finite ones, each divided by 2^128.
    pub large: DoubleDouble,
    /// How many values are NaN, infinity, -infinity.
    pub special: [i64; 3],
}

/// 2^900: 2^63 values below it, and their sums with an error each, stay within the range.
const LARGE: f64 = f64::from_bits((1023 + 900) << 52);
/// 2^128: 2^63 values of any size divided by it stay within the range.
const SCALE: f64 = f64::from_bits((1023 + 128) << 52);

impl FloatSum {
    /// Adds a value `diff` times.
    #[inline(always)]
    pub fn add(&mut self, value: f64, diff: i64) {
        if value.abs() < LARGE {
            if diff.unsigned_abs() == 1 {
                self.small.add(value * diff as f64);
            } else {
                self.small.add_product(value, diff as f64);
            }
        } else if value.is_finite() {
            self.large.add_product(value / SCALE, diff as f64);
        } else {
            let kind = if value.is_nan() { 0 } else { 1 + usize::from(value < 0.0) };
            self.special[kind] += diff;
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        self.small.merge(other.small);
        self.large.merge(other.large);
        for (own, other) in self.special.iter_mut().zip(other.special) {
            *own += other;
        }
    }

    /// The sum divided by `divisor`.
    ///
    /// # Errors
    /// If the sum of only finite values is none.
    pub fn over(&self, divisor: f64) -> Result<f64, Overflow> {
        match self.special.map(|count| count != 0) {
            [true, ..] | [_, true, true] => return Ok(f64::NAN),
            [_, true, _] => return Ok(f64::INFINITY),
            [_, _, true] => return Ok(f64::NEG_INFINITY),
            _ => {}
        }
        let sum = if self.large.value() == 0.0 {
            self.small.value()
        } else {
            let mut sum = self.large;
            sum.merge(DoubleDouble { high: self.small.high / SCALE, low: self.small.low / SCALE });
            sum.value() * SCALE
        };
        if sum.is_finite() { Ok(sum / divisor) } else { Err(Overflow) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(values: &[(f64, i64)]) -> Result<f64, Overflow> {
        let mut sum = FloatSum::default();
        values.iter().for_each(|(value, diff)| sum.add(*value, *diff));
        sum.over(1.0)
    }

    #[test]
    fn what_goes_in_comes_out_again() {
        assert_eq!(sum(&[(1e308, 1), (1e308, 1)]), Err(Overflow));
        assert_eq!(sum(&[(1e308, 1), (1e308, 1), (1e308, -1)]), Ok(1e308));
        assert_eq!(sum(&[(1e308, 1), (1.5, 1), (1e308, -1)]), Ok(1.5));
        assert_eq!(sum(&[(f64::MAX, 1)]), Ok(f64::MAX));
        assert_eq!(sum(&[(f64::MAX, 3), (-f64::MAX, 3)]), Ok(0.0));
        assert_eq!(sum(&[(f64::INFINITY, 1), (2.0, 1), (f64::INFINITY, -1)]), Ok(2.0));
        assert_eq!(sum(&[(f64::INFINITY, 1), (1e308, 2)]), Ok(f64::INFINITY));
        assert_eq!(sum(&[(1e16, 1), (1.0, 1), (1e16, -1)]), Ok(1.0));
    }

    #[test]
    fn infinities_of_both_signs_are_no_number() {
        let both = [(f64::INFINITY, 1), (f64::NEG_INFINITY, 1)];
        assert!(sum(&both).is_ok_and(f64::is_nan));
    }
}
