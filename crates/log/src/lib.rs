//! The truth: a durable, ordered, columnar log of all changes.

mod background;
mod commit;
mod encoding;
mod error;
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
pub use fs::{Crash, Fault, File, Fs, Lock, RealFs, SimFs};
pub use group::{EntryRows, Group, GroupEntry};
pub use log::{Log, Observer, Placed};
pub use options::LogOptions;
pub use scan::{HistoryBatch, HistoryReader, Part, RelationStatistics, Scan};
pub use spool::{Attachment, Spool};
