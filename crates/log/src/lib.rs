//! The truth: a durable, ordered, columnar log of all changes.
//!
//! The one idea: every change goes to one write-ahead log, gets its place there (a time shared by its
//! commit group, and a seq within it), is synced, and is moved in the background into Parquet segments,
//! one history per relation. Readers see one history, whichever of the three forms a row is in.
//!
//! ```text
//! data/  LOCK   CURRENT ─► MANIFEST-n     which segments, from where the WAL is needed (manifest.rs)
//!        wal/<generation>.wal            commit groups, checksummed, recycled (wal/)
//!        seg/<relation>/….parquet        sealed rows (segment/)
//! ```
//!
//! Read `log.rs` for the life of a commit, `order.rs` for its place, `wal/recovery.rs` for what is a
//! torn tail and what is damage, `seal.rs` for how rows leave the WAL, `history.rs` for what readers
//! see. All files are reached through [`Fs`], which [`SimFs`] implements with power cuts.
//!
//! Truth: WAL, manifest and segments. Derived: everything in memory.
//!
//! This crate does not know SQL, catalogue or dataflow: DDL is bytes and a watermark a number that
//! somebody else computed. It does not check keys or conflicts, does not recognise retries (it only
//! tells the newest commit of a producer), never drops rows by age, and keeps no remote copies.

mod background;
mod commit;
mod encoding;
mod error;
mod fault;
mod fs;
mod group;
mod groups;
mod history;
mod log;
mod manifest;
mod merge;
mod meta;
mod open;
mod options;
mod order;
mod prepare;
mod rows;
mod scan;
mod seal;
mod segment;
mod spool;
mod wal;

pub use commit::{Commit, PlacedCommit, Producer, RelationRows, RowKind, reject_schema};
pub use error::Error;
pub use fault::{FAULT_POINTS, arm_fault, fault_point};
pub use fs::{Crash, Fault, File, Fs, Lock, RealFs, SimFs};
pub use group::{EntryRows, Group, GroupEntry};
pub use log::{Log, Observer, Placed, Turn};
pub use options::LogOptions;
pub use scan::{HistoryBatch, HistoryReader, Part, RelationStatistics, Scan};
pub use spool::{Attachment, Spool};
