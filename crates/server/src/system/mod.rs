//! The `kappa_*` relations: what the engine knows of itself, as tables of `pg_catalog`.
//!
//! The one idea: a system table is one file (schema, meaning, rows) and one line of [`TABLES`]. They
//! are read through the ordinary query engine, so they join with anything.
//!
//! PostgreSQL's own catalogue is not here but in the crate `kappa-system`.

mod errors;
mod late_rows;
pub mod rebuild_diff;
mod rebuilds;
mod rows;
mod sources;
mod table;
mod views;

use table::shown_name;
pub use table::{SystemTable, TABLES, declare_all, find};
