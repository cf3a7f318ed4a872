//! [`ChunkIndex`]: finds rows of one chunk by key, for readers.
//!
//! The one idea: the rows of a chunk never change, so the index is made once, by the first lookup that
//! meets the chunk, and needs no lock; retracted rows stay in it and are passed over by their times.
//! Rows with one hash, such as the former states of a row that changes often, are a list.
//! Price: about 6 bytes per row, and one probe per chunk and lookup.

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use kappa_types::Timestamp;

use super::chunk::Chunk;
use crate::row::{equal_keys, hash_row, hash_rows};

/// Row numbers of a chunk by the hash of their key.
#[derive(Debug)]
pub(super) struct ChunkIndex {
    /// The last row of each hash.
    last: HashTable<u16>,
    /// The row before each row in the list of its hash; the row itself where the list ends.
    before: Box<[u16]>,
}

impl ChunkIndex {
    fn new(chunk: &Chunk, key_columns: &[ArrayRef]) -> Self {
        let hashes = hash_rows(key_columns, chunk.row_count());
        let hash_of = |row: &u16| hashes[usize::from(*row)];
        let mut last = HashTable::with_capacity(chunk.row_count());
        let insert = |row: u16| {
            let hash = hash_of(&row);
            match last.entry(hash, |other| hash_of(other) == hash, hash_of) {
                Entry::Occupied(mut entry) => std::mem::replace(entry.get_mut(), row),
                Entry::Vacant(entry) => {
                    entry.insert(row);
                    row
                }
            }
        };
        let before = (0..=u16::MAX).take(chunk.row_count()).map(insert).collect();
        Self { last, before }
    }

    /// The rows for which `hash_of` gives `hash`, last first.
    fn rows(&self, hash: u64, hash_of: impl Fn(u16) -> u64) -> impl Iterator<Item = u16> {
        let last = self.last.find(hash, |row| hash_of(*row) == hash).copied();
        std::iter::successors(last, |row| {
            Some(self.before[usize::from(*row)]).filter(|before| before != row)
        })
    }

    /// Memory of the index.
    pub(super) fn size_bytes(&self) -> usize {
        self.last.allocation_size() + self.before.len() * size_of::<u16>()
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
    let index = chunk.index.get_or_init(|| ChunkIndex::new(chunk, &columns));
    let hash_of = |row: u16| hash_row(chunk.rows.columns(), key, usize::from(row));
    let mut found = Vec::new();
    for (wanted, hash) in hashes.iter().enumerate() {
        let equal = index.rows(*hash, hash_of).map(usize::from).filter(|row| {
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
