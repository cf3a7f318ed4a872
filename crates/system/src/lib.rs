//! The system catalogue: `pg_catalog` and `information_schema` as relations over the real
//! catalogue, and an evaluator for the queries that touch nothing else.
//!
//! ```text
//! text -> is_system_query -> prepare (parse, bind: names, types) -> execute (rows) -> RecordBatch
//!                                      relation_schema, relation_rows -> the query engine, for mixed queries
//! ```
//! The one idea: clients ask the catalogue in SQL that no analytical engine plans (correlated
//! subqueries, functions that return sets in the SELECT list, records, names compared with OIDs), but
//! over a few thousand rows. So these queries have an interpreter of their own that follows
//! PostgreSQL's semantics row by row, and everything it reads is made from the catalogue snapshot at
//! that moment.
//!
//! Truth: nothing here; all of it is derived from the catalogue and from PostgreSQL 15's own
//! built-in objects (`data/pg15.tsv`).
//!
//! This crate does not read user relations, does not change the catalogue, does not serve the
//! `kappa_*` relations, does not know the wire, and keeps nothing between two statements.

mod bind;
mod bound;
mod builtin;
mod context;
mod error;
mod function;
mod query;
mod recognize;
mod relation;
mod run;
mod scalar;
mod session;
mod value;

pub use builtin::declare;
pub use context::{Activity, ServerState, Setting, Settings, SystemContext};
pub use function::quote::quote_identifier;
pub use query::{SystemQuery, execute, prepare};
pub use recognize::{is_system_query, query_is_system};
pub use relation::{relation_rows, relation_schema};
pub use scalar::{ScalarFunction, scalar_function_names};
