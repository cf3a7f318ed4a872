//! [`KeyTable`]: finds the number of a key. Numbers are small and dense, so that everything kept
//! per key is a plain vector.
//!
//! ```text
//! one or two columns of <= 8 bytes   the key stands in the table entry: one memory access
//! anything else                      its row encoding, found by hash
//! ```

use arrow::array::{Array, ArrayRef};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::bits::Bits;
use super::encode::RowEncoder;
use super::hash::{hash_bytes, mix};

/// Means "no such key".
pub(crate) const ABSENT: u32 = u32::MAX;

/// Bit of a NULL first or second column in [`PairKey`].
const NULL_FIRST: u32 = 1;
const NULL_SECOND: u32 = 2;

/// Keys and their numbers. NULL is a key like any other.
pub(crate) struct KeyTable {
    data_types: Vec<DataType>,
    form: Form,
    /// Numbers of removed keys, used again first.
    free: Vec<u32>,
}

enum Form {
    /// No columns: one key.
    Empty { present: bool },
    /// One column with bits.
    One(OneTable),
    /// Two columns with bits.
    Two(PairTable),
    /// Any columns.
    Wide(WideTable),
}

#[derive(Default)]
struct OneTable {
    index: HashTable<(u64, u32)>,
    /// Number of the NULL key.
    null: Option<u32>,
    /// Key of each number.
    keys: Vec<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct PairKey {
    first: u64,
    second: u64,
    /// Which of the two are NULL (their words are 0 then).
    nulls: u32,
}

impl PairKey {
    #[inline(always)]
    const fn hash(&self) -> u64 {
        mix(mix(self.first) ^ self.second ^ ((self.nulls as u64) << 62))
    }
}

#[derive(Default)]
struct PairTable {
    index: HashTable<(PairKey, u32)>,
    keys: Vec<PairKey>,
}

struct WideTable {
    encoder: RowEncoder,
    index: HashTable<u32>,
    keys: Vec<Box<[u8]>>,
    /// Bytes of all keys together.
    key_bytes: usize,
}

impl KeyTable {
    /// A table for keys of these types.
    pub(crate) fn new(data_types: Vec<DataType>) -> Self {
        let narrow = data_types.iter().all(Bits::fit);
        let form = match data_types.len() {
            0 => Form::Empty { present: false },
            1 if narrow => Form::One(OneTable::default()),
            2 if narrow => Form::Two(PairTable::default()),
            _ => Form::Wide(WideTable {
                encoder: RowEncoder::new(&data_types),
                index: HashTable::new(),
                keys: Vec::new(),
                key_bytes: 0,
            }),
        };
        Self { data_types, form, free: Vec::new() }
    }

    /// The types of the key columns.
    pub(crate) fn data_types(&self) -> &[DataType] {
        &self.data_types
    }

    /// One more than the largest number ever given out.
    pub(crate) fn capacity(&self) -> usize {
        match &self.form {
            Form::Empty { present } => usize::from(*present),
            Form::One(table) => table.keys.len(),
            Form::Two(table) => table.keys.len(),
            Form::Wide(table) => table.keys.len(),
        }
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.capacity() - self.free.len()
    }

    /// Whether there is no key.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the number of each row's key to `numbers`; keys not seen before get one.
    pub(crate) fn intern(
        &mut self,
        columns: &[ArrayRef],
        row_count: usize,
        numbers: &mut Vec<u32>,
    ) {
        numbers.reserve(row_count);
        let free = &mut self.free;
        match &mut self.form {
            Form::Empty { present } => {
                *present = true;
                numbers.resize(numbers.len() + row_count, 0);
            }
            Form::One(table) => table.intern(&columns[0], free, numbers),
            Form::Two(table) => {
                let (first, second) = pair_bits(columns);
                for index in 0..row_count {
                    let key = pair_key(columns, first.values(), second.values(), index);
                    numbers.push(table.intern(key, free));
                }
            }
            Form::Wide(table) => {
                let rows = table.encoder.encode(columns);
                numbers.extend(rows.iter().map(|row| table.intern(row.as_ref(), free)));
            }
        }
    }

    /// Appends the number of each row's key to `numbers`, [`ABSENT`] for unknown ones.
    pub(crate) fn find(&self, columns: &[ArrayRef], row_count: usize, numbers: &mut Vec<u32>) {
        numbers.reserve(row_count);
        match &self.form {
            Form::Empty { present } => {
                let number = if *present { 0 } else { ABSENT };
                numbers.resize(numbers.len() + row_count, number);
            }
            Form::One(table) => table.find(&columns[0], numbers),
            Form::Two(table) => {
                let (first, second) = pair_bits(columns);
                numbers.extend((0..row_count).map(|index| {
                    table.find(&pair_key(columns, first.values(), second.values(), index))
                }));
            }
            Form::Wide(table) => {
                let rows = table.encoder.encode(columns);
                numbers.extend(rows.iter().map(|row| table.find(row.as_ref())));
            }
        }
    }

    /// Forgets a key; its number will be given to another.
    pub(crate) fn remove(&mut self, number: u32) {
        match &mut self.form {
            Form::Empty { present } => {
                *present = false;
                return;
            }
            Form::One(table) => table.remove(number),
            Form::Two(table) => table.remove(number),
            Form::Wide(table) => table.remove(number),
        }
        self.free.push(number);
    }

    /// The key columns of these numbers.
    pub(crate) fn keys(&self, numbers: &[u32]) -> Vec<ArrayRef> {
        match &self.form {
            Form::Empty { .. } => Vec::new(),
            Form::One(table) => {
                let bits = numbers.iter().map(|n| table.keys[*n as usize]).collect();
                let nulls = table.null.and_then(|null| {
                    numbers
                        .contains(&null)
                        .then(|| numbers.iter().map(|n| *n != null).collect::<NullBuffer>())
                });
                vec![Bits::array(&self.data_types[0], bits, nulls)]
            }
            Form::Two(table) => {
                let keys = || numbers.iter().map(|n| &table.keys[*n as usize]);
                let nulls = |bit: u32| {
                    keys()
                        .any(|key| key.nulls & bit != 0)
                        .then(|| keys().map(|key| key.nulls & bit == 0).collect::<NullBuffer>())
                };
                let first = keys().map(|key| key.first).collect();
                let second = keys().map(|key| key.second).collect();
                vec![
                    Bits::array(&self.data_types[0], first, nulls(NULL_FIRST)),
                    Bits::array(&self.data_types[1], second, nulls(NULL_SECOND)),
                ]
            }
            Form::Wide(table) => {
                table.encoder.decode(numbers.iter().map(|n| table.keys[*n as usize].as_ref()))
            }
        }
    }

    /// The numbers in use, ascending.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        let mut free = vec![false; self.capacity()];
        for number in &self.free {
            free[*number as usize] = true;
        }
        (0..self.capacity() as u32).filter(|number| !free[*number as usize]).collect()
    }

    /// Bytes in memory.
    pub(crate) fn size_bytes(&self) -> usize {
        let form = match &self.form {
            Form::Empty { .. } => 0,
            Form::One(table) => table.index.allocation_size() + table.keys.capacity() * 8,
            Form::Two(table) => {
                table.index.allocation_size() + table.keys.capacity() * size_of::<PairKey>()
            }
            Form::Wide(table) => {
                table.index.allocation_size()
                    + table.keys.capacity() * size_of::<Box<[u8]>>()
                    + table.key_bytes
            }
        };
        form + self.free.capacity() * 4
    }

    /// Drops the part that only makes finding fast. Keys keep their numbers; [`KeyTable::warm`]
    /// must be called before the next key is looked for.
    pub(crate) fn cool(&mut self) {
        match &mut self.form {
            Form::Empty { .. } => {}
            Form::One(table) => {
                table.index = HashTable::new();
                table.keys.shrink_to_fit();
            }
            Form::Two(table) => {
                table.index = HashTable::new();
                table.keys.shrink_to_fit();
            }
            Form::Wide(table) => {
                table.index = HashTable::new();
                table.keys.shrink_to_fit();
            }
        }
    }

    /// Makes again what [`KeyTable::cool`] dropped.
    pub(crate) fn warm(&mut self) {
        let numbers = self.numbers();
        match &mut self.form {
            Form::Empty { .. } => {}
            Form::One(table) => {
                table.index.reserve(numbers.len(), |entry| mix(entry.0));
                for number in numbers.into_iter().filter(|number| Some(*number) != table.null) {
                    let key = table.keys[number as usize];
                    table.index.insert_unique(mix(key), (key, number), |entry| mix(entry.0));
                }
            }
            Form::Two(table) => {
                for number in numbers {
                    let key = table.keys[number as usize];
                    table.index.insert_unique(key.hash(), (key, number), |entry| entry.0.hash());
                }
            }
            Form::Wide(table) => {
                let keys = &table.keys;
                for number in numbers {
                    let hash = hash_bytes(&keys[number as usize]);
                    table.index.insert_unique(hash, number, |n| hash_bytes(&keys[*n as usize]));
                }
            }
        }
    }
}

impl OneTable {
    fn intern(&mut self, column: &ArrayRef, free: &mut Vec<u32>, numbers: &mut Vec<u32>) {
        let bits = Bits::of(column).expect("the key's type has bits");
        if column.null_count() == 0 {
            numbers.extend(bits.values().iter().map(|key| self.intern_one(*key, free)));
            return;
        }
        for (index, key) in bits.values().iter().enumerate() {
            let number = if column.is_valid(index) {
                self.intern_one(*key, free)
            } else {
                let keys = &mut self.keys;
                *self.null.get_or_insert_with(|| take_number(keys, free, 0))
            };
            numbers.push(number);
        }
    }

    #[inline(always)]
    fn intern_one(&mut self, key: u64, free: &mut Vec<u32>) -> u32 {
        match self.index.entry(mix(key), |entry| entry.0 == key, |entry| mix(entry.0)) {
            Entry::Occupied(entry) => entry.get().1,
            Entry::Vacant(entry) => {
                let number = take_number(&mut self.keys, free, key);
                entry.insert((key, number));
                number
            }
        }
    }

    fn find(&self, column: &ArrayRef, numbers: &mut Vec<u32>) {
        let bits = Bits::of(column).expect("the key's type has bits");
        let find = |key: u64| {
            self.index.find(mix(key), |entry| entry.0 == key).map_or(ABSENT, |entry| entry.1)
        };
        if column.null_count() == 0 {
            numbers.extend(bits.values().iter().map(|key| find(*key)));
        } else {
            numbers.extend(bits.values().iter().enumerate().map(|(index, key)| {
                if column.is_valid(index) { find(*key) } else { self.null.unwrap_or(ABSENT) }
            }));
        }
    }

    fn remove(&mut self, number: u32) {
        if self.null == Some(number) {
            self.null = None;
            return;
        }
        let key = self.keys[number as usize];
        if let Ok(entry) = self.index.find_entry(mix(key), |entry| entry.1 == number) {
            entry.remove();
        }
    }
}

impl PairTable {
    #[inline(always)]
    fn intern(&mut self, key: PairKey, free: &mut Vec<u32>) -> u32 {
        match self.index.entry(key.hash(), |entry| entry.0 == key, |entry| entry.0.hash()) {
            Entry::Occupied(entry) => entry.get().1,
            Entry::Vacant(entry) => {
                let number = take_number(&mut self.keys, free, key);
                entry.insert((key, number));
                number
            }
        }
    }

    #[inline(always)]
    fn find(&self, key: &PairKey) -> u32 {
        self.index.find(key.hash(), |entry| entry.0 == *key).map_or(ABSENT, |entry| entry.1)
    }

    fn remove(&mut self, number: u32) {
        let hash = self.keys[number as usize].hash();
        if let Ok(entry) = self.index.find_entry(hash, |entry| entry.1 == number) {
            entry.remove();
        }
    }
}

impl WideTable {
    fn intern(&mut self, key: &[u8], free: &mut Vec<u32>) -> u32 {
        let keys = &self.keys;
        let same = |number: &u32| *keys[*number as usize] == *key;
        let hash_of = |number: &u32| hash_bytes(&keys[*number as usize]);
        match self.index.entry(hash_bytes(key), same, hash_of) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let number = free.pop().unwrap_or(keys.len() as u32);
                entry.insert(number);
                if number as usize == self.keys.len() {
                    self.keys.push(key.into());
                } else {
                    self.keys[number as usize] = key.into();
                }
                self.key_bytes += key.len();
                number
            }
        }
    }

    fn find(&self, key: &[u8]) -> u32 {
        let same = |number: &u32| *self.keys[*number as usize] == *key;
        self.index.find(hash_bytes(key), same).map_or(ABSENT, |number| *number)
    }

    fn remove(&mut self, number: u32) {
        let key = std::mem::take(&mut self.keys[number as usize]);
        self.key_bytes -= key.len();
        if let Ok(entry) = self.index.find_entry(hash_bytes(&key), |n| *n == number) {
            entry.remove();
        }
    }
}

/// A free number, or the next one; `keys` has `key` there afterwards.
#[inline(always)]
fn take_number<K>(keys: &mut Vec<K>, free: &mut Vec<u32>, key: K) -> u32 {
    if let Some(number) = free.pop() {
        keys[number as usize] = key;
        return number;
    }
    keys.push(key);
    let number = keys.len() as u32 - 1;
    assert!(number != ABSENT, "fewer than 2^32 - 1 keys in one table");
    number
}

fn pair_bits(columns: &[ArrayRef]) -> (Bits<'_>, Bits<'_>) {
    let bits = |column| Bits::of(column).expect("the key's type has bits");
    (bits(&columns[0]), bits(&columns[1]))
}

#[inline(always)]
fn pair_key(columns: &[ArrayRef], first: &[u64], second: &[u64], index: usize) -> PairKey {
    let mut key = PairKey { first: first[index], second: second[index], nulls: 0 };
    if columns[0].null_count() > 0 && columns[0].is_null(index) {
        (key.first, key.nulls) = (0, key.nulls | NULL_FIRST);
    }
    if columns[1].null_count() > 0 && columns[1].is_null(index) {
        (key.second, key.nulls) = (0, key.nulls | NULL_SECOND);
    }
    key
}
