//! sum and avg of floats.
//!
//! A group that loses its last value starts from exact zero.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float32Array, Float64Array};
use arrow::datatypes::{DataType, Float32Type, Float64Type};

use kappa_plan::arithmetic::{DoubleDouble, FloatSum as Sum};

use super::interface::{Evaluated, Kind, bytes_column, each_bytes, each_row, next};
use crate::operator::Reason;

/// sum and avg over real or double.
pub(crate) struct FloatSum {
    /// Divided by the number of values.
    pub(crate) average: bool,
    /// Float32 or Float64.
    pub(crate) data_type: DataType,
}

impl Kind for FloatSum {
    type Cell = Sum;
    type Part = Sum;

    fn update(&self, cells: &mut [Sum], groups: &[u32], values: &ArrayRef, diffs: Option<&[i64]>) {
        each_float(groups, values, diffs, |group, value, diff| cells[group].add(value, diff));
    }

    fn part(&self, cell: &Sum) -> Sum {
        *cell
    }

    fn finish(&self, parts: &[Sum], counts: &[i64]) -> Evaluated {
        let divisor = |count: i64| if self.average { count as f64 } else { 1.0 };
        let narrow = self.data_type == DataType::Float32;
        let results = parts.iter().zip(counts).map(|(cell, count)| {
            if *count <= 0 {
                return Ok(None);
            }
            let result = cell.over(divisor(*count)).map_err(|_| Reason::float_overflow())?;
            if narrow && result.is_finite() && (result as f32).is_infinite() {
                return Err(Reason::float_overflow());
            }
            Ok(Some(result))
        });
        float_results(results, &self.data_type)
    }

    fn merge(&self, cell: &mut Sum, other: &Sum) {
        cell.merge(other);
    }

    fn export<'a>(&self, cells: impl ExactSizeIterator<Item = &'a Sum>) -> ArrayRef {
        bytes_column(cells, |cell, bytes| {
            write(cell.small, bytes);
            write(cell.large, bytes);
            cell.special.iter().for_each(|count| bytes.extend_from_slice(&count.to_le_bytes()));
        })
    }

    fn absorb(&self, cells: &mut [Sum], groups: &[u32], column: &ArrayRef) {
        each_bytes(groups, column, |group, mut bytes| {
            let (small, large) = (read(&mut bytes), read(&mut bytes));
            let special = std::array::from_fn(|_| i64::from_le_bytes(next(&mut bytes)));
            cells[group as usize].merge(&Sum { small, large, special });
        });
    }
}

/// Writes both parts of a sum.
pub(crate) fn write(sum: DoubleDouble, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&sum.high.to_le_bytes());
    bytes.extend_from_slice(&sum.low.to_le_bytes());
}

/// What [`write()`] wrote.
pub(crate) fn read(bytes: &mut &[u8]) -> DoubleDouble {
    let high = f64::from_le_bytes(next(bytes));
    DoubleDouble { high, low: f64::from_le_bytes(next(bytes)) }
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
