//! Tables: contents for read-modify-write, and the locks that keep two writers apart.

mod contents;
mod lock;

pub use contents::TableContents;
pub use lock::{KEY_COUNT_MAX, KeyLocks, LockSet};
