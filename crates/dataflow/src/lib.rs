//! Plans into running operators; owns operator state.
//!
//! ```text
//! log groups --> coordinator: one step = all commits since the last one, ends at a boundary T
//!                    |  the same ordered commands to every worker
//!                    v
//!                workers (timely): base dataflows, then views on views, level by level
//!                    |  changes of each view
//!                    v
//!                serving contents, published at T when every worker has reported
//! ```
//!
//! The one idea: an operator is plain code over Arrow batches that is told "these rows changed" and
//! "this time is over"; everything about threads, exchange and progress stands in `runtime`, which
//! is the only place that names timely.
//!
//! * `operator`: one file per operator; `state`: the tables they keep (the only hash maps);
//!   `build`: plan to operators; `runtime`: coordinator, workers, hydration.
//! * Truth: none. Everything here is made again from the log.
//!
//! This crate does not parse, plan, read SQL or know names and sessions; it does not answer reads
//! (serving does) and does not decide when a REBUILD flips (the catalogue record does).

mod action;
mod build;
mod error;
mod operator;
mod options;
mod progress;
mod runtime;
mod state;
#[cfg(test)]
mod tests;

pub use action::{Action, Flip, InputSource, Install};
pub use error::Error;
pub use options::RuntimeOptions;
pub use progress::{Phase, Progress};
pub use runtime::{OnDdl, Runtime, error_schema, late_schema};
pub use state::State;
