//! [`Writer`]: turns changes into chunks and ends.
//!
//! ```text
//! apply    retract what is found -> cancel the rest against what is added -> append -> publish
//! ```
//! Rows are retracted before others are added, so that an update of a keyed row never has two rows
//! with the key; what is not found cancels an equal added row, since only the sum of a time's changes
//! counts.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::SchemaRef;
use kappa_types::{DeltaBatch, Timestamp};
use parking_lot::Mutex;

use super::chunk::{CHUNK_ROW_COUNT_MAX, Chunk};
use super::directory::{Directory, NewSlots};
use super::history::History;
use super::index::Index;
use super::shard::Published;
use super::slots::Slot;
use crate::error::{Broken, Error};
use crate::horizon::ReadableTimes;
use crate::row::{equal_keys, hash_row, hash_rows, owned, same_rows};

/// The writing side of a shard.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) schema: SchemaRef,
    /// The columns by which rows are found: those of the key, or all.
    identity: Vec<usize>,
    /// Whether `identity` is unique.
    keyed: bool,
    pub(super) directory: Directory,
    index: Option<Index>,
    pub(super) history: History,
    last_time: Timestamp,
    /// Where compaction looks next, as a position in the order.
    pub(super) cursor: usize,
    published: Arc<Mutex<Published>>,
}

/// Rows to be taken away, and where they stand.
struct Retractions {
    rows: RecordBatch,
    hashes: Vec<u64>,
}

impl Writer {
    pub(super) fn new(
        schema: &SchemaRef,
        key: Option<&[usize]>,
        history_size_bytes_max: usize,
        published: Arc<Mutex<Published>>,
    ) -> Self {
        let identity = key.map_or_else(|| (0..schema.fields().len()).collect(), <[usize]>::to_vec);
        Self {
            schema: Arc::clone(schema),
            identity,
            keyed: key.is_some(),
            directory: Directory::default(),
            index: None,
            history: History::new(history_size_bytes_max),
            last_time: Timestamp::MIN,
            cursor: 0,
            published,
        }
    }

    /// See [`super::Contents::apply`].
    pub(super) fn apply(
        &mut self,
        batches: &[DeltaBatch],
        times: ReadableTimes,
    ) -> Result<(), Error> {
        let Some(first) = batches.first() else { return Ok(()) };
        let time = first.time;
        assert!(batches.iter().all(|batch| batch.time == time), "changes of one time");
        for batch in batches {
            self.check(time, &batch.rows)?;
        }
        let retracted = self.gather(batches, -1)?;
        let added = self.gather(batches, 1)?;
        let missed = match retracted {
            None => None,
            Some(rows) => {
                self.need_index()?;
                let hashes = self.hashes(&rows);
                self.retract_rows(time, Retractions { rows, hashes })
            }
        };
        let added = match (added, missed) {
            (added, None) => added,
            (Some(added), Some(missed)) => Some(self.cancelled(&added, &missed)?),
            (None, Some(_)) => return Err(Error::Broken(Broken::RetractedAbsent)),
        };
        if let Some(rows) = added {
            self.add(time, &rows, &NewSlots::Add, None)?;
        }
        self.finish(time, times)
    }

    /// See [`super::Contents::append`].
    pub(super) fn append(
        &mut self,
        time: Timestamp,
        rows: &RecordBatch,
        slots: Option<&mut Vec<Slot>>,
        times: ReadableTimes,
    ) -> Result<(), Error> {
        self.check(time, rows)?;
        if slots.is_some() {
            self.directory.need_slots()?;
        }
        self.add(time, rows, &NewSlots::Add, slots)?;
        self.finish(time, times)
    }

    /// See [`super::Contents::update`].
    pub(super) fn update(
        &mut self,
        time: Timestamp,
        slots: &[Slot],
        rows: &RecordBatch,
        times: ReadableTimes,
    ) -> Result<(), Error> {
        assert_eq!(slots.len(), rows.num_rows(), "one slot per row");
        self.check(time, rows)?;
        self.end_slots(time, slots, true);
        self.add(time, rows, &NewSlots::Keep(slots), None)?;
        self.finish(time, times)
    }

    /// See [`super::Contents::retract`].
    pub(super) fn retract(
        &mut self,
        time: Timestamp,
        slots: &[Slot],
        times: ReadableTimes,
    ) -> Result<(), Error> {
        self.check_time(time)?;
        self.end_slots(time, slots, false);
        self.finish(time, times)
    }

    fn check_time(&self, time: Timestamp) -> Result<(), Error> {
        match time < self.last_time {
            true => Err(Error::Broken(Broken::TimeWentBack)),
            false => Ok(()),
        }
    }

    fn check(&self, time: Timestamp, rows: &RecordBatch) -> Result<(), Error> {
        self.check_time(time)?;
        let fields = self.schema.fields();
        let same = fields.len() == rows.num_columns()
            && fields
                .iter()
                .zip(rows.columns())
                .all(|(field, column)| field.data_type() == column.data_type());
        match same {
            true => Ok(()),
            false => Err(Error::Broken(Broken::Schema)),
        }
    }

    /// The rows of `batches` whose diff has the sign of `sign`, each as often as the diff says.
    fn gather(&self, batches: &[DeltaBatch], sign: i64) -> Result<Option<RecordBatch>, Error> {
        let mut parts = Vec::new();
        for batch in batches {
            let Some(diffs) = &batch.diffs else {
                if sign > 0 && batch.row_count() > 0 {
                    parts.push(batch.rows.clone());
                }
                continue;
            };
            let total: i64 = diffs.values().iter().map(|diff| (diff * sign).max(0)).sum();
            let total = u32::try_from(total).map_err(|_| Error::Broken(Broken::TooManyRows))?;
            if total == 0 {
                continue;
            }
            let mut taken = Vec::with_capacity(total as usize);
            for (row, diff) in (0_u32..).zip(diffs.values()) {
                (0..diff * sign).for_each(|_| taken.push(row));
            }
            let taken = UInt32Array::from(taken);
            let rows = take_record_batch(&batch.rows, &taken).expect("rows of the batch");
            parts.push(rows);
        }
        Ok(match parts.len() {
            0 => None,
            1 => parts.pop(),
            _ => Some(concat_batches(&self.schema, &parts).expect("the types were checked")),
        })
    }

    fn hashes(&self, rows: &RecordBatch) -> Vec<u64> {
        let columns: Vec<ArrayRef> =
            self.identity.iter().map(|column| rows.column(*column).clone()).collect();
        hash_rows(&columns, rows.num_rows())
    }

    /// Makes the index if there is none yet.
    fn need_index(&mut self) -> Result<(), Error> {
        if self.index.is_some() {
            return Ok(());
        }
        self.directory.need_slots()?;
        let mut index = Index::default();
        let hash_of = |slot| {
            let (columns, row) = self.directory.row(slot);
            hash_row(columns, &self.identity, row)
        };
        for slot in self.directory.live_slots() {
            index.insert(hash_of(slot), slot, |other| self.directory.same(slot, other), hash_of);
        }
        self.index = Some(index);
        Ok(())
    }

    /// Retracts each row that is there; returns those that are not.
    fn retract_rows(&mut self, time: Timestamp, retractions: Retractions) -> Option<Retractions> {
        let Retractions { rows, hashes } = retractions;
        let index = self.index.as_mut().expect("retractions by content make the index first");
        let mut missed = Vec::new();
        for (row, hash) in hashes.iter().enumerate() {
            let found = index.remove(*hash, |slot| {
                let (columns, other) = self.directory.row(slot);
                same_rows(columns, other, rows.columns(), row)
            });
            match found {
                Some(slot) => self.directory.end(slot, time, false),
                None => missed.push(u32::try_from(row).expect("gather counts in 32 bits")),
            }
        }
        self.history.ended(time, rows.num_rows() - missed.len());
        if missed.is_empty() {
            return None;
        }
        let hashes = missed.iter().map(|row| hashes[*row as usize]).collect();
        let rows = take_record_batch(&rows, &UInt32Array::from(missed));
        Some(Retractions { rows: rows.expect("rows of the batch"), hashes })
    }

    /// The added rows without those that are taken away at the same time: a row may come and go
    /// within one time, and its successor may have the same key.
    fn cancelled(&self, added: &RecordBatch, missed: &Retractions) -> Result<RecordBatch, Error> {
        let mut by_hash: HashMap<u64, Vec<usize>> = HashMap::new();
        for (row, hash) in self.hashes(added).into_iter().enumerate() {
            by_hash.entry(hash).or_default().push(row);
        }
        let mut kept = vec![true; added.num_rows()];
        for (row, hash) in missed.hashes.iter().enumerate() {
            let candidates = by_hash.get_mut(hash);
            let equal =
                |other: &usize| same_rows(added.columns(), *other, missed.rows.columns(), row);
            let found = candidates.and_then(|rows| {
                let place = rows.iter().position(equal)?;
                Some(rows.swap_remove(place))
            });
            let Some(found) = found else { return Err(Error::Broken(Broken::RetractedAbsent)) };
            kept[found] = false;
        }
        let kept: BooleanArray = kept.into_iter().map(Some).collect();
        Ok(filter_record_batch(added, &kept).expect("one bit per row"))
    }

    fn end_slots(&mut self, time: Timestamp, slots: &[Slot], kept: bool) {
        for slot in slots {
            if let Some(index) = &mut self.index {
                let (columns, row) = self.directory.row(*slot);
                let hash = hash_row(columns, &self.identity, row);
                assert!(index.remove_slot(hash, *slot), "a live row is in the index");
            }
            self.directory.end(*slot, time, kept);
        }
        self.history.ended(time, slots.len());
    }

    /// Appends rows as chunks, and puts them into the index if there is one.
    fn add(
        &mut self,
        time: Timestamp,
        rows: &RecordBatch,
        new: &NewSlots<'_>,
        mut given: Option<&mut Vec<Slot>>,
    ) -> Result<(), Error> {
        let mut first = 0;
        while first < rows.num_rows() {
            let count = (rows.num_rows() - first).min(CHUNK_ROW_COUNT_MAX);
            let part = owned(&rows.slice(first, count));
            let hashes = self.index.is_some().then(|| self.hashes(&part));
            let chunk = Chunk::fresh(part, time);
            let new = match new {
                NewSlots::Add => NewSlots::Add,
                NewSlots::Keep(slots) => NewSlots::Keep(&slots[first..first + count]),
            };
            let slots = self.directory.push(chunk, &new)?;
            if let Some(given) = &mut given {
                given.extend_from_slice(slots);
            }
            if let Some(hashes) = hashes {
                let slots = slots.to_vec();
                self.insert(&slots, &hashes)?;
            }
            first += count;
        }
        Ok(())
    }

    fn insert(&mut self, slots: &[Slot], hashes: &[u64]) -> Result<(), Error> {
        let Self { index: Some(index), directory, identity, keyed, .. } = self else {
            return Ok(());
        };
        for (slot, hash) in slots.iter().zip(hashes) {
            let (columns, row) = directory.row(*slot);
            let has_its_key = |other: Slot| {
                let (others, other_row) = directory.row(other);
                identity.iter().all(|column| {
                    let column = *column..*column + 1;
                    equal_keys(&columns[column.clone()], row, &others[column], other_row)
                })
            };
            let hash_of = |slot| {
                let (columns, row) = directory.row(slot);
                hash_row(columns, identity, row)
            };
            if !*keyed {
                index.insert(*hash, *slot, |other| directory.same(*slot, other), hash_of);
            } else if !index.insert_unless(*hash, *slot, has_its_key, hash_of) {
                return Err(Error::Broken(Broken::DuplicateKey));
            }
        }
        Ok(())
    }

    fn finish(&mut self, time: Timestamp, times: ReadableTimes) -> Result<(), Error> {
        self.last_time = time;
        self.history.advance(times, self.row_size_bytes());
        self.maintain()?;
        self.publish();
        Ok(())
    }

    /// See [`super::Contents::compact`].
    pub(super) fn compact(&mut self, oldest: Timestamp) -> Result<(), Error> {
        let times = ReadableTimes { oldest, boundary: oldest };
        self.history.advance(times, self.row_size_bytes());
        self.compact_all()?;
        self.publish();
        Ok(())
    }

    fn publish(&mut self) {
        let kept = self.directory.take_unchanged_count();
        let mut published = self.published.lock();
        published.oldest = self.history.oldest();
        published.chunks.truncate(kept);
        let first = published.chunks.len();
        published.chunks.extend(self.directory.chunks().skip(first).cloned());
    }

    /// About how large a row is: from the oldest chunk, or the newest if there it is less (a chunk of
    /// one row is mostly overhead, which a merge does away with).
    fn row_size_bytes(&self) -> usize {
        let order = self.directory.order();
        let sizes = [order.first(), order.last()].into_iter().flatten().map(|number| {
            let chunk = &self.directory.entry(*number).chunk;
            chunk.size_bytes() / chunk.row_count()
        });
        sizes.min().unwrap_or(1)
    }

    /// Memory beside that of chunks.
    pub(super) fn size_bytes(&self) -> usize {
        self.directory.size_bytes() + self.index.as_ref().map_or(0, Index::size_bytes)
    }
}
