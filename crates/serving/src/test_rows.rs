//! Random rows of every type, for tests.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray,
    Float32Array, Float64Array, Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray,
    LargeStringArray, ListArray, RecordBatch, StringViewArray, Time64MicrosecondArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    DataType, Field, IntervalMonthDayNano, IntervalUnit, Schema, SchemaRef, TimeUnit,
};
use fastrand::Rng;
use kappa_types::SqlType;

/// One column of each type that relations have.
pub(crate) fn every_type() -> SchemaRef {
    let mut types = SqlType::PLAIN.to_vec();
    types.push(SqlType::Array(Box::new(SqlType::Text)));
    types.push(SqlType::Array(Box::new(SqlType::Double)));
    let fields = types.iter().map(|sql_type| sql_type.field(&sql_type.name(), true));
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}

/// Rows with few distinct values per column, so that equal ones occur.
pub(crate) fn random_rows(rng: &mut Rng, schema: &SchemaRef, row_count: usize) -> RecordBatch {
    let columns = schema
        .fields()
        .iter()
        .map(|field| random_column(rng, field.data_type(), row_count))
        .collect();
    RecordBatch::try_new(Arc::clone(schema), columns).unwrap()
}

fn random_column(rng: &mut Rng, data_type: &DataType, count: usize) -> ArrayRef {
    fn some<T>(rng: &mut Rng, count: usize, value: impl Fn(u8) -> T) -> Vec<Option<T>> {
        (0..count).map(|_| (rng.u8(..5) > 0).then(|| value(rng.u8(..5)))).collect()
    }
    let text = |n: u8| ["", "a", "b", "longer than twelve bytes", "ä"][usize::from(n)].to_owned();
    let float = |n: u8| [0.0, -0.0, f64::NAN, -f64::NAN, 1.5][usize::from(n)];
    match data_type {
        DataType::Boolean => Arc::new(BooleanArray::from(some(rng, count, |n| n > 2))),
        DataType::Int16 => Arc::new(Int16Array::from(some(rng, count, i16::from))),
        DataType::Int32 => Arc::new(Int32Array::from(some(rng, count, |n| -i32::from(n)))),
        DataType::Int64 => Arc::new(Int64Array::from(some(rng, count, i64::from))),
        DataType::UInt32 => Arc::new(UInt32Array::from(some(rng, count, u32::from))),
        DataType::Float32 => Arc::new(Float32Array::from(some(rng, count, |n| float(n) as f32))),
        DataType::Float64 => Arc::new(Float64Array::from(some(rng, count, float))),
        DataType::Decimal128(precision, scale) => Arc::new(
            Decimal128Array::from(some(rng, count, i128::from))
                .with_precision_and_scale(*precision, *scale)
                .unwrap(),
        ),
        DataType::Date32 => Arc::new(Date32Array::from(some(rng, count, i32::from))),
        DataType::Time64(_) => Arc::new(Time64MicrosecondArray::from(some(rng, count, i64::from))),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => Arc::new(
            TimestampMicrosecondArray::from(some(rng, count, i64::from))
                .with_timezone_opt(zone.clone()),
        ),
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let interval = |n: u8| IntervalMonthDayNano::new(i32::from(n), 1, i64::from(n));
            Arc::new(IntervalMonthDayNanoArray::from(some(rng, count, interval)))
        }
        DataType::Utf8View => Arc::new(StringViewArray::from_iter(some(rng, count, text))),
        DataType::LargeUtf8 => Arc::new(LargeStringArray::from(some(rng, count, text))),
        DataType::Binary => {
            let values = some(rng, count, text);
            Arc::new(BinaryArray::from_iter(values.iter().map(|value| value.as_deref())))
        }
        DataType::FixedSizeBinary(size) => Arc::new(
            FixedSizeBinaryArray::try_from_sparse_iter_with_size(
                some(rng, count, |n| vec![n; *size as usize]).into_iter(),
                *size,
            )
            .unwrap(),
        ),
        DataType::List(field) => {
            let lengths: Vec<usize> = (0..count).map(|_| rng.usize(..3)).collect();
            let values = random_column(rng, field.data_type(), lengths.iter().sum());
            let offsets = OffsetBuffer::from_lengths(lengths);
            let nulls: NullBuffer = (0..count).map(|_| rng.u8(..5) > 0).collect();
            Arc::new(ListArray::new(Arc::clone(field), offsets, values, Some(nulls)))
        }
        other => unreachable!("no relation has a column of {other}"),
    }
}
