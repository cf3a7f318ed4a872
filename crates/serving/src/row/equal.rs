//! Equality of rows: NULL is NULL, NaN is NaN; text by bytes. Intervals are equal only if months, days
//! and microseconds are each equal.
//!
//! As keys -0 is 0. As rows they are two: what was computed from a row is taken back by computing it
//! again, and an expression may tell them apart (`x::text`).

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type,
    Int64Type, IntervalMonthDayNanoType, IntervalUnit, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType, UInt32Type,
};

/// Whether row `left_index` of the `left` columns is row `right_index` of the `right` columns. Both
/// have the same number of columns, of the same types.
pub(crate) fn same_rows(
    left: &[ArrayRef],
    left_index: usize,
    right: &[ArrayRef],
    right_index: usize,
) -> bool {
    let mut pairs = left.iter().zip(right);
    pairs.all(|(left, right)| equal::<true>(left.as_ref(), left_index, right.as_ref(), right_index))
}

/// Whether the keys in row `left_index` of the `left` columns and in row `right_index` of the `right`
/// columns are equal. Both have the same number of columns, of the same types.
pub(crate) fn equal_keys(
    left: &[ArrayRef],
    left_index: usize,
    right: &[ArrayRef],
    right_index: usize,
) -> bool {
    let mut pairs = left.iter().zip(right);
    pairs
        .all(|(left, right)| equal::<false>(left.as_ref(), left_index, right.as_ref(), right_index))
}

/// Whether two values of one type are equal; with `SIGNED_ZERO`, -0 and 0 are not.
fn equal<const SIGNED_ZERO: bool>(
    left: &dyn Array,
    left_index: usize,
    right: &dyn Array,
    right_index: usize,
) -> bool {
    match (left.is_null(left_index), right.is_null(right_index)) {
        (true, true) => return true,
        (false, false) => {}
        _ => return false,
    }
    macro_rules! same {
        ($cast:ident $(::<$of:ty>)?) => {
            left.$cast$(::<$of>)?().value(left_index) == right.$cast$(::<$of>)?().value(right_index)
        };
    }
    match left.data_type() {
        DataType::Boolean => same!(as_boolean),
        DataType::Int16 => same!(as_primitive::<Int16Type>),
        DataType::Int32 => same!(as_primitive::<Int32Type>),
        DataType::Int64 => same!(as_primitive::<Int64Type>),
        DataType::UInt32 => same!(as_primitive::<UInt32Type>),
        DataType::Float32 => {
            let left = left.as_primitive::<Float32Type>().value(left_index);
            let right = right.as_primitive::<Float32Type>().value(right_index);
            let sign = !SIGNED_ZERO || left.is_sign_negative() == right.is_sign_negative();
            (left == right && sign) || (left.is_nan() && right.is_nan())
        }
        DataType::Float64 => {
            let left = left.as_primitive::<Float64Type>().value(left_index);
            let right = right.as_primitive::<Float64Type>().value(right_index);
            let sign = !SIGNED_ZERO || left.is_sign_negative() == right.is_sign_negative();
            (left == right && sign) || (left.is_nan() && right.is_nan())
        }
        DataType::Decimal128(..) => same!(as_primitive::<Decimal128Type>),
        DataType::Date32 => same!(as_primitive::<Date32Type>),
        DataType::Time64(TimeUnit::Microsecond) => same!(as_primitive::<Time64MicrosecondType>),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            same!(as_primitive::<TimestampMicrosecondType>)
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            same!(as_primitive::<IntervalMonthDayNanoType>)
        }
        DataType::Utf8View => same!(as_string_view),
        DataType::Utf8 => same!(as_string::<i32>),
        DataType::LargeUtf8 => same!(as_string::<i64>),
        DataType::Binary => same!(as_binary::<i32>),
        DataType::FixedSizeBinary(_) => same!(as_fixed_size_binary),
        DataType::List(_) => {
            let left = left.as_list::<i32>().value(left_index);
            let right = right.as_list::<i32>().value(right_index);
            left.len() == right.len()
                && (0..left.len())
                    .all(|index| equal::<SIGNED_ZERO>(left.as_ref(), index, right.as_ref(), index))
        }
        // Not a type of a relation.
        _ => left.slice(left_index, 1).to_data() == right.slice(right_index, 1).to_data(),
    }
}
