//! [`RowEncoder`]: whole rows as bytes that compare and hash as the rows do.
//!
//! Arrow's row format over columns whose floats have one NaN and one zero. This is the canonical
//! order of rows, and the form of keys that are too wide to stand inline.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::unary;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::row::{RowConverter, Rows, SortField};

/// Turns columns of fixed types into rows of bytes and back. NULL sorts first.
pub(crate) struct RowEncoder {
    converter: RowConverter,
}

impl RowEncoder {
    /// An encoder for columns of these types.
    pub(crate) fn new<'a>(data_types: impl IntoIterator<Item = &'a DataType>) -> Self {
        let fields = data_types.into_iter().map(|kind| SortField::new(kind.clone())).collect();
        let converter = RowConverter::new(fields).expect("every SQL type has a row encoding");
        Self { converter }
    }

    /// An encoder for columns like these.
    pub(crate) fn of_columns(columns: &[ArrayRef]) -> Self {
        Self::new(columns.iter().map(|column| column.data_type()))
    }

    /// The rows of `columns`.
    pub(crate) fn encode(&self, columns: &[ArrayRef]) -> Rows {
        let columns: Vec<ArrayRef> = columns.iter().map(canonical).collect();
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

/// The column with one NaN and one zero.
pub(crate) fn canonical(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            let special = |v: &f64| v.is_nan() || (*v == 0.0 && v.is_sign_negative());
            if !values.values().iter().any(special) {
                return Arc::clone(column);
            }
            let canonical = unary::<_, _, Float64Type>(values, |v| match v {
                v if v.is_nan() => f64::NAN,
                v => v + 0.0,
            });
            Arc::new(canonical)
        }
        DataType::Float32 => {
            let canonical = unary::<_, _, Float32Type>(column.as_primitive::<Float32Type>(), |v| {
                if v.is_nan() { f32::NAN } else { v + 0.0 }
            });
            Arc::new(canonical)
        }
        _ => Arc::clone(column),
    }
}
