//! [`Columns`]: the columns of a batch while its rows are made.
//!
//! The one idea: a kind offers every column it knows; those that the schema does not ask for are
//! not built, and their text is never made.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Builder, StringViewBuilder, TimestampMicrosecondBuilder};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use kappa_types::{Schema, SqlError, SqlState, SqlType};

/// What a kind makes in one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// bigint
    Integer,
    /// text or varchar
    Text,
    /// timestamp or timestamptz
    Time,
}

/// A column that a kind makes.
pub(super) type Made = (&'static str, Sort);

/// The columns of a batch.
#[derive(Debug)]
pub(super) struct Columns {
    schema: Schema,
    /// For each column that the kind makes, where it goes.
    slots: Vec<Option<Slot>>,
    /// For each column of the schema, its slot.
    order: Vec<usize>,
}

#[derive(Debug)]
enum Slot {
    Integer(Int64Builder),
    Text(StringViewBuilder),
    Time(TimestampMicrosecondBuilder),
}

impl Columns {
    /// Columns for a schema.
    ///
    /// # Errors
    /// 42703 when the kind does not make a column, 42804 when it makes another type.
    pub(super) fn new(schema: &Schema, made: &'static [Made]) -> Result<Self, SqlError> {
        let mut slots: Vec<Option<Slot>> = made.iter().map(|_| None).collect();
        let mut order = Vec::with_capacity(schema.columns.len());
        for column in &schema.columns {
            let index = made.iter().position(|(name, _)| *name == column.name);
            let index = index.ok_or_else(|| unknown_column(&column.name, made))?;
            let slot = match (made[index].1, &column.sql_type) {
                (Sort::Integer, SqlType::BigInt) => Slot::Integer(Int64Builder::new()),
                (Sort::Text, SqlType::Text | SqlType::Varchar(None)) => {
                    Slot::Text(StringViewBuilder::new())
                }
                (Sort::Time, SqlType::Timestamp | SqlType::Timestamptz) => {
                    let data_type = column.sql_type.arrow();
                    Slot::Time(TimestampMicrosecondBuilder::new().with_data_type(data_type))
                }
                (sort, _) => return Err(wrong_type(&column.name, &column.sql_type, sort)),
            };
            slots[index] = Some(slot);
            order.push(index);
        }
        Ok(Self { schema: schema.clone(), slots, order })
    }

    /// Appends to the integer column `index`.
    pub(super) fn integer(&mut self, index: usize, value: u64) {
        if let Some(Slot::Integer(builder)) = &mut self.slots[index] {
            builder.append_value(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }

    /// Appends to the text column `index`.
    pub(super) fn text(&mut self, index: usize, value: impl FnOnce() -> String) {
        if let Some(Slot::Text(builder)) = &mut self.slots[index] {
            builder.append_value(value());
        }
    }

    /// Appends to the time column `index`: microseconds since 1970 UTC.
    pub(super) fn time(&mut self, index: usize, micros: i64) {
        if let Some(Slot::Time(builder)) = &mut self.slots[index] {
            builder.append_value(micros);
        }
    }

    /// The rows since the last call: `row_count` of them, also where no column is built.
    pub(super) fn finish(&mut self, row_count: usize) -> Result<RecordBatch, ArrowError> {
        let arrays = self.order.iter().map(|index| -> ArrayRef {
            match self.slots[*index].as_mut().expect("the order names only filled slots") {
                Slot::Integer(builder) => Arc::new(builder.finish()),
                Slot::Text(builder) => Arc::new(builder.finish()),
                Slot::Time(builder) => Arc::new(builder.finish()),
            }
        });
        let arrays = arrays.collect();
        let options = RecordBatchOptions::new().with_row_count(Some(row_count));
        RecordBatch::try_new_with_options(self.schema.arrow(), arrays, &options)
    }
}

fn unknown_column(name: &str, made: &[Made]) -> SqlError {
    let names: Vec<_> = made.iter().map(|(name, _)| *name).collect();
    let message = format!("the generator does not make a column \"{name}\"");
    SqlError::new(SqlState::UndefinedColumn, message)
        .with_hint(format!("It makes: {}.", names.join(", ")))
}

fn wrong_type(name: &str, declared: &SqlType, made: Sort) -> SqlError {
    let made = match made {
        Sort::Integer => "bigint",
        Sort::Text => "text",
        Sort::Time => "timestamp or timestamptz",
    };
    let message = format!("column \"{name}\" is of type {declared} but the generator makes {made}");
    SqlError::new(SqlState::DatatypeMismatch, message)
}
