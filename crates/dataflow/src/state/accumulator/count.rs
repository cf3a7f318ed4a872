//! count, bool_and, bool_or: what the number of values tells, or nearly.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, NullArray};
use arrow::datatypes::Int64Type;

use super::interface::{Evaluated, Kind, each_row};

/// `count(*)` and `count(x)`: the number of values, which the table counts anyway.
pub(crate) struct Count;

impl Kind for Count {
    type Cell = ();
    type Part = ();

    fn update(&self, _: &mut [()], _: &[u32], _: &ArrayRef, _: Option<&[i64]>) {}

    fn part(&self, (): &()) {}

    fn finish(&self, _parts: &[()], counts: &[i64]) -> Evaluated {
        let array: ArrayRef = Arc::new(Int64Array::from(counts.to_vec()));
        array.into()
    }

    fn merge(&self, (): &mut (), (): &()) {}

    fn export<'a>(&self, cells: impl ExactSizeIterator<Item = &'a ()>) -> ArrayRef {
        Arc::new(NullArray::new(cells.len()))
    }

    fn absorb(&self, _: &mut [()], _: &[u32], _: &ArrayRef) {}
}

/// `bool_and` and `bool_or`. The cell is how many values are true.
pub(crate) struct Logic {
    /// Whether all values must be true, or one of them.
    pub(crate) all: bool,
}

impl Kind for Logic {
    type Cell = i64;
    type Part = i64;

    fn update(&self, cells: &mut [i64], groups: &[u32], values: &ArrayRef, diffs: Option<&[i64]>) {
        for (index, value) in values.as_boolean().values().iter().enumerate() {
            if value {
                cells[groups[index] as usize] += diffs.map_or(1, |diffs| diffs[index]);
            }
        }
    }

    fn part(&self, cell: &i64) -> i64 {
        *cell
    }

    fn finish(&self, parts: &[i64], counts: &[i64]) -> Evaluated {
        let results: BooleanArray = parts
            .iter()
            .zip(counts)
            .map(|(trues, count)| match *count {
                ..=0 => None,
                count => Some(if self.all { *trues == count } else { *trues > 0 }),
            })
            .collect();
        let array: ArrayRef = Arc::new(results);
        array.into()
    }

    fn merge(&self, cell: &mut i64, other: &i64) {
        *cell += other;
    }

    fn export<'a>(&self, cells: impl ExactSizeIterator<Item = &'a i64>) -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(cells.copied()))
    }

    fn absorb(&self, cells: &mut [i64], groups: &[u32], column: &ArrayRef) {
        let trues = column.as_primitive::<Int64Type>().values();
        each_row(groups, trues, None, |group, count, _| cells[group] += count);
    }
}
