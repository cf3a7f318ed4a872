//! What exists: names, definitions, dependencies, ids, OIDs.
//!
//! ```text
//! statement -> edits -> check -> log (DDL record, durable) -> apply -> Snapshot -> readers
//!                                                                 \-> index on disk (sled)
//! ```
//! The one idea: the catalogue is a fold over the DDL records of the log. Truth: the log. Derived:
//! the snapshot in memory, which everyone reads, and the index on disk, which can be wiped at any
//! time and saves nothing but the fold at a start.
//!
//! Simplification: all definitions are in memory, a few kilobytes per relation.
//!
//! This crate does not parse SQL, write to the log, hold rows or state, or know system relations.

mod apply;
mod catalog;
mod check;
mod codec;
mod edit;
mod error;
mod ids;
mod meta;
mod rebuild;
mod record;
mod relation;
mod snapshot;

pub use apply::ENDED_REBUILD_COUNT_MAX;
pub use catalog::Catalog;
pub use check::{COLUMN_COUNT_MAX, check};
pub use edit::{DdlRecord, Edit};
pub use error::Error;
pub use ids::{FIRST_OID, Ids};
pub use rebuild::{Rebuild, RebuildOptions, RebuildPhase};
pub use relation::{
    ColumnDefinition, Connector, Definition, Dependency, INFORMATION_SCHEMA, Namespace, PG_CATALOG,
    PUBLIC, Relation, RelationKind, Watermark,
};
pub use snapshot::Snapshot;
