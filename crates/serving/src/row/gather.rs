//! [`gather`]: rows of several batches as one batch.
//!
//! Columns of fixed width are copied in one tight loop per source; others go through Arrow's
//! `interleave`.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanBufferBuilder, PrimitiveArray,
    RecordBatch, RecordBatchOptions, downcast_primitive,
};
use arrow::buffer::NullBuffer;
use arrow::compute::interleave;
use arrow::datatypes::DataType;

/// Rows of one source batch, ascending.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Position of the batch.
    pub(crate) source: usize,
    /// Which of its rows.
    pub(crate) rows: Vec<u16>,
}

/// The selected rows of `sources`, in the order of `selections`. All sources have one schema.
pub(crate) fn gather(sources: &[&RecordBatch], selections: &[Selection]) -> RecordBatch {
    let row_count = selections.iter().map(|selection| selection.rows.len()).sum();
    let schema = sources[0].schema();
    let columns = (0..sources[0].num_columns())
        .map(|column| {
            let arrays: Vec<&dyn Array> =
                sources.iter().map(|source| source.column(column).as_ref()).collect();
            gather_column(&arrays, selections, row_count)
        })
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(row_count));
    RecordBatch::try_new_with_options(schema, columns, &options)
        .expect("gathered columns have the type of their sources")
}

fn gather_column(arrays: &[&dyn Array], selections: &[Selection], row_count: usize) -> ArrayRef {
    macro_rules! primitive {
        ($name:ty) => {
            gather_primitive::<$name>(arrays, selections, row_count)
        };
    }
    let data_type = arrays[0].data_type();
    downcast_primitive! {
        data_type => (primitive),
        _ => gather_any(arrays, selections),
    }
}

fn gather_primitive<T: ArrowPrimitiveType>(
    arrays: &[&dyn Array],
    selections: &[Selection],
    row_count: usize,
) -> ArrayRef {
    let mut values: Vec<T::Native> = Vec::with_capacity(row_count);
    for Selection { source, rows } in selections {
        let from: &[T::Native] = arrays[*source].as_primitive::<T>().values();
        match rows.len() == from.len() {
            true => values.extend_from_slice(from),
            false => values.extend(rows.iter().map(|row| from[usize::from(*row)])),
        }
    }
    let nulls = gather_nulls(arrays, selections, row_count);
    let data_type: DataType = arrays[0].data_type().clone();
    Arc::new(PrimitiveArray::<T>::new(values.into(), nulls).with_data_type(data_type))
}

fn gather_nulls(
    arrays: &[&dyn Array],
    selections: &[Selection],
    row_count: usize,
) -> Option<NullBuffer> {
    if arrays.iter().all(|array| array.null_count() == 0) {
        return None;
    }
    let mut valid = BooleanBufferBuilder::new(row_count);
    for Selection { source, rows } in selections {
        match arrays[*source].nulls() {
            None => valid.append_n(rows.len(), true),
            Some(nulls) => {
                rows.iter().for_each(|row| valid.append(nulls.is_valid(usize::from(*row))));
            }
        }
    }
    Some(NullBuffer::new(valid.finish())).filter(|nulls| nulls.null_count() > 0)
}

fn gather_any(arrays: &[&dyn Array], selections: &[Selection]) -> ArrayRef {
    let places: Vec<(usize, usize)> = selections
        .iter()
        .flat_map(|selection| {
            selection.rows.iter().map(|row| (selection.source, usize::from(*row)))
        })
        .collect();
    interleave(arrays, &places).expect("sources have one type")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_rows::{every_type, random_rows};
    use arrow::compute::interleave_record_batch;

    #[test]
    fn gather_is_interleave() {
        let mut rng = fastrand::Rng::with_seed(5);
        for _ in 0..50 {
            let sources: Vec<RecordBatch> = (0..rng.usize(1..4))
                .map(|_| {
                    let count = rng.usize(1..40);
                    random_rows(&mut rng, &every_type(), count)
                })
                .collect();
            let sources: Vec<&RecordBatch> = sources.iter().collect();
            let selections: Vec<Selection> = sources
                .iter()
                .enumerate()
                .map(|(source, batch)| {
                    let all = rng.bool();
                    let rows = (0..batch.num_rows() as u16).filter(|_| all || rng.bool()).collect();
                    Selection { source, rows }
                })
                .collect();
            let places: Vec<(usize, usize)> = selections
                .iter()
                .flat_map(|part| part.rows.iter().map(|row| (part.source, usize::from(*row))))
                .collect();
            if !places.is_empty() {
                let expected = interleave_record_batch(&sources, &places).unwrap();
                assert_eq!(gather(&sources, &selections), expected);
            }
        }
    }
}
