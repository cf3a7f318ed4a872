//! Rows with the places they have in the log: `_time` and `_seq`.
//!
//! ```text
//! source   its history, each row with its place
//! table    its history:  +a @1  +b @1  -a @2  +c @2   ->   b @1, c @2
//! ```
//! The one idea: the log knows where each row was committed; what takes a row away takes the oldest
//! of the rows that are equal to it. Rows that the transaction has added itself have no place yet.
//!
//! Price: a table is made from its whole history, once per statement that names these columns.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, TimestampMicrosecondArray, UInt64Array, new_null_array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::OwnedRow;
use kappa_catalog::Relation;
use kappa_log::{HistoryBatch, Log, Scan};
use kappa_types::{DeltaBatch, SqlError, SqlType, Timestamp};

use crate::session::error::{arrow_error, log_error};
use crate::session::write::multiset::Encoder;

/// Rows of a batch of history.
const BATCH_ROW_COUNT_MAX: usize = 8_192;

/// `_time` of each row.
pub(super) fn times_of(batch: &HistoryBatch) -> ArrayRef {
    let micros = batch.times.values().iter().map(|time| Timestamp(*time).micros());
    let times = TimestampMicrosecondArray::from_iter_values(micros);
    Arc::new(times.with_data_type(SqlType::Timestamptz.arrow()))
}

/// `_seq` of each row.
pub(super) fn seqs_of(batch: &HistoryBatch) -> ArrayRef {
    Arc::new(batch.seqs.unary::<_, arrow::datatypes::Int64Type>(u64::cast_signed))
}

/// Rows that have no place yet.
pub(super) fn without_place(
    schema: &SchemaRef,
    rows: &RecordBatch,
) -> Result<RecordBatch, ArrowError> {
    let hidden = schema.fields()[rows.num_columns()..].iter();
    let nulls = hidden.map(|field| new_null_array(field.data_type(), rows.num_rows()));
    let columns = rows.columns().iter().cloned().chain(nulls);
    RecordBatch::try_new(Arc::clone(schema), columns.collect())
}

/// The rows of a table at a time, and what the transaction has changed of it, with their places.
///
/// # Errors
/// If the log cannot be read.
pub(super) fn table_rows(
    log: &Log,
    relation: &Relation,
    until: Timestamp,
    schema: &SchemaRef,
    own: &[DeltaBatch],
) -> Result<Vec<RecordBatch>, SqlError> {
    let scan = Scan::whole(relation.id, &relation.schema, until, BATCH_ROW_COUNT_MAX);
    let mut current = Current::new(&relation.schema.arrow()).map_err(arrow_error)?;
    for part in log.scan(&scan).map_err(log_error)? {
        for batch in part.open().map_err(log_error)? {
            let batch = batch.map_err(log_error)?;
            let hidden = [times_of(&batch), seqs_of(&batch)];
            let columns = batch.rows.columns().iter().cloned().chain(hidden);
            let placed =
                RecordBatch::try_new(Arc::clone(schema), columns.collect()).map_err(arrow_error)?;
            current.change(&batch.rows, placed, batch.diffs.as_ref()).map_err(arrow_error)?;
        }
    }
    for delta in own {
        let placed = without_place(schema, &delta.rows).map_err(arrow_error)?;
        current.change(&delta.rows, placed, delta.diffs.as_ref()).map_err(arrow_error)?;
    }
    current.rows().map_err(arrow_error)
}

/// The rows that are there after some changes.
struct Current {
    encoder: Encoder,
    /// Rows as they came, those that take away included …
    batches: Vec<RecordBatch>,
    /// … and how often each of them is there.
    counts: Vec<Vec<usize>>,
    /// Where rows that are there stand, by value, oldest first: batch, row.
    places: HashMap<OwnedRow, VecDeque<(usize, usize)>>,
}

impl Current {
    fn new(schema: &SchemaRef) -> Result<Self, ArrowError> {
        let encoder = Encoder::of_rows(schema)?;
        Ok(Self { encoder, batches: Vec::new(), counts: Vec::new(), places: HashMap::new() })
    }

    fn change(
        &mut self,
        rows: &RecordBatch,
        placed: RecordBatch,
        diffs: Option<&Int64Array>,
    ) -> Result<(), ArrowError> {
        let encoded = self.encoder.encode(rows)?;
        let batch = self.batches.len();
        let mut counts = vec![0; rows.num_rows()];
        let mut removed = Vec::new();
        for (index, row) in encoded.iter().enumerate() {
            let diff = diffs.map_or(1, |diffs| diffs.value(index));
            let places = self.places.entry(row.owned()).or_default();
            let count = usize::try_from(diff.unsigned_abs()).unwrap_or(usize::MAX);
            if diff > 0 {
                counts[index] = count;
                places.extend(std::iter::repeat_n((batch, index), count));
            } else {
                removed.extend(places.drain(..places.len().min(count)));
            }
        }
        self.batches.push(placed);
        self.counts.push(counts);
        for (batch, index) in removed {
            self.counts[batch][index] -= 1;
        }
        Ok(())
    }

    fn rows(self) -> Result<Vec<RecordBatch>, ArrowError> {
        let there = self.batches.iter().zip(self.counts).map(|(batch, counts)| {
            let indices = (0_u64..).zip(counts);
            let indices = indices.flat_map(|(index, count)| std::iter::repeat_n(index, count));
            take_record_batch(batch, &UInt64Array::from_iter_values(indices))
        });
        there.collect()
    }
}

/// The columns that a scan wants, of a batch of history whose rows have those below `visible`.
pub(super) fn wanted(batch: &HistoryBatch, projection: &[usize], visible: usize) -> Vec<ArrayRef> {
    let mut rows = batch.rows.columns().iter();
    let columns = projection.iter().filter_map(|index| match index.checked_sub(visible) {
        None => rows.next().cloned(),
        Some(0) => Some(times_of(batch)),
        Some(_) => Some(seqs_of(batch)),
    });
    columns.collect()
}
