//! sum and avg of integers and numerics: exact sums, checked only when they are shown.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array, Decimal256Array, Int64Array};
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Int16Type, Int32Type, Int64Type, i256,
};

use kappa_plan::arithmetic::shifted_quotient;

use super::interface::{Evaluated, Kind, each_row};
use crate::operator::Reason;

/// An integer wide enough to hold every sum that can occur.
pub(crate) trait Sum: Copy + Default + 'static {
    /// Adds `value` times `diff`.
    fn add(&mut self, value: i128, diff: i64);
    /// As the widest.
    fn wide(self) -> i256;
    /// Adds another sum.
    fn merge(&mut self, other: Self);
    /// Sums as a column.
    fn column(sums: impl Iterator<Item = Self>) -> ArrayRef;
    /// The sums of a column.
    fn values(column: &ArrayRef) -> &[Self];
}

/// For smallint and integer: 2^32 rows of a group cannot overflow it.
impl Sum for i64 {
    #[inline(always)]
    fn add(&mut self, value: i128, diff: i64) {
        *self = self.wrapping_add((value as Self).wrapping_mul(diff));
    }

    fn wide(self) -> i256 {
        i256::from_i128(i128::from(self))
    }

    fn merge(&mut self, other: Self) {
        *self = self.wrapping_add(other);
    }

    fn column(sums: impl Iterator<Item = Self>) -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(sums))
    }

    fn values(column: &ArrayRef) -> &[Self] {
        column.as_primitive::<Int64Type>().values()
    }
}

/// For bigint and numerics of up to 28 digits.
impl Sum for i128 {
    #[inline(always)]
    fn add(&mut self, value: i128, diff: i64) {
        *self = self.wrapping_add(value.wrapping_mul(Self::from(diff)));
    }

    fn wide(self) -> i256 {
        i256::from_i128(self)
    }

    fn merge(&mut self, other: Self) {
        *self = self.wrapping_add(other);
    }

    fn column(sums: impl Iterator<Item = Self>) -> ArrayRef {
        Arc::new(Decimal128Array::from_iter_values(sums))
    }

    fn values(column: &ArrayRef) -> &[Self] {
        column.as_primitive::<Decimal128Type>().values()
    }
}

/// For any numeric.
impl Sum for i256 {
    #[inline(always)]
    fn add(&mut self, value: i128, diff: i64) {
        let product = Self::from_i128(value).wrapping_mul(Self::from_i128(i128::from(diff)));
        *self = self.wrapping_add(product);
    }

    fn wide(self) -> i256 {
        self
    }

    fn merge(&mut self, other: Self) {
        *self = self.wrapping_add(other);
    }

    fn column(sums: impl Iterator<Item = Self>) -> ArrayRef {
        Arc::new(Decimal256Array::from_iter_values(sums))
    }

    fn values(column: &ArrayRef) -> &[Self] {
        column.as_primitive::<Decimal256Type>().values()
    }
}

/// What an exact sum is made into.
#[derive(Clone, Debug)]
pub(crate) struct ExactResult {
    /// Divided by the number of values.
    pub(crate) average: bool,
    /// Digits behind the point of the input.
    pub(crate) scale: i8,
    /// Int64 or Decimal128.
    pub(crate) data_type: DataType,
}

/// sum and avg over an integer or numeric column.
pub(crate) struct ExactSum<S> {
    result: ExactResult,
    cell: std::marker::PhantomData<S>,
}

impl<S> ExactSum<S> {
    pub(crate) const fn new(result: ExactResult) -> Self {
        Self { result, cell: std::marker::PhantomData }
    }
}

impl<S: Sum> Kind for ExactSum<S> {
    type Cell = S;
    type Part = S;

    fn update(&self, cells: &mut [S], groups: &[u32], values: &ArrayRef, diffs: Option<&[i64]>) {
        each_exact(groups, values, diffs, |group, value, diff| cells[group].add(value, diff));
    }

    fn part(&self, cell: &S) -> S {
        *cell
    }

    fn finish(&self, parts: &[S], counts: &[i64]) -> Evaluated {
        let ExactResult { average, scale, .. } = self.result;
        let sums = parts.iter().zip(counts).map(|(sum, count)| {
            (*count > 0).then(|| {
                let divisor = i256::from_i128(if average { i128::from(*count) } else { 1 });
                (sum.wide(), divisor)
            })
        });
        exact_results(sums, scale, &self.result.data_type)
    }

    fn merge(&self, cell: &mut S, other: &S) {
        cell.merge(*other);
    }

    fn export<'a>(&self, cells: impl ExactSizeIterator<Item = &'a S>) -> ArrayRef {
        S::column(cells.copied())
    }

    fn absorb(&self, cells: &mut [S], groups: &[u32], column: &ArrayRef) {
        each_row(groups, S::values(column), None, |group, sum, _| cells[group].merge(sum));
    }
}

/// Calls `take` with each value of an integer or numeric column as an integer.
#[inline(always)]
pub(crate) fn each_exact(
    groups: &[u32],
    values: &ArrayRef,
    diffs: Option<&[i64]>,
    mut take: impl FnMut(usize, i128, i64),
) {
    match values.data_type() {
        DataType::Int16 => {
            each_row(groups, values.as_primitive::<Int16Type>().values(), diffs, |g, v, d| {
                take(g, v.into(), d)
            })
        }
        DataType::Int32 => {
            each_row(groups, values.as_primitive::<Int32Type>().values(), diffs, |g, v, d| {
                take(g, v.into(), d)
            })
        }
        DataType::Int64 => {
            each_row(groups, values.as_primitive::<Int64Type>().values(), diffs, |g, v, d| {
                take(g, v.into(), d)
            })
        }
        _ => each_row(groups, values.as_primitive::<Decimal128Type>().values(), diffs, take),
    }
}

/// Fractions of integers of `scale` digits as an array of `data_type`, rounded half away from zero;
/// what does not fit is an error.
pub(crate) fn exact_results(
    fractions: impl Iterator<Item = Option<(i256, i256)>>,
    scale: i8,
    data_type: &DataType,
) -> Evaluated {
    let mut errors = Vec::new();
    let out_scale = if let DataType::Decimal128(_, scale) = data_type { *scale } else { 0 };
    let limit = match data_type {
        DataType::Decimal128(precision, _) => 10_i128.pow(u32::from(*precision)) - 1,
        _ => i128::from(i64::MAX),
    };
    let values: Vec<Option<i128>> = fractions
        .enumerate()
        .map(|(index, fraction)| {
            let (numerator, divisor) = fraction?;
            let value =
                shifted_quotient(numerator, divisor, i32::from(out_scale) - i32::from(scale))
                    .and_then(i256::to_i128)
                    .filter(|value| {
                        (-limit..=limit).contains(value)
                            || (*data_type == DataType::Int64 && *value == i128::from(i64::MIN))
                    });
            if value.is_none() {
                let name = if *data_type == DataType::Int64 { "bigint" } else { "numeric value" };
                errors.push((index, Reason::out_of_range(name)));
            }
            value
        })
        .collect();
    let array: ArrayRef = if let DataType::Decimal128(precision, scale) = data_type {
        let array = Decimal128Array::from(values).with_precision_and_scale(*precision, *scale);
        Arc::new(array.expect("values are within the precision"))
    } else {
        Arc::new(values.into_iter().map(|v| v.map(|v| v as i64)).collect::<Int64Array>())
    };
    Evaluated { array, errors }
}
