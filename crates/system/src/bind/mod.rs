//! From the syntax tree to the bound form: names become positions, literals get types.
//!
//! The one idea: a stack of frames, one per SELECT under way; a column found k frames out is a
//! reference to the row k queries out. Each frame notes what was taken from it, which later tells
//! which conditions may run early and which subqueries give the same result every time.
//!
//! Nothing here reads rows.

mod aggregate;
mod binder;
mod call;
mod expr;
mod from;
mod label;
mod literal;
mod operator;
mod query;
mod scope;
mod select;
mod types;

use binder::{Binder, PARAMETER_COUNT_MAX, Stages};
pub(crate) use binder::{Typed, bind};
