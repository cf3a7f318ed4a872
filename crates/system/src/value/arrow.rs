//! Values from and to Arrow.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray, BinaryBuilder, BooleanArray, Date32Array, Decimal128Array,
    FixedSizeBinaryBuilder, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array,
    IntervalMonthDayNanoArray, LargeStringArray, ListArray, StringViewArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use kappa_types::{SqlError, SqlState, SqlType};

use super::{Decimal, Interval, PgType, Value, output};
use crate::error::{mismatch, out_of_range};
use crate::session::Session;

/// Nanoseconds of a microsecond.
const NANOS: i64 = 1000;

/// The column of `values`, which are of type `ty`, in the Arrow type of `ty.sql_type()`.
///
/// # Errors
/// 22003 for a number that the column type cannot hold.
pub(crate) fn to_arrow(
    session: &Session<'_>,
    values: &[Value],
    ty: &PgType,
) -> Result<ArrayRef, SqlError> {
    let sql_type = ty.sql_type();
    if !ty.leaves_as_text() {
        return plain_to_arrow(values, &sql_type);
    }
    let text = |value: &Value| match (value, ty) {
        (Value::Null, _) => Value::Null,
        (Value::Array(array), PgType::Array(element)) => {
            let element = PgType::Base(*element);
            let item = |item: &Value| match item {
                Value::Null => Value::Null,
                item => Value::text(output(session, item, &element)),
            };
            Value::array(array.items.iter().map(item).collect())
        }
        (value, ty) => Value::text(output(session, value, ty)),
    };
    plain_to_arrow(&values.iter().map(text).collect::<Vec<_>>(), &sql_type)
}

/// The column of `values`, which are held as `sql_type` wants them.
pub(crate) fn plain_to_arrow(values: &[Value], sql_type: &SqlType) -> Result<ArrayRef, SqlError> {
    let integers = || values.iter().map(Value::as_int);
    let floats = || {
        values.iter().map(|value| match value {
            Value::Float(value) => Some(*value),
            _ => None,
        })
    };
    Ok(match sql_type {
        SqlType::Boolean => Arc::new(values.iter().map(Value::as_bool).collect::<BooleanArray>()),
        SqlType::SmallInt => Arc::new(narrow(integers(), "smallint")?.collect::<Int16Array>()),
        SqlType::Integer => Arc::new(narrow(integers(), "integer")?.collect::<Int32Array>()),
        SqlType::BigInt => Arc::new(integers().collect::<Int64Array>()),
        SqlType::Oid | SqlType::Regclass => {
            Arc::new(narrow(integers(), "oid")?.collect::<UInt32Array>())
        }
        SqlType::Real => {
            #[expect(clippy::cast_possible_truncation, reason = "the type asks for it")]
            let singles = floats().map(|value| value.map(|value| value as f32));
            Arc::new(singles.collect::<Float32Array>())
        }
        SqlType::Double => Arc::new(floats().collect::<Float64Array>()),
        SqlType::Numeric(_) => decimals(values, sql_type)?,
        SqlType::Text | SqlType::Varchar(_) | SqlType::Name | SqlType::Char => {
            Arc::new(values.iter().map(Value::as_text).collect::<StringViewArray>())
        }
        SqlType::Json | SqlType::Jsonb => {
            Arc::new(values.iter().map(Value::as_text).collect::<LargeStringArray>())
        }
        SqlType::Date => Arc::new(narrow(integers(), "date")?.collect::<Date32Array>()),
        SqlType::Time => Arc::new(integers().collect::<Time64MicrosecondArray>()),
        SqlType::Timestamp => Arc::new(integers().collect::<TimestampMicrosecondArray>()),
        SqlType::Timestamptz => {
            Arc::new(integers().collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        SqlType::Interval => {
            let interval = |value: &Value| match value {
                Value::Interval(Interval { months, days, micros }) => {
                    Some(IntervalMonthDayNano::new(*months, *days, micros.saturating_mul(NANOS)))
                }
                _ => None,
            };
            Arc::new(values.iter().map(interval).collect::<IntervalMonthDayNanoArray>())
        }
        SqlType::Bytea => {
            let mut builder = BinaryBuilder::new();
            values.iter().for_each(|value| builder.append_option(bytes(value)));
            Arc::new(builder.finish())
        }
        SqlType::Uuid => {
            let mut builder = FixedSizeBinaryBuilder::new(16);
            for value in values {
                match bytes(value) {
                    Some(bytes) => builder.append_value(bytes).map_err(|_| mismatch("uuid"))?,
                    None => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }
        SqlType::Array(element) => lists(values, element)?,
    })
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

fn narrow<T: TryFrom<i64>>(
    values: impl Iterator<Item = Option<i64>>,
    type_name: &str,
) -> Result<impl Iterator<Item = Option<T>>, SqlError> {
    let narrowed: Vec<Option<T>> = values
        .map(|value| value.map(T::try_from).transpose())
        .collect::<Result<_, _>>()
        .map_err(|_| out_of_range(type_name))?;
    Ok(narrowed.into_iter())
}

fn decimals(values: &[Value], sql_type: &SqlType) -> Result<ArrayRef, SqlError> {
    let DataType::Decimal128(precision, scale) = sql_type.arrow() else {
        return Err(mismatch("numeric"));
    };
    let target = u8::try_from(scale).unwrap_or(0);
    let digits = |value: &Value| match value {
        Value::Decimal(decimal) => decimal
            .rescale(target)
            .map(|decimal| Some(decimal.digits))
            .ok_or_else(|| out_of_range("numeric")),
        _ => Ok(None),
    };
    let digits: Vec<Option<i128>> = values.iter().map(digits).collect::<Result<_, _>>()?;
    let array = Decimal128Array::from(digits)
        .with_precision_and_scale(precision, scale)
        .map_err(|_| out_of_range("numeric"))?;
    Ok(Arc::new(array))
}

fn lists(values: &[Value], element: &SqlType) -> Result<ArrayRef, SqlError> {
    let DataType::List(field) = SqlType::Array(Box::new(element.clone())).arrow() else {
        return Err(mismatch("array"));
    };
    let lengths = values.iter().map(|value| value.as_array().map_or(0, |array| array.items.len()));
    let offsets = OffsetBuffer::from_lengths(lengths);
    let flat: Vec<Value> = values
        .iter()
        .filter_map(Value::as_array)
        .flat_map(|array| array.items.iter().cloned())
        .collect();
    let nulls = NullBuffer::from_iter(values.iter().map(|value| value.as_array().is_some()));
    let list = ListArray::try_new(field, offsets, plain_to_arrow(&flat, element)?, Some(nulls));
    Ok(Arc::new(list.map_err(|_| mismatch("array"))?))
}

/// The value of row `index`.
///
/// # Errors
/// 22P03 for an Arrow type that no SQL type corresponds to.
pub(crate) fn from_arrow(array: &ArrayRef, index: usize) -> Result<Value, SqlError> {
    if array.is_null(index) {
        return Ok(Value::Null);
    }
    let invalid = || {
        let message = format!("parameter of type {} is not supported", array.data_type());
        SqlError::new(SqlState::InvalidBinaryRepresentation, message)
    };
    let cast_to = |data_type: &DataType| cast(array, data_type).map_err(|_| invalid());
    Ok(match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Bool(array.as_boolean().value(index)),
        data_type if data_type.is_integer() => {
            Value::Int(cast_to(&DataType::Int64)?.as_primitive::<Int64Type>().value(index))
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            Value::Float(cast_to(&DataType::Float64)?.as_primitive::<Float64Type>().value(index))
        }
        DataType::Decimal128(_, scale) => Value::Decimal(Decimal {
            digits: array.as_primitive::<Decimal128Type>().value(index),
            scale: u8::try_from(*scale).unwrap_or(0),
        }),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Value::text(cast_to(&DataType::Utf8View)?.as_string_view().value(index))
        }
        DataType::Date32 => Value::Int(array.as_primitive::<Date32Type>().value(index).into()),
        DataType::Time64(TimeUnit::Microsecond) => {
            Value::Int(array.as_primitive::<Time64MicrosecondType>().value(index))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Value::Int(array.as_primitive::<TimestampMicrosecondType>().value(index))
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let value = array.as_primitive::<IntervalMonthDayNanoType>().value(index);
            let (months, days, micros) = (value.months, value.days, value.nanoseconds / NANOS);
            Value::Interval(Interval { months, days, micros })
        }
        DataType::Binary => Value::Bytes(array.as_binary::<i32>().value(index).into()),
        DataType::FixedSizeBinary(16) => {
            Value::Bytes(array.as_fixed_size_binary().value(index).into())
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(index);
            let items = (0..items.len()).map(|item| from_arrow(&items, item));
            Value::array(items.collect::<Result<_, _>>()?)
        }
        _ => return Err(invalid()),
    })
}
