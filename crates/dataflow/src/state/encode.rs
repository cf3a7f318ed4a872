//! [`RowEncoder`]: whole rows as bytes that compare and hash as the rows do.
//!
//! Arrow's row format over columns whose floats have one NaN and, as keys, one zero. This is the
//! canonical order of rows, and the form of keys that are too wide to stand inline. As whole rows -0
//! and 0 are two: a row is taken back by computing again what was computed from it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::compute::unary;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float32Type, Float64Type};
use arrow::row::{RowConverter, Rows, SortField};

/// Turns columns of fixed types into rows of bytes and back. NULL sorts first.
pub(crate) struct RowEncoder {
    converter: RowConverter,
    /// Whether -0 becomes 0.
    one_zero: bool,
}

impl RowEncoder {
    /// An encoder for keys: columns of these types, with one zero.
    pub(crate) fn new<'a>(data_types: impl IntoIterator<Item = &'a DataType>) -> Self {
        let fields = data_types.into_iter().map(|kind| SortField::new(kind.clone())).collect();
        let converter = RowConverter::new(fields).expect("every SQL type has a row encoding");
        Self { converter, one_zero: true }
    }

    /// An encoder for whole rows: columns of these types, with -0 and 0.
    pub(crate) fn of_rows<'a>(data_types: impl IntoIterator<Item = &'a DataType>) -> Self {
        Self { one_zero: false, ..Self::new(data_types) }
    }

    /// An encoder for keys like these.
    pub(crate) fn of_columns(columns: &[ArrayRef]) -> Self {
        Self::new(columns.iter().map(|column| column.data_type()))
    }

    /// The rows of `columns`.
    pub(crate) fn encode(&self, columns: &[ArrayRef]) -> Rows {
        let columns: Vec<ArrayRef> =
            columns.iter().map(|column| canonical(column, self.one_zero)).collect();
        self.converter.convert_columns(&columns).expect("columns have the encoder's types")
    }

    /// The columns of rows that [`RowEncoder::encode`] made.
    pub(crate) fn decode<'a>(&self, rows: impl Iterator<Item = &'a [u8]>) -> Vec<ArrayRef> {
        let parser = self.converter.parser();
        self.converter
            .convert_rows(rows.map(|bytes| parser.parse(bytes)))
            .expect("the bytes came from this encoding")
    }
}

/// The column with one NaN, and if asked for one zero.
fn canonical(column: &ArrayRef, one_zero: bool) -> ArrayRef {
    macro_rules! of {
        ($t:ty, $nan:expr) => {{
            let values = column.as_primitive::<$t>();
            let is_zero = |v: &<$t as ArrowPrimitiveType>::Native| one_zero && *v == 0.0;
            if !values.values().iter().any(|v| v.is_nan() || (is_zero(v) && v.is_sign_negative())) {
                return Arc::clone(column);
            }
            let canonical = unary::<_, _, $t>(values, |v| match v {
                v if v.is_nan() => $nan,
                v if is_zero(&v) => 0.0,
                v => v,
            });
            Arc::new(canonical)
        }};
    }
    match column.data_type() {
        DataType::Float64 => of!(Float64Type, f64::NAN),
        DataType::Float32 => of!(Float32Type, f32::NAN),
        DataType::List(field)
            if matches!(field.data_type(), DataType::Float32 | DataType::Float64) =>
        {
            let list = column.as_list::<i32>();
            let values = canonical(list.values(), one_zero);
            let (field, offsets, _, nulls) = list.clone().into_parts();
            Arc::new(ListArray::new(field, offsets, values, nulls))
        }
        _ => Arc::clone(column),
    }
}
