//! [`DeltaBatch`]: a set of changes at one time, the only form in which data moves between layers.

use arrow::array::{Array, BooleanArray, Int64Array, UInt32Array, cast::AsArray};
use arrow::compute::{concat_batches, filter, filter_record_batch, take, take_record_batch};
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::Timestamp;

/// Rows with multiplicities, all at one time.
///
/// * `diffs` absent means every row is `+1` (the append-only fast path, nothing allocated).
/// * `diffs` present has as many values as `rows` has rows, none null.
/// * An update is a `-1` of the old and a `+1` of the new row at the same time. Order within a batch
///   has no meaning.
#[derive(Clone, Debug)]
pub struct DeltaBatch {
    /// When the change happens.
    pub time: Timestamp,
    /// The rows that change.
    pub rows: RecordBatch,
    /// How often each row is added (positive) or taken away (negative).
    pub diffs: Option<Int64Array>,
}

impl DeltaBatch {
    /// Rows that are all added once.
    #[must_use]
    pub const fn insert(time: Timestamp, rows: RecordBatch) -> Self {
        Self { time, rows, diffs: None }
    }

    /// Rows with their multiplicities.
    ///
    /// # Panics
    /// If the lengths differ or a multiplicity is null: both are broken invariants of the caller.
    #[must_use]
    pub fn new(time: Timestamp, rows: RecordBatch, diffs: Option<Int64Array>) -> Self {
        if let Some(diffs) = &diffs {
            assert_eq!(diffs.len(), rows.num_rows(), "one diff per row");
            assert_eq!(diffs.null_count(), 0, "diffs are never null");
        }
        Self { time, rows, diffs }
    }

    /// How many rows the batch lists (not the sum of diffs).
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.rows.num_rows()
    }

    /// Whether the batch changes nothing by construction.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.num_rows() == 0
    }

    /// The multiplicity of row `index`.
    #[must_use]
    pub fn diff(&self, index: usize) -> i64 {
        self.diffs.as_ref().map_or(1, |diffs| diffs.value(index))
    }

    /// The rows at `indices`, with their diffs.
    ///
    /// # Errors
    /// If an index is out of range.
    pub fn take(&self, indices: &UInt32Array) -> Result<Self, ArrowError> {
        let diffs = match &self.diffs {
            Some(diffs) => Some(take(diffs, indices, None)?.as_primitive::<Int64Type>().clone()),
            None => None,
        };
        Ok(Self { time: self.time, rows: take_record_batch(&self.rows, indices)?, diffs })
    }

    /// The rows where `mask` is true, with their diffs.
    ///
    /// # Errors
    /// If the mask has another length.
    pub fn filter(&self, mask: &BooleanArray) -> Result<Self, ArrowError> {
        let diffs = match &self.diffs {
            Some(diffs) => Some(filter(diffs, mask)?.as_primitive::<Int64Type>().clone()),
            None => None,
        };
        Ok(Self { time: self.time, rows: filter_record_batch(&self.rows, mask)?, diffs })
    }

    /// All `batches` as one at `time`; the result has diffs if any of them has.
    ///
    /// # Errors
    /// If the schemas differ.
    pub fn concat(time: Timestamp, batches: &[Self]) -> Result<Option<Self>, ArrowError> {
        let Some(first) = batches.first() else { return Ok(None) };
        let rows = concat_batches(&first.rows.schema(), batches.iter().map(|batch| &batch.rows))?;
        let diffs = batches.iter().any(|batch| batch.diffs.is_some()).then(|| {
            let values = batches.iter().flat_map(|batch| {
                (0..batch.row_count()).map(|index| batch.diff(index)).collect::<Vec<_>>()
            });
            Int64Array::from_iter_values(values)
        });
        Ok(Some(Self { time, rows, diffs }))
    }
}
