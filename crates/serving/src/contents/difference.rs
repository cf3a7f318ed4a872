//! The exact difference of two contents, for the flip of a REBUILD.
//!
//! ```text
//! rows of both -> hash -> partitions -> for each: match rows of `new` with rows of `old`
//!                                       unmatched new +1, unmatched old -1
//! ```
//! Price: 8 bytes per row of both for the hashes, about 24 per row of one partition.

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::compute::interleave_record_batch;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use kappa_types::{DeltaBatch, Timestamp};

use super::contents::Contents;
use crate::Error;
use crate::row::{hash_rows, same_rows};

/// Rows of a partition, about; bounds the memory of a table.
const PARTITION_ROW_COUNT: usize = 1 << 20;
/// Most rows of a batch that is put out.
const BATCH_ROW_COUNT_MAX: usize = 1 << 16;

/// The rows of one side.
struct Side {
    batches: Vec<RecordBatch>,
    hashes: Vec<Vec<u64>>,
}

impl Side {
    fn new(batches: Vec<RecordBatch>) -> Self {
        let hashes =
            batches.iter().map(|batch| hash_rows(batch.columns(), batch.num_rows())).collect();
        Self { batches, hashes }
    }

    fn row_count(&self) -> usize {
        self.hashes.iter().map(Vec::len).sum()
    }

    fn columns(&self, batch: usize) -> &[ArrayRef] {
        self.batches[batch].columns()
    }

    /// The rows of a partition as (batch, row), with their hashes.
    fn rows(&self, partition: Partition) -> impl Iterator<Item = ((usize, usize), u64)> {
        self.hashes.iter().enumerate().flat_map(move |(batch, hashes)| {
            let rows = hashes.iter().enumerate();
            let rows = rows.filter(move |(_, hash)| partition.has(**hash));
            rows.map(move |(row, hash)| ((batch, row), *hash))
        })
    }
}

/// One of `count` parts of all hashes.
#[derive(Clone, Copy)]
struct Partition {
    index: u64,
    count: u64,
}

impl Partition {
    const fn has(self, hash: u64) -> bool {
        // The middle bits: a table uses the lowest and the highest.
        (hash >> 24) % self.count == self.index
    }
}

/// What turns `old` at `old_at` into `new` at `new_at`, as batches at `new_at`; no row is in it with
/// both signs. Rows that are equal but not identical (-0 and 0) are taken as unchanged.
///
/// # Errors
/// [`Error::TooOld`] if a time is not readable.
///
/// # Panics
/// If the schemas differ in types.
pub fn difference(
    old: &Contents,
    old_at: Timestamp,
    new: &Contents,
    new_at: Timestamp,
) -> Result<Vec<DeltaBatch>, Error> {
    let old = Side::new(old.scan(old_at, None, &[])?);
    let new_side = Side::new(new.scan(new_at, None, &[])?);
    let count = (old.row_count() / PARTITION_ROW_COUNT + 1) as u64;
    let mut gone = Vec::new();
    let mut come = Vec::new();
    for index in 0..count {
        compare(&old, &new_side, Partition { index, count }, &mut gone, &mut come);
    }
    let mut batches = Vec::new();
    for (side, rows, diff) in [(&old, gone, -1), (&new_side, come, 1)] {
        let parts: Vec<&RecordBatch> = side.batches.iter().collect();
        for rows in rows.chunks(BATCH_ROW_COUNT_MAX) {
            let rows = interleave_record_batch(&parts, rows).expect("batches of one view");
            // Column names may differ after a REBUILD; types may not.
            let rows = RecordBatch::try_new(new.schema().clone(), rows.columns().to_vec())
                .expect("old and new rows have the same types");
            let diffs = Int64Array::from(vec![diff; rows.num_rows()]);
            batches.push(DeltaBatch::new(new_at, rows, Some(diffs)));
        }
    }
    Ok(batches)
}

fn compare(
    old: &Side,
    new: &Side,
    partition: Partition,
    gone: &mut Vec<(usize, usize)>,
    come: &mut Vec<(usize, usize)>,
) {
    // Equal rows are a list: each with the number of the next, itself at the end.
    let mut waiting: Vec<((usize, usize), usize)> = Vec::new();
    // The first of each list, and the hash of them all.
    let mut firsts: HashTable<(usize, u64)> = HashTable::new();
    for (place, hash) in old.rows(partition) {
        let number = waiting.len();
        let equal = |(first, other): &(usize, u64)| {
            let (batch, row) = waiting[*first].0;
            *other == hash && same_rows(old.columns(batch), row, old.columns(place.0), place.1)
        };
        let next = match firsts.entry(hash, equal, |entry| entry.1) {
            Entry::Occupied(mut entry) => std::mem::replace(&mut entry.get_mut().0, number),
            Entry::Vacant(entry) => {
                entry.insert((number, hash));
                number
            }
        };
        waiting.push((place, next));
    }
    for (place, hash) in new.rows(partition) {
        let found = firsts.find_entry(hash, |(first, other)| {
            let (batch, row) = waiting[*first].0;
            *other == hash && same_rows(old.columns(batch), row, new.columns(place.0), place.1)
        });
        match found {
            Ok(mut entry) => match waiting[entry.get().0].1 {
                next if next == entry.get().0 => {
                    entry.remove();
                }
                next => entry.get_mut().0 = next,
            },
            Err(_) => come.push(place),
        }
    }
    let first = gone.len();
    for (mut number, _) in firsts {
        loop {
            let (place, next) = waiting[number];
            gone.push(place);
            if next == number {
                break;
            }
            number = next;
        }
    }
    gone[first..].sort_unstable();
}
