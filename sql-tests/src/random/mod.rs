//! Random queries and random changes over the wire, against the batch oracle.
//!
//! ```text
//! seed -> round: a fresh server, relations -> views, changes, kills, rebuilds, in turn -> oracle
//!                                  the steps, as a script -> on failure: fewer steps that still fail
//! ```
//! The one idea: a round is the list of statements it has sent. The generator learns only which views
//! were accepted, so a seed is a run, and the list alone repeats it.
//!
//! It does not know what a right answer is: the oracle does, and PostgreSQL where it is installed. Plans that SQL cannot say are tested in
//! the crate of the dataflow.

mod aggregate;
mod change;
mod expression;
mod from;
mod kind;
mod predicate;
mod query;
mod reference;
mod relation;
mod round;
mod run;
mod shrink;
mod step;
mod tally;

pub(crate) use run::{Draw, run};
