//! Arrow types as Parquet can hold them: intervals, for which Parquet has no type of nanoseconds, are
//! stored as 16 bytes (months, days, nanoseconds, little endian); everything else as it is.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryArray, GenericListArray, IntervalMonthDayNanoArray,
    ListArray,
};
use arrow::buffer::Buffer;
use arrow::datatypes::{
    DataType, Field, FieldRef, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
    Schema, SchemaRef,
};

use super::meta::Hidden;

/// Bytes of a stored interval.
const INTERVAL_SIZE_BYTES: i32 = 16;

/// The columns of the file for rows of `schema`, hidden ones last.
pub(crate) fn storage_schema(schema: &Schema, hidden: Hidden) -> SchemaRef {
    let mut fields: Vec<FieldRef> = schema.fields().iter().map(storage_field).collect();
    if matches!(hidden, Hidden::Placed | Hidden::PlacedWithDiffs) {
        fields.push(Arc::new(Field::new("_time", DataType::UInt64, false)));
        fields.push(Arc::new(Field::new("_seq", DataType::UInt64, false)));
    }
    if matches!(hidden, Hidden::PlacedWithDiffs | Hidden::AttachedWithDiffs) {
        fields.push(Arc::new(Field::new("_diff", DataType::Int64, false)));
    }
    Arc::new(Schema::new(fields))
}

fn storage_field(field: &FieldRef) -> FieldRef {
    match field.data_type() {
        DataType::Interval(IntervalUnit::MonthDayNano) => Arc::new(Field::new(
            field.name(),
            DataType::FixedSizeBinary(INTERVAL_SIZE_BYTES),
            field.is_nullable(),
        )),
        DataType::List(item) => Arc::new(Field::new(
            field.name(),
            DataType::List(storage_field(item)),
            field.is_nullable(),
        )),
        other => Arc::new(Field::new(field.name(), other.clone(), field.is_nullable())),
    }
}

/// A column as it is stored.
pub(crate) fn to_storage(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let values = column.as_primitive::<IntervalMonthDayNanoType>();
            let mut bytes = Vec::with_capacity(values.len() * INTERVAL_SIZE_BYTES as usize);
            for value in values.values() {
                bytes.extend_from_slice(&value.months.to_le_bytes());
                bytes.extend_from_slice(&value.days.to_le_bytes());
                bytes.extend_from_slice(&value.nanoseconds.to_le_bytes());
            }
            Arc::new(FixedSizeBinaryArray::new(
                INTERVAL_SIZE_BYTES,
                Buffer::from_vec(bytes),
                values.nulls().cloned(),
            ))
        }
        DataType::List(item) => {
            let list = column.as_list::<i32>();
            Arc::new(map_items(list, &storage_field(item), to_storage))
        }
        _ => Arc::clone(column),
    }
}

/// A stored column as `target`, which is the type it had before [`to_storage`].
pub(crate) fn from_storage(column: &ArrayRef, target: &DataType) -> ArrayRef {
    match (column.data_type(), target) {
        (DataType::FixedSizeBinary(16), DataType::Interval(IntervalUnit::MonthDayNano)) => {
            let stored = column.as_fixed_size_binary();
            let number =
                |bytes: &[u8]| i32::from_le_bytes(bytes.try_into().expect("four bytes were taken"));
            let values = (0..stored.len()).map(|index| {
                let bytes = stored.value(index);
                let nanoseconds = bytes[8..16].try_into().expect("eight bytes were taken");
                IntervalMonthDayNano::new(
                    number(&bytes[0..4]),
                    number(&bytes[4..8]),
                    i64::from_le_bytes(nanoseconds),
                )
            });
            let values: Vec<_> = values.collect();
            Arc::new(IntervalMonthDayNanoArray::new(values.into(), stored.nulls().cloned()))
        }
        (DataType::List(_), DataType::List(item)) => {
            let list = column.as_list::<i32>();
            Arc::new(map_items(list, item, |items| from_storage(items, item.data_type())))
        }
        _ => Arc::clone(column),
    }
}

fn map_items(
    list: &GenericListArray<i32>,
    item: &FieldRef,
    map: impl Fn(&ArrayRef) -> ArrayRef,
) -> ListArray {
    ListArray::new(
        Arc::clone(item),
        list.offsets().clone(),
        map(list.values()),
        list.nulls().cloned(),
    )
}
