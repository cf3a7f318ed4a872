//! Copies that own their memory: what stands in contents must not keep a larger batch alive.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, GenericListArray, MutableArrayData, RecordBatch, make_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;

/// Memory may be this many times what the values need before they are copied.
const WASTE_FACTOR_MAX: usize = 2;
/// Arrays below this size are left alone: buffers are padded to 64 bytes.
const WASTE_SIZE_BYTES_MIN: usize = 256;

/// The same rows, in buffers that hold little else. Costs nothing if they already are.
pub(crate) fn owned(rows: &RecordBatch) -> RecordBatch {
    let columns = rows.columns().iter().map(own).collect();
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(rows.schema(), columns, &options)
        .expect("copies have the type and length of the originals")
}

fn own(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Utf8View => {
            let views = column.as_string_view();
            let needed = views.len() * 16 + views.total_buffer_bytes_used();
            if !is_wasteful(column, needed) {
                return Arc::clone(column);
            }
            // gc copies the text, but leaves the views alone if there is no text to copy.
            let compact: ArrayRef = Arc::new(views.gc());
            match is_wasteful(&compact, needed) {
                true => copied(&compact),
                false => compact,
            }
        }
        DataType::List(field) => {
            let list = column.as_list::<i32>();
            let offsets = list.value_offsets();
            let first = offsets[0] as usize;
            let count = offsets[list.len()] as usize - first;
            let values = own(&copied(&list.values().slice(first, count)));
            let lengths = list.offsets().lengths();
            let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
            let nulls = list.nulls().cloned();
            Arc::new(GenericListArray::new(Arc::clone(field), offsets, values, nulls))
        }
        _ => {
            let needed = column.to_data().get_slice_memory_size().unwrap_or(0);
            match is_wasteful(column, needed) {
                true => copied(column),
                false => Arc::clone(column),
            }
        }
    }
}

fn is_wasteful(column: &ArrayRef, needed: usize) -> bool {
    let held = column.get_buffer_memory_size();
    held > WASTE_SIZE_BYTES_MIN && held > needed * WASTE_FACTOR_MAX
}

fn copied(column: &ArrayRef) -> ArrayRef {
    let data = column.to_data();
    let mut copy = MutableArrayData::new(vec![&data], false, column.len());
    copy.try_extend(0, 0, column.len()).expect("offsets of the copy are no larger");
    make_array(copy.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_rows::{every_type, random_rows};

    #[test]
    fn one_row_of_a_large_batch_is_small() {
        let rows = random_rows(&mut fastrand::Rng::with_seed(3), &every_type(), 5000);
        let row = owned(&rows.slice(77, 1));
        assert_eq!(row, rows.slice(77, 1));
        let size: usize = row.columns().iter().map(|column| column.get_buffer_memory_size()).sum();
        assert!(size < 20_000, "{size}");
    }

    #[test]
    fn a_batch_of_its_own_is_not_copied() {
        let rows = random_rows(&mut fastrand::Rng::with_seed(4), &every_type(), 5000);
        let same = owned(&rows);
        let pointer = |rows: &RecordBatch| rows.column(1).to_data().buffers()[0].as_ptr();
        assert_eq!(pointer(&same), pointer(&rows));
    }
}
