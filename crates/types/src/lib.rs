//! The nouns that every layer says: ids, [`Timestamp`], [`DeltaBatch`], [`Clock`], [`SqlType`],
//! [`SqlState`] and [`SqlError`].
//!
//! The one idea: a word has one meaning in the whole project, and that meaning is written here.
//!
//! This crate does not do any IO, knows no other crate of ours, and holds no algorithm that a
//! single layer could own.

mod clock;
mod column;
mod delta;
mod error;
mod id;
mod sqlstate;
mod sqltype;
pub mod text;
mod time;

pub use clock::{Clock, ManualClock, SystemClock};
pub use column::{Column, Schema};
pub use delta::DeltaBatch;
pub use error::SqlError;
pub use id::{ColumnId, NamespaceId, RebuildId, RelationId, SchemaVersionId, VersionId};
pub use sqlstate::SqlState;
pub use sqltype::{NUMERIC_PRECISION_MAX, SQL_TYPE_KEY, SqlType, UNCONSTRAINED_SCALE};
pub use time::Timestamp;
