//! The hash that decides which virtual node a key belongs to. Part of the format of state that
//! leaves memory, so it is written down here and pinned by a test.
//!
//! ```text
//! column value -> canonical 64 bits -> folded into the row's hash, column by column
//!   fixed width <= 8 bytes   `bits` (NaN one value, -0 = 0), zero- or sign-extended
//!   text, bytes              8 bytes at a time, little-endian, zero-padded, then the length
//!   anything else            its arrow row encoding as bytes
//!   NULL                     a constant
//! virtual node = top 8 bits; worker = node * workers / 256
//! ```

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;

use super::bits::Bits;
use super::encode::RowEncoder;

/// Virtual nodes that state is divided into, whatever the number of workers.
pub(crate) const VIRTUAL_NODE_COUNT: usize = 256;

const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
const NULL: u64 = 0x0B6D_7D1C_5A3E_9F42;
const MULTIPLIER: u128 = 0xA076_1D64_78BD_642F_E703_7ED1_A0B4_28DB;

/// Mixes 64 bits: the two halves of a 192-bit product, folded.
#[inline(always)]
pub(crate) const fn mix(value: u64) -> u64 {
    let product = ((value ^ SEED) as u128).wrapping_mul(MULTIPLIER);
    (product >> 64) as u64 ^ product as u64
}

/// Hash of bytes.
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hash = SEED;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = mix(hash ^ u64::from_le_bytes(*word));
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = mix(hash ^ u64::from_le_bytes(last));
    }
    mix(hash ^ bytes.len() as u64)
}

/// The hash of each row of `columns`. No columns: the hash of the empty key.
pub(crate) fn hash_rows(columns: &[ArrayRef], row_count: usize) -> Vec<u64> {
    let mut hashes = vec![SEED; row_count];
    for column in columns {
        fold_column(column, &mut hashes);
    }
    hashes
}

/// The virtual node of a hash.
#[inline(always)]
pub(crate) const fn virtual_node(hash: u64) -> u8 {
    (hash >> 56) as u8
}

/// The worker that owns a virtual node.
#[inline(always)]
pub(crate) const fn worker_of(node: u8, worker_count: usize) -> usize {
    node as usize * worker_count / VIRTUAL_NODE_COUNT
}

fn fold_column(column: &ArrayRef, hashes: &mut [u64]) {
    let nulls = column.nulls().filter(|nulls| nulls.null_count() > 0);
    let mut fold = |value_at: &dyn Fn(usize) -> u64| {
        for (index, hash) in hashes.iter_mut().enumerate() {
            let null = nulls.is_some_and(|nulls| nulls.is_null(index));
            *hash = mix(*hash ^ if null { NULL } else { value_at(index) });
        }
    };
    if let Some(bits) = Bits::of(column) {
        let bits = bits.values();
        fold(&|index| bits[index]);
        return;
    }
    match column.data_type() {
        DataType::Utf8View => {
            let texts = column.as_string_view();
            fold(&|index| hash_bytes(texts.value(index).as_bytes()));
        }
        DataType::LargeUtf8 => {
            let texts = column.as_string::<i64>();
            fold(&|index| hash_bytes(texts.value(index).as_bytes()));
        }
        DataType::Binary => {
            let values = column.as_binary::<i32>();
            fold(&|index| hash_bytes(values.value(index)));
        }
        _ => {
            let encoder = RowEncoder::of_columns(std::slice::from_ref(column));
            let rows = encoder.encode(std::slice::from_ref(column));
            fold(&|index| hash_bytes(rows.row(index).as_ref()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int32Array, Int64Array, StringViewArray};

    use super::*;

    #[test]
    fn nodes_of_known_keys_never_change() {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![Some(1), Some(-1), None])),
            Arc::new(StringViewArray::from(vec!["", "JFK", "a longer text than inline"])),
        ];
        let nodes: Vec<u8> = hash_rows(&columns, 3).into_iter().map(virtual_node).collect();
        assert_eq!(nodes, [31, 68, 115]);
    }

    #[test]
    fn equal_values_hash_equally_whatever_their_form() {
        let narrow: ArrayRef = Arc::new(Int32Array::from(vec![-7]));
        let wide: ArrayRef = Arc::new(Int64Array::from(vec![-7]));
        assert_eq!(hash_rows(&[narrow], 1), hash_rows(&[wide], 1));
        let zeros: ArrayRef = Arc::new(Float64Array::from(vec![0.0, -0.0]));
        let hashes = hash_rows(&[zeros], 2);
        assert_eq!(hashes[0], hashes[1]);
    }

    #[test]
    fn every_worker_owns_nodes() {
        for count in 1..=7 {
            let owners: std::collections::BTreeSet<_> =
                (0..=255).map(|node| worker_of(node, count)).collect();
            assert_eq!(owners.len(), count);
        }
    }
}
