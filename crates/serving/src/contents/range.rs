//! [`Range`]: a condition on one column by which a scan leaves chunks out.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{max, min};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};

use super::chunk::Chunk;

/// Values of a column of integers, dates or timestamps, as the number that Arrow holds. NULL is in
/// no range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Position of the column.
    pub column: usize,
    /// The least value wanted.
    pub min: Option<i64>,
    /// The greatest value wanted.
    pub max: Option<i64>,
}

impl Range {
    /// The values from the least to the greatest of `values`; `None` if the type has no range, or
    /// NULL is among them.
    pub(super) fn around(column: usize, values: &ArrayRef) -> Option<Self> {
        if !has_range(values.data_type()) || values.null_count() > 0 {
            return None;
        }
        let (min, max) = range_of(values.as_ref())?;
        Some(Self { column, min: Some(min), max: Some(max) })
    }

    /// Whether the chunk may have a row within; always, for columns of other types.
    pub(super) fn touches(&self, chunk: &Chunk) -> bool {
        let column = chunk.rows.column(self.column);
        if !has_range(column.data_type()) {
            return true;
        }
        // Over all rows, visible or not: the answer holds for every time.
        match chunk.ranges[self.column].get_or_init(|| range_of(column.as_ref())) {
            None => false,
            Some((least, greatest)) => {
                self.min.is_none_or(|min| *greatest >= min)
                    && self.max.is_none_or(|max| *least <= max)
            }
        }
    }
}

const fn has_range(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Date32
            | DataType::Timestamp(TimeUnit::Microsecond, _)
    )
}

/// Least and greatest value; `None` if all are NULL.
fn range_of(column: &dyn Array) -> Option<(i64, i64)> {
    fn of<T: ArrowPrimitiveType<Native: Into<i64>>>(column: &dyn Array) -> Option<(i64, i64)> {
        let column = column.as_primitive::<T>();
        Some((min(column)?.into(), max(column)?.into()))
    }
    match column.data_type() {
        DataType::Int16 => of::<Int16Type>(column),
        DataType::Int32 => of::<Int32Type>(column),
        DataType::Int64 => of::<Int64Type>(column),
        DataType::Date32 => of::<Date32Type>(column),
        _ => of::<TimestampMicrosecondType>(column),
    }
}
