//! [`SlotColumn`]: one column of rows that come and go, each in a numbered slot.
//!
//! ```text
//! up to 8 bytes    words: [ 17 | 4 | ... ]
//! text             one boxed value per slot
//! anything else    the same, in arrow's row encoding
//! ```
//! Values are copied in, so that a row kept here never holds on to the batch it came in.

use arrow::array::{Array, ArrayRef, AsArray, StringViewBuilder};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use std::sync::Arc;

use super::bits::Bits;
use super::encode::RowEncoder;

/// Values by slot.
pub(super) struct SlotColumn {
    data_type: DataType,
    values: Values,
    /// Which slots are NULL; made when the first NULL comes.
    nulls: Option<Vec<bool>>,
    /// How many slots there are.
    slot_count: usize,
}

enum Values {
    Words(Vec<u64>),
    Text(Vec<Box<str>>),
    Encoded(RowEncoder, Vec<Box<[u8]>>),
}

impl SlotColumn {
    pub(super) fn new(data_type: &DataType) -> Self {
        let values = if Bits::fit(data_type) {
            Values::Words(Vec::new())
        } else if *data_type == DataType::Utf8View {
            Values::Text(Vec::new())
        } else {
            Values::Encoded(RowEncoder::of_rows([data_type]), Vec::new())
        };
        Self { data_type: data_type.clone(), values, nulls: None, slot_count: 0 }
    }

    /// Sets the values of `slots` to the rows `rows` of `column`. Slots beyond the last one are made.
    pub(super) fn set(&mut self, slots: &[u32], column: &ArrayRef, rows: &[u32]) {
        let count = slots.iter().map(|slot| *slot as usize + 1).max().unwrap_or(0);
        self.slot_count = self.slot_count.max(count);
        let count = self.slot_count;
        let pairs = || slots.iter().map(|s| *s as usize).zip(rows.iter().map(|row| *row as usize));
        match &mut self.values {
            Values::Words(words) => {
                words.resize(count, 0);
                let bits = Bits::of_values(column).expect("the type has bits");
                let bits = bits.values();
                pairs().for_each(|(slot, row)| words[slot] = bits[row]);
            }
            Values::Text(texts) => {
                texts.resize(count, Box::default());
                let column = column.as_string_view();
                pairs().for_each(|(slot, row)| texts[slot] = column.value(row).into());
            }
            Values::Encoded(encoder, values) => {
                values.resize(count, Box::default());
                let encoded = encoder.encode(std::slice::from_ref(column));
                pairs().for_each(|(slot, row)| values[slot] = encoded.row(row).as_ref().into());
            }
        }
        if column.null_count() > 0 || self.nulls.is_some() {
            let nulls = self.nulls.get_or_insert_with(Vec::new);
            nulls.resize(count, false);
            pairs().for_each(|(slot, row)| nulls[slot] = column.is_null(row));
        }
    }

    /// Lets go of what a slot holds elsewhere.
    pub(super) fn clear(&mut self, slot: u32) {
        match &mut self.values {
            Values::Words(_) => {}
            Values::Text(texts) => texts[slot as usize] = Box::default(),
            Values::Encoded(_, values) => values[slot as usize] = Box::default(),
        }
    }

    /// The values of `slots`.
    pub(super) fn gather(&self, slots: &[u32]) -> ArrayRef {
        let nulls = self
            .nulls
            .as_ref()
            .map(|nulls| slots.iter().map(|slot| !nulls[*slot as usize]).collect::<NullBuffer>());
        match &self.values {
            Values::Words(words) => {
                let bits = slots.iter().map(|slot| words[*slot as usize]).collect();
                Bits::array(&self.data_type, bits, nulls)
            }
            Values::Text(texts) => {
                let mut builder = StringViewBuilder::with_capacity(slots.len());
                for (index, slot) in slots.iter().enumerate() {
                    if nulls.as_ref().is_some_and(|nulls| nulls.is_null(index)) {
                        builder.append_null();
                    } else {
                        builder.append_value(&texts[*slot as usize]);
                    }
                }
                Arc::new(builder.finish())
            }
            Values::Encoded(encoder, values) => {
                let rows = slots.iter().map(|slot| values[*slot as usize].as_ref());
                encoder.decode(rows).pop().expect("one column was encoded")
            }
        }
    }

    /// Bytes in memory.
    pub(super) fn size_bytes(&self) -> usize {
        let nulls = self.nulls.as_ref().map_or(0, Vec::capacity);
        nulls
            + match &self.values {
                Values::Words(words) => words.capacity() * 8,
                Values::Text(texts) => {
                    texts.capacity() * 16 + texts.iter().map(|text| text.len()).sum::<usize>()
                }
                Values::Encoded(_, values) => {
                    values.capacity() * 16 + values.iter().map(|value| value.len()).sum::<usize>()
                }
            }
    }
}
