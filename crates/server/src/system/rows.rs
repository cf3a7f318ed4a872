//! Rows of a system table, written cell by cell. These tables are small; plainness beats speed.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringViewArray, TimestampMicrosecondArray};
use arrow::record_batch::RecordBatch;
use kappa_types::{Schema, SqlError, SqlState, SqlType};

/// One cell.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    Null,
    Integer(i64),
    Text(String),
    /// Microseconds since the epoch.
    Time(i64),
}

impl Cell {
    pub(super) fn count(value: u64) -> Self {
        Self::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }

    pub(super) fn optional_time(value: Option<i64>) -> Self {
        value.map_or(Self::Null, Self::Time)
    }

    const fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) | Self::Time(value) => Some(*value),
            _ => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The rows as one batch of `schema`, whose columns are bigint, text, timestamp or timestamptz.
pub(super) fn batch(schema: &Schema, rows: &[Vec<Cell>]) -> Result<RecordBatch, SqlError> {
    let columns = schema.columns.iter().enumerate().map(|(index, column)| -> ArrayRef {
        let cells = rows.iter().map(|row| &row[index]);
        match column.sql_type {
            SqlType::BigInt => Arc::new(cells.map(Cell::integer).collect::<Int64Array>()),
            SqlType::Timestamp => {
                Arc::new(cells.map(Cell::integer).collect::<TimestampMicrosecondArray>())
            }
            SqlType::Timestamptz => {
                let times = cells.map(Cell::integer).collect::<TimestampMicrosecondArray>();
                Arc::new(times.with_timezone("UTC"))
            }
            _ => Arc::new(cells.map(Cell::text).collect::<StringViewArray>()),
        }
    });
    RecordBatch::try_new(schema.arrow(), columns.collect())
        .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))
}
