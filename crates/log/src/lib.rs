//! The truth: a durable, ordered, columnar log of all changes.

mod commit;
mod error;
mod fs;
mod group;
mod log;
mod options;
mod scan;
mod spool;

pub use commit::{Commit, PlacedCommit, Producer, RelationRows, RowKind, reject_schema};
pub use error::Error;
pub use fs::{File, Fs, Lock, RealFs};
pub use group::{EntryRows, Group, GroupEntry};
pub use log::{Log, Observer, Placed};
pub use options::LogOptions;
pub use scan::{HistoryBatch, HistoryReader, Part, RelationStatistics, Scan};
pub use spool::{Attachment, Spool};
