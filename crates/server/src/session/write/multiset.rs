//! Rows as a multiset: what a transaction sees of a table is its contents plus its own changes.
//!
//! The one idea: rows are compared by Arrow's row encoding of all their columns, with NULL as NULL and
//! every NaN as the same NaN. As keys -0 is 0, as in `=` and GROUP BY; as rows they are two, as in the
//! contents that the changes go to.
//!
//! Price: one encoded copy of each row while it is compared.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::compute::{filter_record_batch, unary};
use arrow::datatypes::{DataType, Float32Type, Float64Type, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{OwnedRow, RowConverter, SortField};
use kappa_types::DeltaBatch;

/// `base` after `changes`, as batches without diffs.
///
/// # Errors
/// If a column type has no row encoding.
pub(crate) fn after_changes(
    schema: &SchemaRef,
    base: Vec<RecordBatch>,
    changes: &[DeltaBatch],
) -> Result<Vec<RecordBatch>, ArrowError> {
    if changes.iter().all(|change| change.diffs.is_none()) {
        let added = changes.iter().map(|change| change.rows.clone());
        return Ok(base.into_iter().chain(added).collect());
    }
    let encoder = Encoder::of_rows(schema)?;
    let mut net: HashMap<OwnedRow, i64> = HashMap::new();
    for change in changes {
        let rows = encoder.encode(&change.rows)?;
        for (index, row) in rows.iter().enumerate() {
            *net.entry(row.owned()).or_default() += change.diff(index);
        }
    }
    let mut result = Vec::with_capacity(base.len() + changes.len());
    for batch in base {
        result.push(without_removed(&encoder, &batch, &mut net)?);
    }
    for change in changes {
        result.push(added(&encoder, &change.rows, &mut net)?);
    }
    result.retain(|batch| batch.num_rows() > 0);
    Ok(result)
}

/// The rows of `batch` that are not taken away; each taken away is used up.
fn without_removed(
    encoder: &Encoder,
    batch: &RecordBatch,
    net: &mut HashMap<OwnedRow, i64>,
) -> Result<RecordBatch, ArrowError> {
    let rows = encoder.encode(batch)?;
    let kept = rows.iter().map(|row| match net.get_mut(&row.owned()) {
        Some(diff) if *diff < 0 => {
            *diff += 1;
            Some(false)
        }
        _ => Some(true),
    });
    filter_record_batch(batch, &kept.collect::<BooleanArray>())
}

/// The rows of `batch` that are added on balance; each added is used up.
fn added(
    encoder: &Encoder,
    batch: &RecordBatch,
    net: &mut HashMap<OwnedRow, i64>,
) -> Result<RecordBatch, ArrowError> {
    let rows = encoder.encode(batch)?;
    let kept = rows.iter().map(|row| match net.get_mut(&row.owned()) {
        Some(diff) if *diff > 0 => {
            *diff -= 1;
            Some(true)
        }
        _ => Some(false),
    });
    filter_record_batch(batch, &kept.collect::<BooleanArray>())
}

/// Whether every row of `rows` is in `base`, as often as it is in `rows`.
///
/// # Errors
/// If a column type has no row encoding.
pub(crate) fn contains(
    schema: &SchemaRef,
    base: &[RecordBatch],
    rows: &RecordBatch,
) -> Result<bool, ArrowError> {
    let encoder = Encoder::of_rows(schema)?;
    let mut missing: HashMap<OwnedRow, i64> = HashMap::new();
    for row in &encoder.encode(rows)? {
        *missing.entry(row.owned()).or_default() += 1;
    }
    for batch in base {
        for row in &encoder.encode(batch)? {
            if let Some(count) = missing.get_mut(&row.owned()) {
                *count -= 1;
            }
        }
    }
    Ok(missing.values().all(|count| *count <= 0))
}

/// For each row of `rows`, in order, whether it is in `base` once more than the equal rows before it.
///
/// # Errors
/// If a column type has no row encoding.
pub(crate) fn present(
    schema: &SchemaRef,
    base: &[RecordBatch],
    rows: &RecordBatch,
) -> Result<BooleanArray, ArrowError> {
    let encoder = Encoder::of_rows(schema)?;
    let mut left: HashMap<OwnedRow, usize> = HashMap::new();
    for batch in base {
        for row in &encoder.encode(batch)? {
            *left.entry(row.owned()).or_default() += 1;
        }
    }
    let rows = encoder.encode(rows)?;
    let present = rows.iter().map(|row| match left.get_mut(&row.owned()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            Some(true)
        }
        _ => Some(false),
    });
    Ok(present.collect())
}

/// One batch that takes `old` away and adds `new`.
///
/// # Errors
/// If the schemas differ.
pub(crate) fn replacement(
    old: &RecordBatch,
    new: &RecordBatch,
) -> Result<(RecordBatch, Int64Array), ArrowError> {
    let rows = arrow::compute::concat_batches(&old.schema(), [old, new])?;
    let diffs =
        std::iter::repeat_n(-1, old.num_rows()).chain(std::iter::repeat_n(1, new.num_rows()));
    Ok((rows, Int64Array::from_iter_values(diffs)))
}

/// Encodes whole rows, or rows of key columns, so that equal ones have equal bytes.
pub(crate) struct Encoder {
    converter: RowConverter,
    /// Whether -0 becomes 0.
    one_zero: bool,
}

impl Encoder {
    /// For rows of `schema`.
    pub(crate) fn of_rows(schema: &SchemaRef) -> Result<Self, ArrowError> {
        let fields =
            schema.fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
        Ok(Self { converter: RowConverter::new(fields)?, one_zero: false })
    }

    /// For keys of `schema`.
    pub(crate) fn of_keys(schema: &SchemaRef) -> Result<Self, ArrowError> {
        Ok(Self { one_zero: true, ..Self::of_rows(schema)? })
    }

    pub(crate) fn encode(&self, batch: &RecordBatch) -> Result<arrow::row::Rows, ArrowError> {
        let columns: Vec<_> =
            batch.columns().iter().map(|column| normalized(column, self.one_zero)).collect();
        self.converter.convert_columns(&columns)
    }
}

/// Floats with one NaN, and if asked for one zero; anything else as it is.
fn normalized(column: &ArrayRef, one_zero: bool) -> ArrayRef {
    // Adding 0 makes 0 of -0, adding -0 changes nothing.
    match column.data_type() {
        DataType::Float32 => {
            let zero = if one_zero { 0.0 } else { -0.0 };
            let values = column.as_primitive::<Float32Type>();
            let one = |value: f32| if value.is_nan() { f32::NAN } else { value + zero };
            Arc::new(unary::<_, _, Float32Type>(values, one))
        }
        DataType::Float64 => {
            let zero = if one_zero { 0.0 } else { -0.0 };
            let values = column.as_primitive::<Float64Type>();
            let one = |value: f64| if value.is_nan() { f64::NAN } else { value + zero };
            Arc::new(unary::<_, _, Float64Type>(values, one))
        }
        _ => Arc::clone(column),
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Field, Schema};
    use kappa_types::{SqlType, Timestamp};

    use super::*;

    fn batch(values: &[f64]) -> RecordBatch {
        let schema = Schema::new(vec![Field::new("x", SqlType::Double.arrow(), true)]);
        let column = arrow::array::Float64Array::from(values.to_vec());
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(column)]).unwrap()
    }

    fn values(batches: &[RecordBatch]) -> Vec<f64> {
        let columns = batches.iter().map(|batch| batch.column(0).as_primitive::<Float64Type>());
        columns.flat_map(|column| column.values().to_vec()).collect()
    }

    #[test]
    fn a_row_is_taken_away_once_per_diff() {
        let change = DeltaBatch::new(
            Timestamp::MIN,
            batch(&[1.0, 5.0, 2.0]),
            Some(Int64Array::from(vec![-1, 1, -1])),
        );
        let base = batch(&[1.0, 1.0, 2.0, 3.0]);
        let after = after_changes(&base.schema(), vec![base], &[change]).unwrap();
        assert_eq!(values(&after), [1.0, 3.0, 5.0]);
    }

    #[test]
    fn what_a_transaction_added_it_can_take_away() {
        let added = DeltaBatch::insert(Timestamp::MIN, batch(&[7.0]));
        let removed =
            DeltaBatch::new(Timestamp::MIN, batch(&[7.0]), Some(Int64Array::from(vec![-1])));
        let schema = added.rows.schema();
        assert!(after_changes(&schema, Vec::new(), &[added, removed]).unwrap().is_empty());
    }

    #[test]
    fn nans_are_one_row_and_zeros_two() {
        let base = batch(&[-0.0, f64::NAN]);
        let schema = base.schema();
        let has = |rows| contains(&schema, std::slice::from_ref(&base), &rows).unwrap();
        assert!(has(batch(&[-0.0, -f64::NAN])));
        assert!(!has(batch(&[0.0])));
    }
}
