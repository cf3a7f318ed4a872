//! Writing: rows into relations, changes of tables, and the commit.
//!
//! * `append`: rows of one statement, however many. `copy`: COPY FROM STDIN.
//! * `insert`: INSERT with keys and conflicts. `change`: UPDATE and DELETE.
//! * `multiset`: what a transaction sees of a table it has changed.
//! * `commit`: a transaction's changes into one commit of the log.

mod append;
mod change;
mod commit;
mod copy;
mod insert;
mod key;
pub(super) mod multiset;
mod spill;

pub(super) use append::Append;
pub(super) use copy::{CopyInto, CopyTransaction};
pub(crate) use key::shown;
