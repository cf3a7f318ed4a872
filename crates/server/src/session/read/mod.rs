//! Reading: relations at a cut as tables of DataFusion, and queries over them.
//!
//! * `batch`: DataFusion, set up. `query`: a bound query into a stream of rows.
//! * `provider`: which table stands for a relation: contents, rows of a table, history, system rows.
//! * `contents`, `history`: those tables. `range`: what filters say about single columns.

pub(super) mod batch;
mod contents;
mod history;
mod placed;
mod provider;
mod query;
mod range;

pub(super) use provider::Reader;
pub(super) use query::{collect, stream, with_tables};

use kappa_types::SqlError;

/// An error of contents: a time that was compacted away is 72000.
pub(crate) fn read_error(error: kappa_serving::Error) -> SqlError {
    error.into()
}
