//! Contents of views and tables at a time.
//!
//! ```text
//! dataflow -> Contents::apply | append | update | retract      (one writer per shard)
//!          -> Store::publish(boundary)
//! session  -> Store::wait_for_boundary -> Pin -> Contents::scan | lookup at its time
//! ```
//! The one idea: a row has a begin and an end in log time, so that any number of readers see their
//! own consistent cut while writers go on; what no reader holds is forgotten as chunks are merged.
//!
//! Derived: everything here; after a restart dataflow fills it again.
//!
//! This crate does not compute views, does not know the log or SQL, and never touches a disk.

mod contents;
mod error;
mod horizon;
mod row;
mod store;
mod table;
#[cfg(test)]
mod test_rows;

pub use contents::{Contents, ContentsOptions, HEAD, Range, Slot, difference};
pub use error::{Broken, Error};
pub use horizon::{Horizon, PIN_AGE_MICROS_MAX, Pin};
pub use store::{Store, ViewContents, ViewOptions};
pub use table::{KEY_COUNT_MAX, KeyLocks, LockSet, TableContents};
