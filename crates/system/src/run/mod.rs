//! The interpreter: a bound query to rows.
//!
//! The one idea: everything is small, so each stage makes its whole result before the next begins; what
//! keeps that fast is that conditions run as early as they may, that relations are joined by hash in
//! order of their true sizes, and that a subquery which gives the same result every time runs once.
//!
//! Nothing here knows names, and nothing outlives the statement.

mod aggregate;
mod arithmetic;
mod execution;
mod expr;
mod from;
mod pattern;
mod query;
mod select;
mod window;

pub(crate) use execution::run;
use execution::{Index, Run, Scope, Stage, Table, Tuple};
