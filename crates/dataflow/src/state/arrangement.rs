//! [`Arrangement`]: rows by key, as joins look them up.
//!
//! ```text
//! key number -> chain of slots       slot -> columns, weight, next and previous in its chain
//! ```
//! * A key whose columns hold NULL equals nothing; such rows are never kept.
//! * Equal rows share a slot; its weight counts them. If rows can be taken away, a table from row to
//!   slot finds them at the same cost however many rows share the key.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, UInt8Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use hashbrown::HashTable;
use kappa_types::{DeltaBatch, Timestamp};

use super::encode::RowEncoder;
use super::hash::{hash_bytes, hash_rows, virtual_node};
use super::interface::State;
use super::key_table::{ABSENT, KeyTable};
use super::slot_column::SlotColumn;

/// What is known of the rows of an arrangement.
#[derive(Clone, Debug)]
pub(crate) struct ArrangementOptions {
    /// Columns of the rows.
    pub(crate) schema: SchemaRef,
    /// The columns that are looked up.
    pub(crate) key: Vec<usize>,
    /// Whether nothing is ever taken away.
    pub(crate) append_only: bool,
}

/// Rows by key.
pub(crate) struct Arrangement {
    options: ArrangementOptions,
    keys: KeyTable,
    /// First slot of each key's chain.
    heads: Vec<u32>,
    columns: Vec<SlotColumn>,
    /// How often each slot's row is there.
    weights: Vec<i64>,
    links: Vec<Link>,
    free: Vec<u32>,
    rows: RowIndex,
    /// Whether every slot has a weight of 1.
    all_once: bool,
}

/// The place of a slot in its chain.
#[derive(Clone, Copy)]
struct Link {
    next: u32,
    previous: u32,
    key: u32,
}

/// Finds the slot of a row.
enum RowIndex {
    /// All columns are key columns, and equal keys are the same row: a key has one slot.
    Key,
    /// Not needed: every row gets a slot of its own.
    None,
    /// By the whole row.
    Rows { encoder: RowEncoder, slots: HashTable<u32>, encoded: Vec<Box<[u8]>> },
}

/// What a change did to a slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotChange {
    /// Which slot.
    pub(crate) slot: u32,
}

impl Arrangement {
    pub(crate) fn new(options: ArrangementOptions) -> Self {
        let fields = options.schema.fields();
        let key_types = options.key.iter().map(|key| fields[*key].data_type().clone()).collect();
        let columns = fields.iter().map(|field| SlotColumn::new(field.data_type())).collect();
        let is_whole_row = (0..fields.len()).all(|column| options.key.contains(&column));
        // Of the floats 0 and -0 are one key, but two rows.
        let has_floats = fields.iter().any(|field| holds_floats(field.data_type()));
        let rows = if is_whole_row && !has_floats {
            RowIndex::Key
        } else if options.append_only {
            RowIndex::None
        } else {
            let encoder = RowEncoder::of_rows(fields.iter().map(|field| field.data_type()));
            RowIndex::Rows { encoder, slots: HashTable::new(), encoded: Vec::new() }
        };
        Self {
            keys: KeyTable::new(key_types),
            options,
            heads: Vec::new(),
            columns,
            weights: Vec::new(),
            links: Vec::new(),
            free: Vec::new(),
            rows,
            all_once: true,
        }
    }

    /// Request: the number of each row's key, [`ABSENT`] where no row has it. `keys` hold no NULL.
    pub(crate) fn request(&self, keys: &[ArrayRef], row_count: usize) -> Vec<u32> {
        let mut numbers = Vec::new();
        self.keys.find(keys, row_count, &mut numbers);
        numbers
    }

    /// Appends (probe row, slot) for each row of each key, for keys as [`Arrangement::request`]
    /// numbers them.
    pub(crate) fn matches(&self, keys: &[u32], probes: &mut Vec<u32>, slots: &mut Vec<u32>) {
        for (row, key) in keys.iter().enumerate() {
            if *key == ABSENT {
                continue;
            }
            let mut slot = self.heads[*key as usize];
            while slot != ABSENT {
                probes.push(row as u32);
                slots.push(slot);
                slot = self.links[slot as usize].next;
            }
        }
    }

    /// The columns of the rows in `slots`.
    pub(crate) fn gather(&self, slots: &[u32]) -> Vec<ArrayRef> {
        self.columns.iter().map(|column| column.gather(slots)).collect()
    }

    /// How often the row in `slot` is there.
    pub(crate) fn weight(&self, slot: u32) -> i64 {
        self.weights[slot as usize]
    }

    /// Whether every row is there once.
    pub(crate) const fn all_once(&self) -> bool {
        self.all_once
    }

    /// One more than the largest slot ever given out.
    pub(crate) fn slot_capacity(&self) -> usize {
        self.links.len()
    }

    /// Apply: takes the rows in; `keys` are their key columns and hold no NULL. What happened to the
    /// slot of each row is appended to `changes`; slots whose weight falls to zero stay until
    /// [`Arrangement::release`].
    pub(crate) fn apply(
        &mut self,
        delta: &DeltaBatch,
        keys: &[ArrayRef],
        changes: &mut Vec<SlotChange>,
    ) {
        let count = delta.row_count();
        let mut numbers = Vec::new();
        self.keys.intern(keys, count, &mut numbers);
        self.heads.resize(self.keys.capacity(), ABSENT);
        let encoded = match &self.rows {
            RowIndex::Rows { encoder, .. } => Some(encoder.encode(delta.rows.columns())),
            _ => None,
        };
        let (mut new_slots, mut new_rows) = (Vec::new(), Vec::new());
        for (row, key) in numbers.iter().enumerate() {
            let found = match &self.rows {
                RowIndex::Key => Some(self.heads[*key as usize]).filter(|slot| *slot != ABSENT),
                RowIndex::None => None,
                RowIndex::Rows { slots, encoded: kept, .. } => {
                    let bytes = encoded.as_ref().expect("encoded above").row(row);
                    let bytes: &[u8] = bytes.as_ref();
                    slots.find(hash_bytes(bytes), |slot| *kept[*slot as usize] == *bytes).copied()
                }
            };
            let slot = found.unwrap_or_else(|| {
                let slot = self.make_slot(*key);
                new_slots.push(slot);
                new_rows.push(row as u32);
                slot
            });
            if let (None, RowIndex::Rows { slots, encoded: kept, .. }) = (found, &mut self.rows) {
                let bytes = encoded.as_ref().expect("encoded above").row(row);
                let bytes: &[u8] = bytes.as_ref();
                kept.resize(self.links.len(), Box::default());
                kept[slot as usize] = bytes.into();
                slots.insert_unique(hash_bytes(bytes), slot, |slot| {
                    hash_bytes(&kept[*slot as usize])
                });
            }
            let weight = &mut self.weights[slot as usize];
            *weight += delta.diff(row);
            self.all_once &= *weight == 1;
            changes.push(SlotChange { slot });
        }
        for (index, column) in self.columns.iter_mut().enumerate() {
            column.set(&new_slots, delta.rows.column(index), &new_rows);
        }
    }

    /// Frees those of the changed slots whose row is gone.
    pub(crate) fn release(&mut self, changes: &[SlotChange]) {
        for SlotChange { slot } in changes {
            let place = *slot as usize;
            if self.weights[place] != 0 || self.links[place].key == ABSENT {
                continue;
            }
            let Link { next, previous, key } = self.links[place];
            if previous == ABSENT {
                self.heads[key as usize] = next;
            } else {
                self.links[previous as usize].next = next;
            }
            if next != ABSENT {
                self.links[next as usize].previous = previous;
            }
            if self.heads[key as usize] == ABSENT {
                self.keys.remove(key);
            }
            self.links[place].key = ABSENT;
            if let RowIndex::Rows { slots, encoded, .. } = &mut self.rows {
                let bytes = std::mem::take(&mut encoded[place]);
                if let Ok(entry) = slots.find_entry(hash_bytes(&bytes), |other| other == slot) {
                    entry.remove();
                }
            }
            self.columns.iter_mut().for_each(|column| column.clear(*slot));
            self.free.push(*slot);
        }
    }

    fn make_slot(&mut self, key: u32) -> u32 {
        let next = self.heads[key as usize];
        let link = Link { next, previous: ABSENT, key };
        let slot = if let Some(slot) = self.free.pop() {
            self.links[slot as usize] = link;
            self.weights[slot as usize] = 0;
            slot
        } else {
            self.links.push(link);
            self.weights.push(0);
            self.links.len() as u32 - 1
        };
        if next != ABSENT {
            self.links[next as usize].previous = slot;
        }
        self.heads[key as usize] = slot;
        slot
    }

    /// Columns of the rows.
    pub(crate) const fn schema(&self) -> &SchemaRef {
        &self.options.schema
    }

    /// The slots that hold a row, ascending.
    pub(crate) fn used_slots(&self) -> Vec<u32> {
        (0..self.links.len() as u32)
            .filter(|slot| self.links[*slot as usize].key != ABSENT)
            .collect()
    }

    /// The key columns of rows of this arrangement.
    pub(crate) fn key_columns(&self, rows: &RecordBatch) -> Vec<ArrayRef> {
        self.options.key.iter().map(|key| Arc::clone(rows.column(*key))).collect()
    }
}

fn holds_floats(data_type: &DataType) -> bool {
    match data_type {
        DataType::Float32 | DataType::Float64 => true,
        DataType::List(field) => holds_floats(field.data_type()),
        _ => false,
    }
}

impl State for Arrangement {
    fn size_bytes(&self) -> usize {
        let rows = match &self.rows {
            RowIndex::Rows { slots, encoded, .. } => {
                let bytes: usize = encoded.iter().map(|row| row.len()).sum();
                slots.allocation_size() + encoded.capacity() * 16 + bytes
            }
            _ => 0,
        };
        self.keys.size_bytes()
            + (self.heads.capacity() + self.free.capacity()) * 4
            + self.weights.capacity() * 8
            + self.links.capacity() * size_of::<Link>()
            + self.columns.iter().map(SlotColumn::size_bytes).sum::<usize>()
            + rows
    }

    /// Columns: virtual node, the row, its weight.
    fn export(&self) -> Vec<RecordBatch> {
        let slots = self.used_slots();
        let rows = self.gather(&slots);
        let keys: Vec<ArrayRef> = self.options.key.iter().map(|k| Arc::clone(&rows[*k])).collect();
        let nodes = hash_rows(&keys, slots.len()).into_iter().map(virtual_node);
        let mut columns: Vec<ArrayRef> = vec![Arc::new(UInt8Array::from_iter_values(nodes))];
        columns.extend(rows);
        let weights = slots.iter().map(|slot| self.weights[*slot as usize]);
        columns.push(Arc::new(Int64Array::from_iter_values(weights)));
        let mut fields = vec![Arc::new(Field::new("virtual_node", DataType::UInt8, false))];
        fields.extend(self.options.schema.fields().iter().cloned());
        fields.push(Arc::new(Field::new("weight", DataType::Int64, false)));
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns);
        vec![batch.expect("columns were made for the schema")]
    }

    fn refill(&mut self, batch: &RecordBatch) {
        let last = batch.num_columns() - 1;
        let rows = batch.project(&(1..last).collect::<Vec<_>>()).expect("columns are there");
        let weights = batch.column(last).as_primitive::<Int64Type>().clone();
        let keys = self.key_columns(&rows);
        let delta = DeltaBatch::new(Timestamp::MIN, rows, Some(weights));
        self.apply(&delta, &keys, &mut Vec::new());
    }
}
