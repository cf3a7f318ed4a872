//! The rows of a chunk that are there at a time.

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use kappa_types::Timestamp;

use super::chunk::Chunk;

/// `projection` of the rows of `chunk` that are there at `at`; `None` if there are none. Copies
/// nothing if all of them are.
pub(super) fn visible(
    chunk: &Chunk,
    at: Timestamp,
    projection: Option<&[usize]>,
) -> Option<RecordBatch> {
    let begun_count = chunk.begun_count(at);
    if begun_count == 0 {
        return None;
    }
    let rows = match projection {
        None => chunk.rows.clone(),
        Some(columns) => chunk.rows.project(columns).expect("the projection names columns"),
    };
    let rows = rows.slice(0, begun_count);
    match chunk.unended(at) {
        None => Some(rows),
        Some(there) if there.count_set_bits() == 0 => None,
        Some(there) => {
            let mask = BooleanArray::new(there, None);
            Some(filter_record_batch(&rows, &mask).expect("the mask has the length of the rows"))
        }
    }
}
