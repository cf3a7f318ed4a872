//! The index on disk: the newest snapshot as keys and values, so that a start need not fold all DDL.
//!
//! ```text
//! head                  format, applied time, fingerprint of all records up to it, counters
//! n/<id> r/<id> b/<id>  namespace, relation, rebuild
//! ```
//! It is never the truth: whatever looks wrong, it is wiped and made again from the log.

mod index;
mod sled;
mod store;

pub(crate) use index::Index;
