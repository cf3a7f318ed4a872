//! SQL scripts over the wire, with the standing oracle.
//!
//! The one idea: one corpus of scripts, multiplied. Each script says in SQL what must hold; it is run on
//! a fresh server in several modes (restarted, killed or rebuilt after each statement, rows split,
//! other worker counts), on PostgreSQL where PostgreSQL can express it, and after each run every view
//! is compared with its query in batch and with a twin created then.
//!
//! ```text
//! script.slt, page.md -> mode -> instance (server or PostgreSQL) -> session -> verb or SQL
//!                                     then the oracle -> report
//! ```
//! This crate does not know any crate of ours: it speaks TCP and reads one line of the server's output.
//! It never waits for something to become true, and no script may.

mod client;
mod compare;
mod copy;
mod failure;
mod head;
mod index;
mod instance;
mod job;
mod kill;
mod lifecycle;
mod matrix;
mod mode;
mod oracle;
mod outcome;
mod page;
pub mod postgres;
mod psql;
mod random;
mod report;
mod runner;
mod server;
mod session;
mod split;
mod subject;
mod verb;
mod work;
mod writer;

pub use report::{Report, Run};
pub use work::{Options, TargetChoice, index_path, render_index, run, write_index};
