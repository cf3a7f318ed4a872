//! Everything about threads, exchange and progress; the only place that names timely.

mod act;
mod closing;
mod command;
mod container;
mod control;
mod coordinator;
mod flow;
mod follow;
mod handle;
mod history;
mod hydration;
mod render;
mod schema;
mod shared;
mod shelf;
mod step_rows;
mod threads;
mod version;
mod worker;

pub use handle::{OnDdl, Runtime};
pub use schema::{error_schema, late_schema};
