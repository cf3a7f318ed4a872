//! The variance and deviation family: exact for integers and numerics, double-double for floats.

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, i256};
use kappa_plan::arithmetic::{FloatMoments, shifted_root};

use super::exact::{each_exact, exact_results};
use super::float::{each_float, float_results, read, write};
use super::interface::{Evaluated, Kind, bytes_column, each_bytes, next};
use crate::operator::Reason;

/// Which member of the family.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    /// Divided by count - 1 rather than by count.
    pub(crate) sample: bool,
    /// The square root of it.
    pub(crate) deviation: bool,
}

impl Spread {
    /// What the sum of squared distances is divided by; `None` where the result is NULL.
    const fn divisor(self, count: i64) -> Option<i64> {
        match (count, self.sample) {
            (..=0, _) | (1, true) => None,
            (count, true) => Some(count - 1),
            (count, false) => Some(count),
        }
    }
}

/// Over integers and numerics; the result is numeric.
pub(crate) struct ExactSpread {
    /// Which member of the family.
    pub(crate) spread: Spread,
    /// Digits behind the point of the input.
    pub(crate) scale: i8,
    /// A Decimal128.
    pub(crate) data_type: DataType,
}

/// Sum and sum of squares of integers.
#[derive(Clone, Copy, Default)]
pub(crate) struct ExactMoments {
    sum: i256,
    squares: i256,
}

impl Kind for ExactSpread {
    type Cell = ExactMoments;
    type Part = ExactMoments;

    fn update(
        &self,
        cells: &mut [ExactMoments],
        groups: &[u32],
        values: &ArrayRef,
        diffs: Option<&[i64]>,
    ) {
        each_exact(groups, values, diffs, |group, value, diff| {
            let value = i256::from_i128(value);
            let weighted = value.wrapping_mul(i256::from_i128(i128::from(diff)));
            let cell = &mut cells[group];
            cell.sum = cell.sum.wrapping_add(weighted);
            cell.squares = cell.squares.wrapping_add(weighted.wrapping_mul(value));
        });
    }

    fn part(&self, cell: &ExactMoments) -> ExactMoments {
        *cell
    }

    fn finish(&self, parts: &[ExactMoments], counts: &[i64]) -> Evaluated {
        let fractions = parts.iter().zip(counts).map(|(cell, count)| {
            let divisor = self.spread.divisor(*count)?;
            Some(cell.fraction(*count, divisor).unwrap_or((i256::MAX, i256::ONE)))
        });
        let scale = self.scale.saturating_mul(2);
        if !self.spread.deviation {
            return exact_results(fractions, scale, &self.data_type);
        }
        let DataType::Decimal128(_, out_scale) = self.data_type else {
            unreachable!("deviations of exact values are numeric")
        };
        let shift = 2 * i32::from(out_scale) - i32::from(scale);
        let roots = fractions.map(|fraction| {
            let (numerator, divisor) = fraction?;
            Some((shifted_root(numerator, divisor, shift).unwrap_or(i256::MAX), i256::ONE))
        });
        exact_results(roots, out_scale, &self.data_type)
    }

    fn merge(&self, cell: &mut ExactMoments, other: &ExactMoments) {
        cell.sum = cell.sum.wrapping_add(other.sum);
        cell.squares = cell.squares.wrapping_add(other.squares);
    }

    fn export<'a>(&self, cells: impl ExactSizeIterator<Item = &'a ExactMoments>) -> ArrayRef {
        bytes_column(cells, |cell, bytes| {
            bytes.extend_from_slice(&cell.sum.to_le_bytes());
            bytes.extend_from_slice(&cell.squares.to_le_bytes());
        })
    }

    fn absorb(&self, cells: &mut [ExactMoments], groups: &[u32], column: &ArrayRef) {
        each_bytes(groups, column, |group, mut bytes| {
            let sum = i256::from_le_bytes(next(&mut bytes));
            let moments = ExactMoments { sum, squares: i256::from_le_bytes(next(&mut bytes)) };
            self.merge(&mut cells[group as usize], &moments);
        });
    }
}

impl ExactMoments {
    /// `(count * squares - sum^2) / (count * divisor)`; `None` on overflow.
    fn fraction(&self, count: i64, divisor: i64) -> Option<(i256, i256)> {
        let count = i256::from_i128(i128::from(count));
        let square = self.sum.checked_mul(self.sum)?;
        let numerator = count.checked_mul(self.squares)?.checked_sub(square)?;
        Some((numerator, count.checked_mul(i256::from_i128(i128::from(divisor)))?))
    }
}

/// Over real and double; the result is double.
pub(crate) struct FloatSpread {
    /// Which member of the family.
    pub(crate) spread: Spread,
    /// Float32 or Float64.
    pub(crate) data_type: DataType,
}

impl Kind for FloatSpread {
    type Cell = FloatMoments;
    type Part = FloatMoments;

    fn update(
        &self,
        cells: &mut [FloatMoments],
        groups: &[u32],
        values: &ArrayRef,
        diffs: Option<&[i64]>,
    ) {
        each_float(groups, values, diffs, |group, value, diff| cells[group].add(value, diff));
    }

    fn part(&self, cell: &FloatMoments) -> FloatMoments {
        *cell
    }

    fn finish(&self, parts: &[FloatMoments], counts: &[i64]) -> Evaluated {
        let results = parts.iter().zip(counts).map(|(cell, count)| {
            let Some(divisor) = self.spread.divisor(*count) else { return Ok(None) };
            let distances = cell.squared_distances(*count).map_err(|_| Reason::float_overflow())?;
            let variance = distances / divisor as f64;
            Ok(Some(if self.spread.deviation { variance.sqrt() } else { variance }))
        });
        float_results(results, &self.data_type)
    }

    fn merge(&self, cell: &mut FloatMoments, other: &FloatMoments) {
        cell.merge(other);
    }

    fn export<'a>(&self, cells: impl ExactSizeIterator<Item = &'a FloatMoments>) -> ArrayRef {
        bytes_column(cells, |cell, bytes| {
            write(cell.sum, bytes);
            write(cell.squares, bytes);
            bytes.extend_from_slice(&cell.special.to_le_bytes());
            bytes.extend_from_slice(&cell.large.to_le_bytes());
        })
    }

    fn absorb(&self, cells: &mut [FloatMoments], groups: &[u32], column: &ArrayRef) {
        each_bytes(groups, column, |group, mut bytes| {
            let (sum, squares) = (read(&mut bytes), read(&mut bytes));
            let special = i64::from_le_bytes(next(&mut bytes));
            let large = i64::from_le_bytes(next(&mut bytes));
            let moments = FloatMoments { sum, squares, special, large };
            self.merge(&mut cells[group as usize], &moments);
        });
    }
}
