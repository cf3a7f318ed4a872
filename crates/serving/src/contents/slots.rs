//! [`Slots`]: where each live row is, under a number that stays through merges.
//!
//! ```text
//! slot  ->  place = chunk number << 16 | row
//! ```
//! Price: 4 bytes per live row here, and 4 per row in the chunk's list of slots, by which a merge
//! finds the places to change. Contents that nothing was ever retracted from have neither.

use crate::error::{Broken, Error};

/// Names a live row of a shard until it is retracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);

impl Slot {
    /// In a chunk's list: the row has no slot.
    pub(super) const NONE: Self = Self(u32::MAX);
}

/// A chunk number and a row in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) chunk: u16,
    pub(super) row: u16,
}

impl Place {
    const fn pack(self) -> u32 {
        ((self.chunk as u32) << 16) | self.row as u32
    }

    const fn unpack(packed: u32) -> Self {
        Self { chunk: (packed >> 16) as u16, row: packed as u16 }
    }
}

/// Places by slot. An empty slot holds the next empty one instead.
#[derive(Debug)]
pub(super) struct Slots {
    places: Vec<u32>,
    next_empty: u32,
}

impl Default for Slots {
    fn default() -> Self {
        Self { places: Vec::new(), next_empty: Slot::NONE.0 }
    }
}

impl Slots {
    /// A slot for the row at `place`.
    pub(super) fn add(&mut self, place: Place) -> Result<Slot, Error> {
        if self.next_empty != Slot::NONE.0 {
            let slot = Slot(self.next_empty);
            let entry = &mut self.places[slot.0 as usize];
            self.next_empty = *entry;
            *entry = place.pack();
            return Ok(slot);
        }
        let slot = u32::try_from(self.places.len()).ok().filter(|slot| *slot != Slot::NONE.0);
        let slot = Slot(slot.ok_or(Error::Broken(Broken::TooManyRows))?);
        self.places.push(place.pack());
        Ok(slot)
    }

    /// Empties a slot.
    pub(super) fn remove(&mut self, slot: Slot) {
        self.places[slot.0 as usize] = self.next_empty;
        self.next_empty = slot.0;
    }

    /// Where the row is.
    pub(super) fn place(&self, slot: Slot) -> Place {
        Place::unpack(self.places[slot.0 as usize])
    }

    /// The row is somewhere else now.
    pub(super) fn set(&mut self, slot: Slot, place: Place) {
        self.places[slot.0 as usize] = place.pack();
    }

    /// Memory.
    pub(super) const fn size_bytes(&self) -> usize {
        self.places.capacity() * size_of::<u32>()
    }
}
