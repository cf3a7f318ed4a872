//! kill -9 of the real server, again and again, against a journal that the client keeps.
//!
//! ```text
//! writer 0 … 7   statement, acknowledged -> journal; statement, …       one may be in doubt per writer
//! killer         after so many acknowledgements, drawn by seed: kill -9, start
//! then           tables = journal (a statement in doubt: all or nothing), views = queries
//! ```
//! The one idea: the client knows what was promised. Moments are counted in acknowledgements, never in
//! seconds, so that a seed is a run.
//!
//! It does not cut the power: what the system's page cache has survives. The log's simulated crashes do
//! that.

mod journal;
mod rebuild;
mod writers;

pub(crate) use rebuild::run as run_rebuild;
pub(crate) use writers::run as run_writers;
