//! sum and avg of floats: double-double sums, with NaN and infinities counted apart.
//!
//! Adding a value and taking it away again leaves what was there to about 2^-104 of the largest
//! magnitude; a group that loses its last value starts from exact zero.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float32Array, Float64Array};
use arrow::datatypes::{DataType, Float32Type, Float64Type};

use super::interface::{Evaluated, Kind, each_row, next};
use crate::operator::Reason;

/// A sum of two floats that do not overlap.
#[derive(Clone, Copy, Default)]
pub(crate) struct DoubleDouble {
    high: f64,
    low: f64,
}

impl DoubleDouble {
    /// Adds a float.
    #[inline(always)]
    pub(crate) fn add(&mut self, value: f64) {
        self.add_pair(value, 0.0);
    }

    /// Adds the exact product of two floats.
    pub(crate) fn add_product(&mut self, a: f64, b: f64) {
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

    pub(crate) fn merge(&mut self, other: Self) {
        self.add_pair(other.high, other.low);
    }

    pub(crate) fn value(self) -> f64 {
        self.high + self.low
    }

    /// `self / count - (other / count)^2`, or rather `self - other^2 / count`, without cancellation
    /// in the leading bits.
    pub(crate) fn minus_square_over(self, other: Self, count: f64) -> f64 {
        let mut result = self;
        let mean = other.value() / count;
        result.add_product(-mean, other.high);
        result.add_product(-mean, other.low);
        result.value()
    }

    pub(crate) fn write(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.high.to_le_bytes());
        bytes.extend_from_slice(&self.low.to_le_bytes());
    }

    pub(crate) fn read(bytes: &mut &[u8]) -> Self {
        let high = f64::from_le_bytes(next(bytes));
        Self { high, low: f64::from_le_bytes(next(bytes)) }
    }
}

/// The cell of a float sum.
#[derive(Clone, Copy, Default)]
pub(crate) struct FloatCell {
    /// Sum of the finite values.
    finite: DoubleDouble,
    /// How many values are NaN, infinity, -infinity.
    special: [i32; 3],
}

impl FloatCell {
    #[inline(always)]
    fn add(&mut self, value: f64, diff: i64) {
        if value.is_finite() {
            if diff.unsigned_abs() == 1 {
                self.finite.add(value * diff as f64);
            } else {
                self.finite.add_product(value, diff as f64);
            }
        } else {
            let kind = if value.is_nan() { 0 } else { 1 + usize::from(value < 0.0) };
            self.special[kind] += diff as i32;
        }
    }

    fn sum(&self) -> f64 {
        match self.special.map(|count| count != 0) {
            [true, ..] | [_, true, true] => f64::NAN,
            [_, true, _] => f64::INFINITY,
            [_, _, true] => f64::NEG_INFINITY,
            _ => self.finite.value(),
        }
    }
}

/// sum and avg over real or double.
pub(crate) struct FloatSum {
    /// Divided by the number of values.
    pub(crate) average: bool,
    /// Float32 or Float64.
    pub(crate) data_type: DataType,
}

impl Kind for FloatSum {
    type Cell = FloatCell;
    type Part = FloatCell;

    fn update(
        &self,
        cells: &mut [FloatCell],
        groups: &[u32],
        values: &ArrayRef,
        diffs: Option<&[i64]>,
    ) {
        each_float(groups, values, diffs, |group, value, diff| cells[group].add(value, diff));
    }

    fn part(&self, cell: &FloatCell) -> FloatCell {
        *cell
    }

    fn finish(&self, parts: &[FloatCell], counts: &[i64]) -> Evaluated {
        let divisor = |count: i64| if self.average { count as f64 } else { 1.0 };
        float_results(
            parts
                .iter()
                .zip(counts)
                .map(|(cell, count)| Ok((*count > 0).then(|| cell.sum() / divisor(*count)))),
            &self.data_type,
        )
    }

    fn merge(&self, cell: &mut FloatCell, other: &FloatCell) {
        cell.finite.merge(other.finite);
        for (own, other) in cell.special.iter_mut().zip(other.special) {
            *own += other;
        }
    }

    fn write(&self, cell: &FloatCell, bytes: &mut Vec<u8>) {
        cell.finite.write(bytes);
        cell.special.iter().for_each(|count| bytes.extend_from_slice(&count.to_le_bytes()));
    }

    fn read(&self, mut bytes: &[u8]) -> FloatCell {
        let finite = DoubleDouble::read(&mut bytes);
        FloatCell { finite, special: std::array::from_fn(|_| i32::from_le_bytes(next(&mut bytes))) }
    }
}

/// Calls `take` with each value of a real or double column.
#[inline(always)]
pub(crate) fn each_float(
    groups: &[u32],
    values: &ArrayRef,
    diffs: Option<&[i64]>,
    mut take: impl FnMut(usize, f64, i64),
) {
    if let Some(values) = values.as_primitive_opt::<Float32Type>() {
        each_row(groups, values.values(), diffs, |group, value, diff| {
            take(group, value.into(), diff)
        });
    } else {
        each_row(groups, values.as_primitive::<Float64Type>().values(), diffs, take);
    }
}

/// Floats as an array of `data_type`, and which of them are errors.
pub(crate) fn float_results(
    values: impl Iterator<Item = Result<Option<f64>, Reason>>,
    data_type: &DataType,
) -> Evaluated {
    let mut errors = Vec::new();
    let values = values.enumerate().map(|(index, value)| {
        value.unwrap_or_else(|reason| {
            errors.push((index, reason));
            None
        })
    });
    let array: ArrayRef = if *data_type == DataType::Float32 {
        Arc::new(values.map(|value| value.map(|value| value as f32)).collect::<Float32Array>())
    } else {
        Arc::new(values.collect::<Float64Array>())
    };
    Evaluated { array, errors }
}
