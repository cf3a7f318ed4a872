//! Named faults: places where a test can make the process end as by kill -9.
//!
//! The one idea: a point is one line where it matters and one line of [`FAULT_POINTS`]; armed, its next
//! hit aborts the process. Builds with debug assertions have them (`armed.rs`), a release build has
//! none (`absent.rs`).
//!
//! Does not simulate failing hardware: [`crate::SimFs`] does.

#[cfg(not(debug_assertions))]
mod absent;
#[cfg(debug_assertions)]
mod armed;

#[cfg(not(debug_assertions))]
pub use absent::{arm_fault, fault_point};
#[cfg(debug_assertions)]
pub use armed::{arm_fault, fault_point};

/// Every point: its name, and what has happened when it is hit.
pub const FAULT_POINTS: &[(&str, &str)] = &[
    ("wal.written", "a commit group is written, but not synced"),
    ("wal.synced", "a commit group is durable, but nobody has been told"),
    ("segment.written", "a segment is written and synced, but the manifest does not name it"),
    ("manifest.told", "the manifest names new segments, but nothing was freed"),
    ("merge.told", "the manifest names a merged segment, but the old ones still exist"),
    ("spool.finished", "the files of a large statement are complete, but not committed"),
    ("ddl.logged", "a change of the catalogue is durable, but not answered"),
    ("rebuild.ready", "the shadows of a rebuild hold everything, but the flip is not logged"),
    ("rebuild.flipped", "the flip of a rebuild is logged, but not answered"),
];
