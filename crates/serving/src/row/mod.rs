//! Rows as values: hash, equality, and copies that own their memory.

mod equal;
mod gather;
mod hash;
mod owned;

pub(crate) use equal::{equal_keys, same_rows};
pub(crate) use gather::{Selection, gather};
pub(crate) use hash::{hash_row, hash_rows};
pub(crate) use owned::owned;
