//! [`RowEncoder`]: data rows straight from Arrow columns.
//!
//! The types and formats are looked at once per batch; a row is then one pass over its cells.

use arrow::record_batch::RecordBatch;
use kappa_types::text::{ColumnFormatter, TextOptions};
use kappa_types::{SqlError, SqlState, SqlType};

use crate::backend::ColumnDescription;
use crate::binary::BinaryFormatter;
use crate::connection::BatchEncoder;
use crate::message::backend::Message;

/// Encodes the rows of one result.
pub(crate) struct RowEncoder {
    /// Type and format of each column.
    columns: Vec<(SqlType, bool)>,
}

/// A column of a batch, ready to be written.
pub(crate) enum CellEncoder {
    Text(ColumnFormatter),
    Binary(BinaryFormatter),
}

impl RowEncoder {
    /// An encoder for these columns; `is_binary` tells the format of each.
    pub(crate) fn new(columns: &[ColumnDescription], is_binary: impl Fn(usize) -> bool) -> Self {
        let column = |(index, column): (usize, &ColumnDescription)| {
            (column.sql_type.clone(), is_binary(index))
        };
        Self { columns: columns.iter().enumerate().map(column).collect() }
    }
}

impl BatchEncoder for RowEncoder {
    type Batch = Vec<CellEncoder>;

    fn ready(&self, batch: &RecordBatch, options: &TextOptions) -> Result<Self::Batch, SqlError> {
        let cells = self.columns.iter().zip(checked_columns(batch, self.columns.len())?);
        cells
            .map(|((sql_type, is_binary), array)| {
                Ok(if *is_binary {
                    CellEncoder::Binary(BinaryFormatter::new(array, sql_type)?)
                } else {
                    CellEncoder::Text(ColumnFormatter::new(array, sql_type, options)?)
                })
            })
            .collect()
    }

    fn encode(&mut self, batch: &mut Self::Batch, row: usize, out: &mut Vec<u8>) {
        let message = Message::begin(b'D', out);
        let count = u16::try_from(batch.len()).expect("a result has at most 1600 columns");
        message.out.extend_from_slice(&count.to_be_bytes());
        for cell in batch {
            cell.write(row, message.out);
        }
        message.end();
    }
}

impl CellEncoder {
    /// Appends the length and the value of a cell; the length of NULL is -1.
    pub(crate) fn write(&self, row: usize, out: &mut Vec<u8>) {
        let is_null = match self {
            Self::Text(formatter) => formatter.is_null(row),
            Self::Binary(formatter) => formatter.is_null(row),
        };
        if is_null {
            return out.extend_from_slice(&(-1_i32).to_be_bytes());
        }
        let length_at = out.len();
        out.extend_from_slice(&[0; 4]);
        match self {
            Self::Text(formatter) => formatter.write(row, out),
            Self::Binary(formatter) => formatter.write(row, out),
        }
        let length = u32::try_from(out.len() - length_at - 4).expect("a value is below 4 GiB");
        out[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
    }
}

/// The columns of a batch, which must be as many as were described.
///
/// # Errors
/// XX000 where they are not.
pub(crate) fn checked_columns(
    batch: &RecordBatch,
    count: usize,
) -> Result<&[arrow::array::ArrayRef], SqlError> {
    if batch.num_columns() == count {
        return Ok(batch.columns());
    }
    Err(SqlError::new(
        SqlState::InternalError,
        format!("a batch of {} columns came where {count} were described", batch.num_columns()),
    ))
}
