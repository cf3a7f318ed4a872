//! min and max: one value where nothing is ever taken back, else an ordered multiset per group.
//!
//! ```text
//! values of <= 8 bytes   as an integer that sorts as they do
//! anything else          as row-encoded bytes, which sort as they do
//! ```

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::compute::{interleave, take};
use arrow::datatypes::{DataType, IntervalMonthDayNanoType};

use super::interface::{Evaluated, Kind, bytes_column, each_bytes, each_row, next};
use crate::state::bits::{Bits, from_order, to_order};
use crate::state::encode::RowEncoder;

/// A form of values in which they can be compared.
pub(crate) trait Form: 'static {
    /// The form.
    type Value: Ord + Clone + 'static;

    /// A form for values of this type.
    fn new(data_type: &DataType) -> Self;

    /// Calls `take` with the form of each value.
    fn each(
        &self,
        groups: &[u32],
        values: &ArrayRef,
        diffs: Option<&[i64]>,
        take: impl FnMut(usize, Self::Value, i64),
    );

    /// The values back; `None` is NULL.
    fn array(&self, values: &[Option<Self::Value>]) -> ArrayRef;

    /// Bytes of a value outside itself.
    fn heap_bytes(value: &Self::Value) -> usize;

    /// Appends a value as bytes.
    fn write(value: &Self::Value, bytes: &mut Vec<u8>);

    /// Reads a value.
    fn read(bytes: &mut &[u8]) -> Self::Value;
}

/// Values with bits, as integers.
pub(crate) struct Narrow {
    data_type: DataType,
    is_float: bool,
}

impl Form for Narrow {
    type Value = i64;

    fn new(data_type: &DataType) -> Self {
        Self { data_type: data_type.clone(), is_float: data_type.is_floating() }
    }

    #[inline(always)]
    fn each(
        &self,
        groups: &[u32],
        values: &ArrayRef,
        diffs: Option<&[i64]>,
        mut take: impl FnMut(usize, i64, i64),
    ) {
        let bits = Bits::of(values).expect("the type has bits");
        if self.is_float {
            each_row(groups, bits.values(), diffs, |g, bits, d| take(g, to_order(true, bits), d));
        } else {
            each_row(groups, bits.values(), diffs, |g, bits, d| take(g, bits as i64, d));
        }
    }

    fn array(&self, values: &[Option<i64>]) -> ArrayRef {
        let nulls: NullBuffer = values.iter().map(Option::is_some).collect();
        let bits = values.iter().map(|v| from_order(self.is_float, v.unwrap_or(0))).collect();
        Bits::array(&self.data_type, bits, Some(nulls))
    }

    fn heap_bytes(_value: &i64) -> usize {
        0
    }

    fn write(value: &i64, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn read(bytes: &mut &[u8]) -> i64 {
        i64::from_le_bytes(next(bytes))
    }
}

/// Any values, as row-encoded bytes.
pub(crate) struct Wide {
    data_type: DataType,
    encoder: RowEncoder,
}

impl Form for Wide {
    type Value = Box<[u8]>;

    fn new(data_type: &DataType) -> Self {
        let encoder = if is_interval(data_type) {
            RowEncoder::new([&DataType::Decimal128(38, 0), data_type])
        } else {
            RowEncoder::new([data_type])
        };
        Self { data_type: data_type.clone(), encoder }
    }

    fn each(
        &self,
        groups: &[u32],
        values: &ArrayRef,
        diffs: Option<&[i64]>,
        mut take: impl FnMut(usize, Box<[u8]>, i64),
    ) {
        let rows = if is_interval(&self.data_type) {
            self.encoder.encode(&[interval_lengths(values), Arc::clone(values)])
        } else {
            self.encoder.encode(std::slice::from_ref(values))
        };
        for (index, row) in rows.iter().enumerate() {
            take(groups[index] as usize, row.as_ref().into(), diffs.map_or(1, |d| d[index]));
        }
    }

    fn array(&self, values: &[Option<Box<[u8]>>]) -> ArrayRef {
        let present = values.iter().filter_map(|value| value.as_deref());
        let Some(decoded) = self.encoder.decode(present).pop() else {
            return new_null_array(&self.data_type, values.len());
        };
        // Puts the NULLs back: row 0 of the first array is NULL.
        let null = new_null_array(&self.data_type, 1);
        let mut next = 0;
        let places: Vec<(usize, usize)> = values
            .iter()
            .map(|value| match value {
                None => (0, 0),
                Some(_) => {
                    next += 1;
                    (1, next - 1)
                }
            })
            .collect();
        interleave(&[null.as_ref(), decoded.as_ref()], &places).expect("both have one type")
    }

    fn heap_bytes(value: &Box<[u8]>) -> usize {
        value.len()
    }

    fn write(value: &Box<[u8]>, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
        bytes.extend_from_slice(value);
    }

    fn read(bytes: &mut &[u8]) -> Box<[u8]> {
        let length = u64::from_le_bytes(next(bytes)) as usize;
        let (value, rest) = bytes.split_at(length);
        *bytes = rest;
        value.into()
    }
}

/// Whether values of `a` stand in for each other by [`interval_lengths`] first.
const fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_))
}

/// Intervals compare by their length with months of 30 days and days of 24 hours.
fn interval_lengths(values: &ArrayRef) -> ArrayRef {
    let lengths = values.as_primitive::<IntervalMonthDayNanoType>().values().iter().map(|value| {
        let days = i128::from(value.months) * 30 + i128::from(value.days);
        days * 86_400_000_000_000 + i128::from(value.nanoseconds)
    });
    Arc::new(
        arrow::array::Decimal128Array::from_iter_values(lengths)
            .with_precision_and_scale(38, 0)
            .expect("38 digits are allowed"),
    )
}

/// min or max where values only come.
pub(crate) struct Latch<F> {
    form: F,
    max: bool,
}

impl<F: Form> Latch<F> {
    pub(crate) fn new(data_type: &DataType, max: bool) -> Self {
        Self { form: F::new(data_type), max }
    }
}

impl<F: Form> Kind for Latch<F> {
    type Cell = Option<F::Value>;
    type Part = Option<F::Value>;

    const HAS_HEAP: bool = true;

    fn update(
        &self,
        cells: &mut [Self::Cell],
        groups: &[u32],
        values: &ArrayRef,
        diffs: Option<&[i64]>,
    ) {
        let max = self.max;
        self.form.each(groups, values, diffs, |group, value, _diff| {
            let cell = &mut cells[group];
            let better = match cell {
                None => true,
                Some(best) if max => value > *best,
                Some(best) => value < *best,
            };
            if better {
                *cell = Some(value);
            }
        });
    }

    fn part(&self, cell: &Self::Cell) -> Self::Part {
        cell.clone()
    }

    fn finish(&self, parts: &[Self::Part], _counts: &[i64]) -> Evaluated {
        self.form.array(parts).into()
    }

    fn merge(&self, cell: &mut Self::Cell, other: &Self::Cell) {
        let better = match (&*cell, other) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(own), Some(other)) => {
                if self.max {
                    other > own
                } else {
                    other < own
                }
            }
        };
        if better {
            cell.clone_from(other);
        }
    }

    fn heap_bytes(&self, cell: &Self::Cell) -> usize {
        cell.as_ref().map_or(0, F::heap_bytes)
    }

    /// The values themselves.
    fn export<'a>(&self, cells: impl ExactSizeIterator<Item = &'a Self::Cell>) -> ArrayRef {
        let values: Vec<Self::Cell> = cells.cloned().collect();
        self.form.array(&values)
    }

    fn absorb(&self, cells: &mut [Self::Cell], groups: &[u32], column: &ArrayRef) {
        let Some(nulls) = column.nulls().filter(|nulls| nulls.null_count() > 0) else {
            return self.update(cells, groups, column, None);
        };
        let rows: Vec<u32> = nulls.valid_indices().map(|row| row as u32).collect();
        let groups: Vec<u32> = rows.iter().map(|row| groups[*row as usize]).collect();
        let values = take(column, &UInt32Array::from(rows), None).expect("rows of the column");
        self.update(cells, &groups, &values, None);
    }
}

/// min or max where values come and go.
pub(crate) struct Multiset<F> {
    form: F,
    max: bool,
    marker: PhantomData<F>,
}

impl<F: Form> Multiset<F> {
    pub(crate) fn new(data_type: &DataType, max: bool) -> Self {
        Self { form: F::new(data_type), max, marker: PhantomData }
    }
}

impl<F: Form> Kind for Multiset<F> {
    /// How often each value is there.
    type Cell = BTreeMap<F::Value, i64>;
    type Part = Option<F::Value>;

    const HAS_HEAP: bool = true;

    fn update(
        &self,
        cells: &mut [Self::Cell],
        groups: &[u32],
        values: &ArrayRef,
        diffs: Option<&[i64]>,
    ) {
        self.form.each(groups, values, diffs, |group, value, diff| {
            add(&mut cells[group], value, diff);
        });
    }

    fn part(&self, cell: &Self::Cell) -> Self::Part {
        // Within a time a value may be taken away before it comes; such entries do not count.
        let mut there = cell.iter().filter(|(_, count)| **count > 0).map(|(value, _)| value);
        if self.max { there.next_back().cloned() } else { there.next().cloned() }
    }

    fn finish(&self, parts: &[Self::Part], _counts: &[i64]) -> Evaluated {
        self.form.array(parts).into()
    }

    fn merge(&self, cell: &mut Self::Cell, other: &Self::Cell) {
        for (value, count) in other {
            add(cell, value.clone(), *count);
        }
    }

    fn heap_bytes(&self, cell: &Self::Cell) -> usize {
        // A B-tree node of 11 entries is about two thirds full.
        let entry = size_of::<(F::Value, i64)>() * 3 / 2;
        cell.keys().map(|value| F::heap_bytes(value) + entry).sum()
    }

    fn export<'a>(&self, cells: impl ExactSizeIterator<Item = &'a Self::Cell>) -> ArrayRef {
        bytes_column(cells, |cell, bytes| {
            for (value, count) in cell {
                F::write(value, bytes);
                bytes.extend_from_slice(&count.to_le_bytes());
            }
        })
    }

    fn absorb(&self, cells: &mut [Self::Cell], groups: &[u32], column: &ArrayRef) {
        each_bytes(groups, column, |group, mut bytes| {
            while !bytes.is_empty() {
                let value = F::read(&mut bytes);
                let count = i64::from_le_bytes(next(&mut bytes));
                add(&mut cells[group as usize], value, count);
            }
        });
    }
}

fn add<V: Ord>(cell: &mut BTreeMap<V, i64>, value: V, diff: i64) {
    use std::collections::btree_map::Entry;
    match cell.entry(value) {
        Entry::Vacant(entry) => {
            entry.insert(diff);
        }
        Entry::Occupied(mut entry) => {
            *entry.get_mut() += diff;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}
