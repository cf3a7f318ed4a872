//! Hashes of rows: equal keys (see [`super::equal_keys`]) have equal hashes, and so have same rows.
//!
//! The one idea: a row's hash is a fold over its values, so it can be had column by column for a
//! batch or value by value for one row, with the same result. It never leaves the process.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type,
    Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType, UInt32Type,
};
use foldhash::fast::FixedState;
use std::hash::BuildHasher;

/// Where the fold begins; any odd number does.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
/// Spreads the bits; odd, about half of them set.
const FACTOR: u64 = 0xA076_1D64_78BD_642F;
/// Stands for NULL.
const NULL: u64 = 0xA5A5_5A5A_C3C3_3C3C;
/// Stands for every NaN.
const NAN: u64 = 0x7FF8_0000_0000_0001;

/// One step of the fold: 64 x 64 -> 128 bit multiplication, both halves folded together.
#[inline]
const fn mix(hash: u64, value: u64) -> u64 {
    let wide = ((hash ^ value).wrapping_add(SEED) as u128) * (FACTOR as u128);
    ((wide >> 64) as u64) ^ (wide as u64)
}

/// A value as what is folded in.
trait Bits: Copy {
    fn fold(self, hash: u64) -> u64;
}

macro_rules! integer_bits {
    ($($name:ty),*) => {$(
        impl Bits for $name {
            #[inline]
            fn fold(self, hash: u64) -> u64 {
                mix(hash, self as u64)
            }
        }
    )*};
}
integer_bits!(i16, i32, i64, u32);

impl Bits for i128 {
    #[inline]
    fn fold(self, hash: u64) -> u64 {
        mix(mix(hash, self as u64), (self >> 64) as u64)
    }
}

impl Bits for f64 {
    #[inline]
    fn fold(self, hash: u64) -> u64 {
        let bits = match self {
            value if value.is_nan() => NAN,
            0.0 => 0,
            value => value.to_bits(),
        };
        mix(hash, bits)
    }
}

impl Bits for f32 {
    #[inline]
    fn fold(self, hash: u64) -> u64 {
        f64::from(self).fold(hash)
    }
}

impl Bits for arrow::datatypes::IntervalMonthDayNano {
    #[inline]
    fn fold(self, hash: u64) -> u64 {
        let days = (u64::from(self.months as u32) << 32) | u64::from(self.days as u32);
        mix(mix(hash, days), self.nanoseconds as u64)
    }
}

fn fold_bytes(hash: u64, bytes: &[u8]) -> u64 {
    mix(hash, FixedState::with_seed(SEED).hash_one(bytes))
}

/// The hash of each of the `row_count` rows over all `columns`.
pub(crate) fn hash_rows(columns: &[ArrayRef], row_count: usize) -> Vec<u64> {
    let mut hashes = vec![SEED; row_count];
    columns.iter().for_each(|column| fold_column(column.as_ref(), &mut hashes));
    hashes
}

/// The hash of row `index` over the `columns` at `positions`.
pub(crate) fn hash_row(columns: &[ArrayRef], positions: &[usize], index: usize) -> u64 {
    positions
        .iter()
        .fold(SEED, |hash, position| fold_value(columns[*position].as_ref(), index, hash))
}

fn fold_column(column: &dyn Array, hashes: &mut [u64]) {
    macro_rules! primitive {
        ($name:ty) => {
            fold_primitive::<$name>(column, hashes)
        };
    }
    match column.data_type() {
        DataType::Int16 => primitive!(Int16Type),
        DataType::Int32 => primitive!(Int32Type),
        DataType::Int64 => primitive!(Int64Type),
        DataType::Timestamp(TimeUnit::Microsecond, _) => primitive!(TimestampMicrosecondType),
        DataType::Decimal128(..) => primitive!(Decimal128Type),
        _ => {
            for (index, hash) in hashes.iter_mut().enumerate() {
                *hash = fold_value(column, index, *hash);
            }
        }
    }
}

fn fold_primitive<T: ArrowPrimitiveType<Native: Bits>>(column: &dyn Array, hashes: &mut [u64]) {
    let column = column.as_primitive::<T>();
    let values = hashes.iter_mut().zip(column.values());
    match column.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => values.for_each(|(hash, value)| *hash = value.fold(*hash)),
        Some(nulls) => values.zip(nulls).for_each(|((hash, value), valid)| {
            *hash = if valid { value.fold(*hash) } else { mix(*hash, NULL) };
        }),
    }
}

fn fold_value(column: &dyn Array, index: usize, hash: u64) -> u64 {
    if column.is_null(index) {
        return mix(hash, NULL);
    }
    macro_rules! primitive {
        ($name:ty) => {
            column.as_primitive::<$name>().value(index).fold(hash)
        };
    }
    match column.data_type() {
        DataType::Boolean => mix(hash, u64::from(column.as_boolean().value(index))),
        DataType::Int16 => primitive!(Int16Type),
        DataType::Int32 => primitive!(Int32Type),
        DataType::Int64 => primitive!(Int64Type),
        DataType::UInt32 => primitive!(UInt32Type),
        DataType::Float32 => primitive!(Float32Type),
        DataType::Float64 => primitive!(Float64Type),
        DataType::Decimal128(..) => primitive!(Decimal128Type),
        DataType::Date32 => primitive!(Date32Type),
        DataType::Time64(TimeUnit::Microsecond) => primitive!(Time64MicrosecondType),
        DataType::Timestamp(TimeUnit::Microsecond, _) => primitive!(TimestampMicrosecondType),
        DataType::Interval(IntervalUnit::MonthDayNano) => primitive!(IntervalMonthDayNanoType),
        DataType::Utf8View => fold_bytes(hash, column.as_string_view().value(index).as_bytes()),
        DataType::Utf8 => fold_bytes(hash, column.as_string::<i32>().value(index).as_bytes()),
        DataType::LargeUtf8 => fold_bytes(hash, column.as_string::<i64>().value(index).as_bytes()),
        DataType::Binary => fold_bytes(hash, column.as_binary::<i32>().value(index)),
        DataType::FixedSizeBinary(_) => {
            fold_bytes(hash, column.as_fixed_size_binary().value(index))
        }
        DataType::List(_) => {
            let elements = column.as_list::<i32>().value(index);
            let start = mix(hash, elements.len() as u64);
            (0..elements.len())
                .fold(start, |hash, index| fold_value(elements.as_ref(), index, hash))
        }
        // Not a type of a relation: all such values fall together, which is slow but right.
        _ => hash,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::equal_keys;
    use crate::test_rows::{every_type, random_rows};

    #[test]
    fn hash_of_batch_is_hash_of_rows() {
        let rows = random_rows(&mut fastrand::Rng::with_seed(1), &every_type(), 200);
        let all: Vec<usize> = (0..rows.num_columns()).collect();
        let hashes = hash_rows(rows.columns(), rows.num_rows());
        for (index, hash) in hashes.iter().enumerate() {
            assert_eq!(hash_row(rows.columns(), &all, index), *hash);
        }
    }

    #[test]
    fn equal_rows_have_equal_hashes() {
        let rows = random_rows(&mut fastrand::Rng::with_seed(2), &every_type(), 300);
        let hashes = hash_rows(rows.columns(), rows.num_rows());
        for column in rows.columns() {
            let column = std::slice::from_ref(column);
            let hashes = hash_rows(column, rows.num_rows());
            for left in 0..rows.num_rows() {
                for right in 0..rows.num_rows() {
                    if equal_keys(column, left, column, right) {
                        assert_eq!(hashes[left], hashes[right]);
                    }
                }
            }
        }
        assert_eq!(hashes.len(), rows.num_rows());
    }
}
