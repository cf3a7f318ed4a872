//! [`Index`]: finds the live rows of a shard by content, for its writer.
//!
//! ```text
//! table: hash -> slot of the newest of equal rows -> older -> older
//! ```
//! Holds slots only; hashes and keys are recomputed from the rows. Price: 6 to 12 bytes per live row,
//! and 8 more once two rows are equal. Equal rows stand in a list and not in the table, which would be
//! searched from end to end for each of them. It is split so that growing moves a small part of it at
//! a time.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::slots::Slot;

/// How many tables the index is split into; a power of two.
const TABLE_COUNT: usize = 64;
/// The bits of a hash that choose the table: below the seven that a table compares first, above
/// those that it orders by, even at 2^32 rows.
const TABLE_SHIFT: u32 = 50;

/// Slots by hash.
#[derive(Debug)]
pub(super) struct Index {
    tables: Box<[HashTable<Slot>]>,
    /// The neighbours of each slot in the list of its equals; made when two rows are equal.
    links: Vec<Link>,
}

/// Neighbours in a list of equal rows; [`Slot::NONE`] where it ends.
#[derive(Clone, Copy, Debug)]
struct Link {
    newer: Slot,
    older: Slot,
}

impl Link {
    const NONE: Self = Self { newer: Slot::NONE, older: Slot::NONE };
}

impl Default for Index {
    fn default() -> Self {
        let tables = (0..TABLE_COUNT).map(|_| HashTable::new()).collect();
        Self { tables, links: Vec::new() }
    }
}

impl Index {
    /// Takes out one slot with this hash for which `same` holds; it holds for all rows equal to one
    /// for which it does.
    pub(super) fn remove(&mut self, hash: u64, same: impl Fn(Slot) -> bool) -> Option<Slot> {
        let table = &mut self.tables[table_of(hash)];
        let mut entry = table.find_entry(hash, |slot| same(*slot)).ok()?;
        let slot = *entry.get();
        match self.links.get(slot.0 as usize).map_or(Slot::NONE, |link| link.older) {
            Slot::NONE => {
                entry.remove();
            }
            older => {
                *entry.get_mut() = older;
                self.links[older.0 as usize].newer = Slot::NONE;
                self.links[slot.0 as usize] = Link::NONE;
            }
        }
        Some(slot)
    }

    /// Takes out `slot`, whose row has this hash; whether it was there.
    pub(super) fn remove_slot(&mut self, hash: u64, slot: Slot) -> bool {
        let link = self.links.get(slot.0 as usize).copied().unwrap_or(Link::NONE);
        if link.newer == Slot::NONE {
            return self.remove(hash, |other| other == slot).is_some();
        }
        self.links[link.newer.0 as usize].older = link.older;
        if link.older != Slot::NONE {
            self.links[link.older.0 as usize].newer = link.newer;
        }
        self.links[slot.0 as usize] = Link::NONE;
        true
    }

    /// As [`Index::insert`], unless there is a slot with this hash for which `same` holds.
    pub(super) fn insert_unless(
        &mut self,
        hash: u64,
        slot: Slot,
        same: impl Fn(Slot) -> bool,
        hash_of: impl Fn(Slot) -> u64,
    ) -> bool {
        let table = &mut self.tables[table_of(hash)];
        match table.entry(hash, |slot| same(*slot), |slot| hash_of(*slot)) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(slot);
                true
            }
        }
    }

    /// Puts a slot in; `same` tells which others have an equal row. `hash_of` is asked for the hashes
    /// of others when the table grows.
    pub(super) fn insert(
        &mut self,
        hash: u64,
        slot: Slot,
        same: impl Fn(Slot) -> bool,
        hash_of: impl Fn(Slot) -> u64,
    ) {
        let table = &mut self.tables[table_of(hash)];
        match table.entry(hash, |slot| same(*slot), |slot| hash_of(*slot)) {
            Entry::Occupied(mut entry) => {
                let older = std::mem::replace(entry.get_mut(), slot);
                let count = older.0.max(slot.0) as usize + 1;
                if count > self.links.len() {
                    self.links.resize(count, Link::NONE);
                }
                self.links[slot.0 as usize] = Link { newer: Slot::NONE, older };
                self.links[older.0 as usize].newer = slot;
            }
            Entry::Vacant(vacant) => {
                vacant.insert(slot);
            }
        }
    }

    /// Memory.
    pub(super) fn size_bytes(&self) -> usize {
        let tables: usize = self.tables.iter().map(HashTable::allocation_size).sum();
        tables + self.links.capacity() * size_of::<Link>()
    }
}

const fn table_of(hash: u64) -> usize {
    (hash >> TABLE_SHIFT) as usize % TABLE_COUNT
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows are numbers, and a slot holds row `slot / 10`.
    fn row(slot: Slot) -> u64 {
        u64::from(slot.0 / 10)
    }

    #[test]
    fn equal_rows_come_and_go_one_by_one() {
        for seed in 0..50 {
            let mut random = fastrand::Rng::with_seed(seed);
            let (mut index, mut there) = (Index::default(), Vec::new());
            for _ in 0..400 {
                let slot = Slot(random.u32(..60));
                let hash = row(slot) << TABLE_SHIFT;
                let same = |other: Slot| row(other) == row(slot);
                let place = there.iter().position(|other| *other == slot);
                match (place, random.u8(..3)) {
                    (None, 0) => {
                        let removed = index.remove(hash, same);
                        assert_eq!(removed.is_some(), there.iter().any(|other| same(*other)));
                        there.retain(|other| Some(*other) != removed);
                    }
                    (None, _) => {
                        index.insert(hash, slot, same, |other| row(other) << TABLE_SHIFT);
                        there.push(slot);
                    }
                    (Some(place), 0) => {
                        assert!(index.remove_slot(hash, slot));
                        there.swap_remove(place);
                    }
                    (Some(_), _) => {}
                }
            }
            for slot in there {
                assert!(index.remove_slot(row(slot) << TABLE_SHIFT, slot), "seed {seed}");
            }
            assert!(index.tables.iter().all(HashTable::is_empty), "seed {seed}");
        }
    }
}
