//! Sessions: statements into reads, writes and changes of the catalogue.
//!
//! ```text
//! text -> prepare: parse, bind against the newest catalogue (or: a catalogue query)
//!      -> execute: bind again if the catalogue has moved, then one arm per kind of statement
//!            read    a cut, providers for its relations, DataFusion, a stream of rows
//!            write   rows, deltas, a place in the log
//!            ddl     edits, one record of the log, wait for its boundary
//! ```
//! * `factory`: what opens sessions; `handler`: the wire's side of a session.
//! * `variable`, `transaction`: what a session remembers. `error`: the one table of SQLSTATEs.
//!
//! Nothing here is durable.

mod block;
mod connections;
mod control;
mod copy_format;
mod ddl;
pub mod error;
mod execute;
mod explain;
mod factory;
mod handler;
pub mod planner;
mod prepared;
mod read;
mod reading;
pub mod rebuild;
pub mod replace;
#[expect(clippy::module_inception, reason = "the session among what makes one up")]
mod session;
mod settings;
mod show;
pub mod transaction;
pub mod variable;
mod write;

pub use factory::SessionFactory;
pub(crate) use read::read_error;
pub use session::Session;
pub(crate) use write::shown;
