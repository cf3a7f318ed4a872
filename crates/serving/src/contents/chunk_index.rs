//! [`ChunkIndex`]: finds rows of one chunk by key, for readers.
//!
//! The one idea: the rows of a chunk never change, so the index is made once, by the first lookup that
//! meets the chunk, and needs no lock; retracted rows stay in it and are passed over by their times.
//! Price: about 4 bytes per row, and one probe per chunk and lookup.

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use hashbrown::HashTable;
use kappa_types::Timestamp;

use super::chunk::Chunk;
use crate::row::{equal_keys, hash_row, hash_rows};

/// Row numbers of a chunk by the hash of their key.
#[derive(Debug)]
pub(super) struct ChunkIndex(HashTable<u16>);

impl ChunkIndex {
    fn new(chunk: &Chunk, key: &[usize], key_columns: &[ArrayRef]) -> Self {
        let columns = chunk.rows.columns();
        let mut rows = HashTable::with_capacity(chunk.row_count());
        for (row, hash) in (0..=u16::MAX).zip(hash_rows(key_columns, chunk.row_count())) {
            rows.insert_unique(hash, row, |row| hash_row(columns, key, usize::from(*row)));
        }
        Self(rows)
    }

    /// Memory of the index.
    pub(super) fn size_bytes(&self) -> usize {
        self.0.allocation_size()
    }
}

/// The rows of `chunk` that are there at `at` and whose `key` columns equal a row of `keys`; `None`
/// if there are none.
pub(super) fn lookup(
    chunk: &Chunk,
    at: Timestamp,
    key: &[usize],
    keys: &[ArrayRef],
    hashes: &[u64],
) -> Option<RecordBatch> {
    let begun_count = chunk.begun_count(at);
    if begun_count == 0 {
        return None;
    }
    let columns: Vec<ArrayRef> =
        key.iter().map(|column| chunk.rows.column(*column).clone()).collect();
    let ChunkIndex(rows) = chunk.index.get_or_init(|| ChunkIndex::new(chunk, key, &columns));
    let mut found = Vec::new();
    for (wanted, hash) in hashes.iter().enumerate() {
        let equal = rows.iter_hash(*hash).map(|row| usize::from(*row)).filter(|row| {
            *row < begun_count && chunk.end(*row) > at && equal_keys(&columns, *row, keys, wanted)
        });
        found.extend(equal.map(|row| u32::try_from(row).expect("at most 65536")));
    }
    if found.is_empty() {
        return None;
    }
    found.sort_unstable();
    found.dedup();
    let found = UInt32Array::from(found);
    Some(take_record_batch(&chunk.rows, &found).expect("found rows are in the chunk"))
}
