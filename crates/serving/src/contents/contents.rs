//! [`Contents`]: rows at a time.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use kappa_types::{DeltaBatch, Timestamp};

use super::chunk::Chunk;
use super::range::Range;
use super::scan;
use super::shard::Shard;
use super::slots::Slot;
use super::{changes, chunk_index};
use crate::row;
use crate::{Error, Horizon};

/// Read at this time to see all that was applied, whether readable by others or not. While a writer
/// writes, the answer is sound only for rows that it cannot change (a table's locked keys).
pub const HEAD: Timestamp = Timestamp(u64::MAX - 1);

/// Old rows that contents keep for pinned times, bytes; then the oldest times are given up.
const HISTORY_SIZE_BYTES_MAX: usize = 64 << 20;

/// How contents are laid out.
#[derive(Clone, Debug)]
pub struct ContentsOptions {
    /// Columns of the rows.
    pub schema: SchemaRef,
    /// Positions of columns that no two rows at one time agree on.
    pub key: Option<Vec<usize>>,
    /// How many writers there are. A row is retracted in the shard that it was added to.
    pub shard_count: usize,
    /// Old rows that are kept for pinned times, bytes.
    pub history_size_bytes_max: usize,
}

impl ContentsOptions {
    /// Without a key, with the usual limit.
    #[must_use]
    pub fn new(schema: &SchemaRef, shard_count: usize) -> Self {
        Self {
            schema: Arc::clone(schema),
            key: None,
            shard_count,
            history_size_bytes_max: HISTORY_SIZE_BYTES_MAX,
        }
    }
}

/// A multiset of rows that changes with time.
///
/// * Each shard has one writer, which applies changes in the order of time.
/// * A row is in at most one chunk; it is visible at T if `begin <= T < end`.
/// * NULL is NULL and NaN is NaN; as keys -0 is 0, as rows they are two.
///
/// Readers wait for a writer for microseconds, and writers for readers as long; a writer merges
/// outside that lock.
#[derive(Debug)]
pub struct Contents {
    options: ContentsOptions,
    shards: Vec<Shard>,
    horizon: Arc<Horizon>,
}

impl Contents {
    /// Empty contents.
    #[must_use]
    pub fn new(options: ContentsOptions, horizon: Arc<Horizon>) -> Self {
        let history_size_bytes_max = options.history_size_bytes_max / options.shard_count.max(1);
        let shards = (0..options.shard_count.max(1))
            .map(|_| Shard::new(&options.schema, options.key.as_deref(), history_size_bytes_max))
            .collect();
        Self { options, shards, horizon }
    }

    /// Columns of the rows.
    #[must_use]
    pub const fn schema(&self) -> &SchemaRef {
        &self.options.schema
    }

    /// Positions of columns that no two rows at one time agree on.
    #[must_use]
    pub fn key(&self) -> Option<&[usize]> {
        self.options.key.as_deref()
    }

    /// How many writers there are.
    #[must_use]
    pub const fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// Applies all changes of one time to a shard, however many batches they come in. A row may be
    /// added in one batch and taken away in another; only the sum counts. Times never fall.
    ///
    /// A second row with a key is found out once the shard has an index.
    ///
    /// The first retraction makes an index of the shard's rows (about 16 bytes per row from then on).
    ///
    /// # Errors
    /// [`Error::Broken`]; the contents are then undefined and must be dropped.
    ///
    /// # Panics
    /// If the batches are of more than one time.
    pub fn apply(&self, shard: usize, batches: &[DeltaBatch]) -> Result<(), Error> {
        self.shards[shard].write().apply(batches, self.horizon.times())
    }

    /// Adds rows; pushes the slot of each to `slots` if given. A writer that keeps slots retracts
    /// without any index (8 bytes per row instead).
    ///
    /// # Errors
    /// As [`Contents::apply`]. Unique keys are not checked.
    pub fn append(
        &self,
        shard: usize,
        time: Timestamp,
        rows: &RecordBatch,
        slots: Option<&mut Vec<Slot>>,
    ) -> Result<(), Error> {
        self.shards[shard].write().append(time, rows, slots, self.horizon.times())
    }

    /// Row `i` of `rows` takes the place of the row in `slots[i]`, and its slot.
    ///
    /// # Errors
    /// As [`Contents::apply`].
    ///
    /// # Panics
    /// If a slot is empty, or there are not as many slots as rows.
    pub fn update(
        &self,
        shard: usize,
        time: Timestamp,
        slots: &[Slot],
        rows: &RecordBatch,
    ) -> Result<(), Error> {
        self.shards[shard].write().update(time, slots, rows, self.horizon.times())
    }

    /// Takes the rows in `slots` away. The slots are given out again.
    ///
    /// # Errors
    /// As [`Contents::apply`].
    ///
    /// # Panics
    /// If a slot is empty.
    pub fn retract(&self, shard: usize, time: Timestamp, slots: &[Slot]) -> Result<(), Error> {
        self.shards[shard].write().retract(time, slots, self.horizon.times())
    }

    /// All rows at a time, in no order, `projection` of the columns. Chunks that have no row within
    /// all `ranges` are left out; others come whole, so the caller still filters.
    ///
    /// # Errors
    /// [`Error::TooOld`]; not for a time that is pinned.
    pub fn scan(
        &self,
        at: Timestamp,
        projection: Option<&[usize]>,
        ranges: &[Range],
    ) -> Result<Vec<RecordBatch>, Error> {
        let mut batches = Vec::new();
        for shard in &self.shards {
            for chunk in shard.chunks(at)? {
                if ranges.iter().all(|range| range.touches(&chunk)) {
                    batches.extend(scan::visible(&chunk, at, projection));
                }
            }
        }
        Ok(batches)
    }

    /// The rows whose key is one of `keys` (one array per key column, of its type), in no order.
    /// The first lookup that meets a chunk indexes it (about 4 bytes per row from then on).
    ///
    /// # Errors
    /// [`Error::TooOld`].
    ///
    /// # Panics
    /// If the contents have no key or `keys` are of other types.
    pub fn lookup(&self, at: Timestamp, keys: &[ArrayRef]) -> Result<RecordBatch, Error> {
        let key = self.key().expect("only contents with a key are looked up");
        let hashes = row::hash_rows(keys, keys.first().map_or(0, |column| column.len()));
        let positions = key.iter().zip(keys);
        let ranges: Vec<Range> =
            positions.filter_map(|(column, keys)| Range::around(*column, keys)).collect();
        let mut found = Vec::new();
        for shard in &self.shards {
            for chunk in shard.chunks(at)? {
                if !ranges.iter().all(|range| range.touches(&chunk)) {
                    continue;
                }
                found.extend(chunk_index::lookup(&chunk, at, key, keys, &hashes));
            }
        }
        Ok(concat_batches(self.schema(), &found).expect("all chunks have the schema"))
    }

    /// How many rows there are at a time.
    ///
    /// # Errors
    /// [`Error::TooOld`].
    pub fn row_count(&self, at: Timestamp) -> Result<usize, Error> {
        let mut count = 0;
        for shard in &self.shards {
            let chunks = shard.chunks(at)?;
            count += chunks.iter().map(|chunk| chunk.visible_count(at)).sum::<usize>();
        }
        Ok(count)
    }

    /// Memory that rows, old rows and indexes take, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(Shard::bytes).sum()
    }

    /// Memory of the rows that readers see, bytes. Does not wait for whoever writes.
    #[must_use]
    pub fn chunk_bytes(&self) -> usize {
        self.shards.iter().map(Shard::chunk_bytes).sum()
    }

    /// What changed after `after` up to and including `until`: for each time, ascending, one batch.
    ///
    /// # Errors
    /// [`Error::TooOld`] if `after` is not pinned.
    pub fn changes(&self, after: Timestamp, until: Timestamp) -> Result<Vec<DeltaBatch>, Error> {
        Ok(changes::by_time(&self.all_chunks(after)?, self.schema(), after, until))
    }

    /// As [`Contents::changes`], as one batch at `until`: rows that came and went in between are not
    /// in it.
    ///
    /// # Errors
    /// [`Error::TooOld`] if `after` is not pinned.
    pub fn changes_net(
        &self,
        after: Timestamp,
        until: Timestamp,
    ) -> Result<Option<DeltaBatch>, Error> {
        Ok(changes::net(&self.all_chunks(after)?, self.schema(), after, until))
    }

    /// Forgets what only times before `before` show, and makes chunks compact. Writers do this as
    /// they go; this is for a view that nothing is written to any more.
    ///
    /// # Errors
    /// [`Error::Broken`] with [`crate::Broken::TooManyRows`].
    pub fn compact(&self, before: Timestamp) -> Result<(), Error> {
        let oldest = before.min(self.horizon.oldest());
        self.shards.iter().try_for_each(|shard| shard.write().compact(oldest))
    }

    fn all_chunks(&self, at: Timestamp) -> Result<Vec<Arc<Chunk>>, Error> {
        let mut chunks = Vec::new();
        for shard in &self.shards {
            chunks.extend(shard.chunks(at)?);
        }
        Ok(chunks)
    }
}
