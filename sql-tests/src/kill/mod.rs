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
//! A kill leaves what the system's page cache has. `power/cuts` takes that away too, on demand, since it
//! needs root; the log's simulated crashes do so always.

mod disk;
mod journal;
mod power;
mod rebuild;
mod writers;

pub(crate) use power::run as run_power_cuts;
pub(crate) use rebuild::run as run_rebuild;
pub(crate) use writers::run as run_writers;
