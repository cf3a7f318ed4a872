//! Rows in error and late rows as batches, and how a row is written as text.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Int64Array, StringViewArray, StringViewBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::DataFusionError;
use kappa_types::{DeltaBatch, SqlError, Timestamp};

use crate::{error_schema, late_schema};

/// Why a row could not be computed: SQLSTATE and message, as Postgres says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason(pub(crate) String);

impl Reason {
    /// An integer result left its type.
    pub(crate) fn out_of_range(type_name: &str) -> Self {
        Self(format!("22003: {type_name} out of range"))
    }

    /// A float left what a float holds.
    pub(crate) fn float_overflow() -> Self {
        Self("22003: value out of range: overflow".to_owned())
    }

    /// What the evaluation of an expression said. A pure function of the error, so that taking a
    /// row away finds the error it made.
    pub(crate) fn of(error: &DataFusionError) -> Self {
        let root = error.find_root();
        Self(match root {
            DataFusionError::External(inner) => match inner.downcast_ref::<SqlError>() {
                Some(sql) => format!("{}: {}", sql.state.code(), sql.message),
                None => format!("XX000: {inner}"),
            },
            DataFusionError::ArrowError(inner, _) => of_arrow(inner),
            other => format!("22000: {}", other.strip_backtrace()),
        })
    }
}

fn of_arrow(error: &ArrowError) -> String {
    match error {
        ArrowError::DivideByZero => "22012: division by zero".into(),
        ArrowError::ArithmeticOverflow(what) => format!("22003: value out of range: {what}"),
        ArrowError::CastError(what) | ArrowError::ParseError(what) => format!("22P02: {what}"),
        ArrowError::ExternalError(inner) => match inner.downcast_ref::<SqlError>() {
            Some(sql) => format!("{}: {}", sql.state.code(), sql.message),
            None => format!("22000: {inner}"),
        },
        other => format!("22000: {other}"),
    }
}

/// Rows in error, gathered one by one.
#[derive(Debug, Default)]
pub(crate) struct ErrorRows {
    positions: Vec<String>,
    reasons: Vec<String>,
    rows: Vec<String>,
    diffs: Vec<i64>,
}

impl ErrorRows {
    /// Adds row `index` of `batch`, which failed at `position`.
    pub(crate) fn push(
        &mut self,
        position: &str,
        reason: &Reason,
        batch: &RecordBatch,
        index: usize,
        diff: i64,
    ) {
        self.positions.push(position.to_owned());
        self.reasons.push(reason.0.clone());
        self.rows.push(row_text(batch, index));
        self.diffs.push(diff);
    }

    /// The errors as a batch; `None` if there are none.
    pub(crate) fn finish(self, time: Timestamp) -> Option<DeltaBatch> {
        if self.diffs.is_empty() {
            return None;
        }
        let columns: Vec<ArrayRef> = [self.positions, self.reasons, self.rows]
            .into_iter()
            .map(|texts| Arc::new(StringViewArray::from_iter_values(texts)) as ArrayRef)
            .collect();
        let rows = RecordBatch::try_new(error_schema(), columns).expect("columns fit the schema");
        Some(DeltaBatch::new(time, rows, Some(Int64Array::from(self.diffs))))
    }
}

/// Rows of `batch` that came too late for the windows that end at `ends` (one per row of `batch`).
pub(crate) fn late_rows(
    time: Timestamp,
    ends: &[Option<i64>],
    batch: &RecordBatch,
    diffs: impl Iterator<Item = i64>,
) -> DeltaBatch {
    let mut texts = StringViewBuilder::with_capacity(ends.len());
    for index in 0..ends.len() {
        texts.append_value(row_text(batch, index));
    }
    let at = TimestampMicrosecondArray::from(vec![time.micros(); ends.len()]).with_timezone("UTC");
    let columns: Vec<ArrayRef> = vec![
        Arc::new(TimestampMicrosecondArray::from(ends.to_vec())),
        Arc::new(at),
        Arc::new(texts.finish()),
        Arc::new(Int64Array::from_iter_values(diffs)),
    ];
    let rows = RecordBatch::try_new(late_schema(), columns).expect("columns fit the schema");
    DeltaBatch::insert(time, rows)
}

/// A row as a JSON object: numbers and booleans bare, everything else as text.
pub(crate) fn row_text(batch: &RecordBatch, index: usize) -> String {
    let options = FormatOptions::new().with_display_error(true);
    let mut text = String::from("{");
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        if text.len() > 1 {
            text.push_str(", ");
        }
        text.push_str(&quoted(field.name()));
        text.push_str(": ");
        text.push_str(&value_text(column, index, &options));
    }
    text.push('}');
    text
}

fn value_text(column: &ArrayRef, index: usize, options: &FormatOptions<'_>) -> String {
    if column.is_null(index) {
        return "null".into();
    }
    let Ok(formatter) = ArrayFormatter::try_new(column.as_ref(), options) else {
        return "null".into();
    };
    let value = formatter.value(index).to_string();
    match column.data_type() {
        DataType::Boolean => value,
        kind if kind.is_integer() || matches!(kind, DataType::Decimal128(..)) => value,
        kind if kind.is_floating() && value.parse::<f64>().is_ok_and(f64::is_finite) => value,
        _ => quoted(&value),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
