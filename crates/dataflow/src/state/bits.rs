//! [`Bits`]: values of fixed width up to 8 bytes as 64 bits each, so that one kernel serves all.
//!
//! Integers are sign-extended, floats have one NaN and, as keys, one zero: equal keys have equal bits.
//! Bits give the value back.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Float32Type, Float64Type, Int16Type, Int32Type,
    Int64Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, UInt32Type,
};

/// The values of one array as bits. Where the array is NULL the bits mean nothing.
pub(crate) struct Bits<'a>(Cow<'a, [u64]>);

impl<'a> Bits<'a> {
    /// Whether values of this type have bits.
    pub(crate) const fn fit(data_type: &DataType) -> bool {
        matches!(
            data_type,
            DataType::Boolean
                | DataType::Int16
                | DataType::Int32
                | DataType::Int64
                | DataType::UInt32
                | DataType::Float32
                | DataType::Float64
                | DataType::Date32
                | DataType::Time64(TimeUnit::Microsecond)
                | DataType::Timestamp(TimeUnit::Microsecond, _)
        )
    }

    /// The bits of `array` with -0 told apart from 0, if its type has them.
    pub(crate) fn of_values(array: &'a ArrayRef) -> Option<Self> {
        Some(Self(match array.data_type() {
            DataType::Float32 => {
                each(array.as_primitive::<Float32Type>(), |v| value_bits(f64::from(v)))
            }
            DataType::Float64 => each(array.as_primitive::<Float64Type>(), value_bits),
            _ => return Self::of(array),
        }))
    }

    /// The bits of `array` as keys, if its type has them.
    pub(crate) fn of(array: &'a ArrayRef) -> Option<Self> {
        Some(Self(match array.data_type() {
            DataType::Int64 => words(array.as_primitive::<Int64Type>()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                words(array.as_primitive::<TimestampMicrosecondType>())
            }
            DataType::Time64(TimeUnit::Microsecond) => {
                words(array.as_primitive::<Time64MicrosecondType>())
            }
            DataType::Int32 => each(array.as_primitive::<Int32Type>(), |v| i64::from(v) as u64),
            DataType::Date32 => each(array.as_primitive::<Date32Type>(), |v| i64::from(v) as u64),
            DataType::Int16 => each(array.as_primitive::<Int16Type>(), |v| i64::from(v) as u64),
            DataType::UInt32 => each(array.as_primitive::<UInt32Type>(), u64::from),
            DataType::Float32 => {
                each(array.as_primitive::<Float32Type>(), |v| float_bits(f64::from(v)))
            }
            DataType::Float64 => each(array.as_primitive::<Float64Type>(), float_bits),
            DataType::Boolean => {
                Cow::Owned(array.as_boolean().values().iter().map(u64::from).collect())
            }
            _ => return None,
        }))
    }

    /// One word per row.
    pub(crate) fn values(&self) -> &[u64] {
        &self.0
    }

    /// The array that has these bits; NULL where `nulls` says so.
    pub(crate) fn array(
        data_type: &DataType,
        bits: Vec<u64>,
        nulls: Option<NullBuffer>,
    ) -> ArrayRef {
        match data_type {
            DataType::Boolean => {
                Arc::new(BooleanArray::new(bits.iter().map(|b| *b != 0).collect(), nulls))
            }
            DataType::Float32 => {
                primitive::<Float32Type>(bits, nulls, data_type, |b| f64::from_bits(b) as f32)
            }
            DataType::Float64 => primitive::<Float64Type>(bits, nulls, data_type, f64::from_bits),
            DataType::Int16 => primitive::<Int16Type>(bits, nulls, data_type, |b| b as i16),
            DataType::Int32 => primitive::<Int32Type>(bits, nulls, data_type, |b| b as i32),
            DataType::Date32 => primitive::<Date32Type>(bits, nulls, data_type, |b| b as i32),
            DataType::UInt32 => primitive::<UInt32Type>(bits, nulls, data_type, |b| b as u32),
            DataType::Int64 => primitive::<Int64Type>(bits, nulls, data_type, |b| b as i64),
            DataType::Time64(_) => {
                primitive::<Time64MicrosecondType>(bits, nulls, data_type, |b| b as i64)
            }
            DataType::Timestamp(..) => {
                primitive::<TimestampMicrosecondType>(bits, nulls, data_type, |b| b as i64)
            }
            other => unreachable!("{other} has no bits"),
        }
    }
}

/// Bits of a float: one NaN, one zero.
pub(crate) fn float_bits(value: f64) -> u64 {
    if value == 0.0 { 0 } else { value_bits(value) }
}

/// Bits of a float with one NaN.
const fn value_bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

/// Bits of a value of `data_type` as a number that sorts as the values do; NaN last.
#[inline(always)]
pub(crate) fn to_order(is_float: bool, bits: u64) -> i64 {
    let bits = bits as i64;
    // A negative float has all its magnitude bits turned round. The canonical NaN is positive.
    if is_float && bits < 0 { bits ^ i64::MAX } else { bits }
}

/// The bits that [`to_order`] took.
#[inline(always)]
pub(crate) fn from_order(is_float: bool, order: i64) -> u64 {
    (if is_float && order < 0 { order ^ i64::MAX } else { order }) as u64
}

fn words<T: ArrowPrimitiveType<Native = i64>>(array: &PrimitiveArray<T>) -> Cow<'_, [u64]> {
    let values: &[i64] = array.values();
    // SAFETY: i64 and u64 have the same size and alignment, and every bit pattern is valid.
    Cow::Borrowed(unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) })
}

fn each<'a, T: ArrowPrimitiveType>(
    array: &'a PrimitiveArray<T>,
    bits: impl Fn(T::Native) -> u64,
) -> Cow<'a, [u64]> {
    Cow::Owned(array.values().iter().map(|value| bits(*value)).collect())
}

fn primitive<T: ArrowPrimitiveType>(
    bits: Vec<u64>,
    nulls: Option<NullBuffer>,
    data_type: &DataType,
    value: impl Fn(u64) -> T::Native,
) -> ArrayRef {
    let values: ScalarBuffer<T::Native> = bits.into_iter().map(value).collect();
    Arc::new(PrimitiveArray::<T>::new(values, nulls).with_data_type(data_type.clone()))
}
