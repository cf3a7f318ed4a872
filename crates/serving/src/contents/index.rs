//! [`Index`]: finds the live rows of a shard by content, for its writer.
//!
//! Holds slots only; hashes and keys are recomputed from the rows. Price: 6 to 12 bytes per live row.
//! It is split so that growing moves a small part of it at a time.

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
}

impl Default for Index {
    fn default() -> Self {
        Self { tables: (0..TABLE_COUNT).map(|_| HashTable::new()).collect() }
    }
}

impl Index {
    fn table(&mut self, hash: u64) -> &mut HashTable<Slot> {
        &mut self.tables[(hash >> TABLE_SHIFT) as usize % TABLE_COUNT]
    }

    /// Takes out one slot with this hash for which `wanted` holds.
    pub(super) fn remove(&mut self, hash: u64, wanted: impl Fn(Slot) -> bool) -> Option<Slot> {
        let entry = self.table(hash).find_entry(hash, |slot| wanted(*slot)).ok()?;
        Some(entry.remove().0)
    }

    /// As [`Index::insert`], unless there is a slot with this hash for which `same` holds.
    pub(super) fn insert_unless(
        &mut self,
        hash: u64,
        slot: Slot,
        same: impl Fn(Slot) -> bool,
        hash_of: impl Fn(Slot) -> u64,
    ) -> bool {
        match self.table(hash).entry(hash, |slot| same(*slot), |slot| hash_of(*slot)) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(slot);
                true
            }
        }
    }

    /// Puts a slot in. `hash_of` is asked for the hashes of others when the table grows.
    pub(super) fn insert(&mut self, hash: u64, slot: Slot, hash_of: impl Fn(Slot) -> u64) {
        self.table(hash).insert_unique(hash, slot, |slot| hash_of(*slot));
    }

    /// Memory.
    pub(super) fn size_bytes(&self) -> usize {
        self.tables.iter().map(HashTable::allocation_size).sum()
    }
}
