//! [`Directory`]: the chunks of a shard by number, their order, and the slots of their rows.

use std::sync::Arc;

use arrow::array::ArrayRef;
use kappa_types::Timestamp;

use super::chunk::Chunk;
use super::slots::{Place, Slot, Slots};
use crate::error::{Broken, Error};
use crate::row::{Selection, same_rows};

/// A chunk as its writer sees it.
#[derive(Debug)]
pub(super) struct Entry {
    /// What readers see.
    pub(super) chunk: Arc<Chunk>,
    /// The slot of each row; present if the shard has slots.
    slots: Option<Vec<Slot>>,
    /// [`Chunk::ended_count`] when compaction last looked at it.
    pub(super) visited_ended_count: usize,
}

/// All chunks of a shard.
///
/// * `order` has the number of each chunk once, oldest rows first.
/// * A slot in a chunk's list has that row as its place, and the other way round.
#[derive(Debug, Default)]
pub(super) struct Directory {
    entries: Vec<Option<Entry>>,
    empty: Vec<u16>,
    order: Vec<u16>,
    slots: Option<Slots>,
    /// How many chunks, from the first of the order, are where they were at the last
    /// [`Directory::take_unchanged_count`].
    unchanged_count: usize,
}

/// Which slots the rows of a new chunk get.
pub(super) enum NewSlots<'a> {
    /// New ones if the shard has slots.
    Add,
    /// These, which had rows until now; one per row.
    Keep(&'a [Slot]),
}

impl Directory {
    /// The chunks, oldest rows first.
    pub(super) fn order(&self) -> &[u16] {
        &self.order
    }

    /// The entry of chunk `number`.
    pub(super) fn entry(&self, number: u16) -> &Entry {
        self.entries[usize::from(number)].as_ref().expect("numbers in the order have chunks")
    }

    /// The entry of chunk `number`, to change it.
    pub(super) fn entry_mut(&mut self, number: u16) -> &mut Entry {
        self.entries[usize::from(number)].as_mut().expect("numbers in the order have chunks")
    }

    /// The chunks in order.
    pub(super) fn chunks(&self) -> impl Iterator<Item = &Arc<Chunk>> {
        self.order.iter().map(|number| &self.entry(*number).chunk)
    }

    /// How many chunks, from the first of the order, are the same as at the last call.
    pub(super) fn take_unchanged_count(&mut self) -> usize {
        std::mem::replace(&mut self.unchanged_count, self.order.len())
    }

    /// Gives each live row a slot, if they have none yet.
    pub(super) fn need_slots(&mut self) -> Result<(), Error> {
        if self.slots.is_some() {
            return Ok(());
        }
        let mut slots = Slots::default();
        for number in &self.order {
            let entry = self.entries[usize::from(*number)].as_mut();
            let entry = entry.expect("numbers in the order have chunks");
            let rows = (0..=u16::MAX).take(entry.chunk.row_count());
            let added = rows.map(|row| match entry.chunk.end(usize::from(row)) {
                Timestamp::MAX => slots.add(Place { chunk: *number, row }),
                _ => Ok(Slot::NONE),
            });
            entry.slots = Some(added.collect::<Result<_, _>>()?);
        }
        self.slots = Some(slots);
        Ok(())
    }

    /// The slots of the live rows.
    pub(super) fn live_slots(&self) -> impl Iterator<Item = Slot> {
        let entries = self.order.iter().map(|number| self.entry(*number));
        entries
            .filter_map(|entry| entry.slots.as_ref())
            .flatten()
            .copied()
            .filter(|slot| *slot != Slot::NONE)
    }

    /// The columns of the chunk that the row in `slot` is in, and its number there.
    pub(super) fn row(&self, slot: Slot) -> (&[ArrayRef], usize) {
        let place = self.place(slot);
        (self.entry(place.chunk).chunk.rows.columns(), usize::from(place.row))
    }

    /// Whether two slots hold the same row.
    pub(super) fn same(&self, left: Slot, right: Slot) -> bool {
        let ((left, left_row), (right, right_row)) = (self.row(left), self.row(right));
        same_rows(left, left_row, right, right_row)
    }

    fn place(&self, slot: Slot) -> Place {
        self.slots.as_ref().expect("who has a slot has slots").place(slot)
    }

    /// Ends the row in `slot`, and empties the slot unless it is `kept` for another row.
    pub(super) fn end(&mut self, slot: Slot, time: Timestamp, kept: bool) {
        let place = self.place(slot);
        let entry = self.entry_mut(place.chunk);
        entry.chunk.set_end(usize::from(place.row), time);
        let slots = entry.slots.as_mut().expect("who has a slot has slots");
        let former = std::mem::replace(&mut slots[usize::from(place.row)], Slot::NONE);
        assert_eq!(former, slot, "a retracted slot has a row");
        if !kept {
            self.slots.as_mut().expect("who has a slot has slots").remove(slot);
        }
    }

    /// Puts a chunk of new rows, all live, at the end of the order; returns their slots.
    pub(super) fn push(&mut self, chunk: Chunk, new: &NewSlots<'_>) -> Result<&[Slot], Error> {
        let number = self.number()?;
        let rows = (0..=u16::MAX).take(chunk.row_count());
        let slots = match (self.slots.as_mut(), new) {
            (None, _) => None,
            (Some(slots), NewSlots::Add) => {
                let mut added = Vec::with_capacity(chunk.row_count());
                for row in rows {
                    added.push(slots.add(Place { chunk: number, row })?);
                }
                Some(added)
            }
            (Some(slots), NewSlots::Keep(kept)) => {
                assert_eq!(kept.len(), chunk.row_count(), "one slot per row");
                for (row, slot) in rows.zip(*kept) {
                    slots.set(*slot, Place { chunk: number, row });
                }
                Some(kept.to_vec())
            }
        };
        self.put(number, chunk, slots);
        self.order.push(number);
        Ok(self.entry(number).slots.as_deref().unwrap_or_default())
    }

    /// Puts `chunks` where the first of `replaced` stands in the order, and takes all `replaced`
    /// out. Each new chunk comes with the places of its rows in `replaced`.
    pub(super) fn replace(
        &mut self,
        replaced: &[u16],
        chunks: Vec<(Chunk, Vec<Selection>)>,
    ) -> Result<(), Error> {
        let mut numbers = Vec::with_capacity(chunks.len());
        for (chunk, selections) in chunks {
            let number = self.number()?;
            let slots = self.slots.is_some().then(|| {
                let mut slots = Vec::with_capacity(chunk.row_count());
                for Selection { source, rows } in &selections {
                    let former = self.entry(replaced[*source]).slots.as_deref();
                    let former = former.expect("in a shard with slots each chunk has a list");
                    slots.extend(rows.iter().map(|row| former[usize::from(*row)]));
                }
                slots
            });
            if let (Some(places), Some(slots)) = (&mut self.slots, &slots) {
                for (row, slot) in (0..=u16::MAX).zip(slots) {
                    if *slot != Slot::NONE {
                        places.set(*slot, Place { chunk: number, row });
                    }
                }
            }
            self.put(number, chunk, slots);
            numbers.push(number);
        }
        for number in replaced {
            self.entries[usize::from(*number)] = None;
            self.empty.push(*number);
        }
        let first = self.order.iter().position(|number| *number == replaced[0]);
        let first = first.expect("replaced chunks are in the order");
        self.unchanged_count = self.unchanged_count.min(first);
        // At most 65536 numbers, and merges are rare beside appends.
        let kept = |number: &u16| self.entries[usize::from(*number)].is_some();
        let tail: Vec<u16> = self.order.split_off(first).into_iter().filter(kept).collect();
        self.order.extend(numbers);
        self.order.extend(tail);
        Ok(())
    }

    fn put(&mut self, number: u16, chunk: Chunk, slots: Option<Vec<Slot>>) {
        let entry = Entry { chunk: Arc::new(chunk), slots, visited_ended_count: 0 };
        self.entries[usize::from(number)] = Some(entry);
    }

    fn number(&mut self) -> Result<u16, Error> {
        if let Some(number) = self.empty.pop() {
            return Ok(number);
        }
        let number = u16::try_from(self.entries.len());
        let number = number.map_err(|_| Error::Broken(Broken::TooManyRows))?;
        self.entries.push(None);
        Ok(number)
    }

    /// Memory of slots.
    pub(super) fn size_bytes(&self) -> usize {
        let lists = self.order.iter().filter_map(|number| self.entry(*number).slots.as_ref());
        let lists: usize = lists.map(|slots| slots.capacity() * size_of::<Slot>()).sum();
        lists + self.slots.as_ref().map_or(0, Slots::size_bytes)
    }
}
