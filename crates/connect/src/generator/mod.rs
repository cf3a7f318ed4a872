//! The connector `generator`: rows made by a formula, for trying things out and for measuring.
//!
//! The one idea: row `i` is a function of seed and `i` alone. The position is the number of rows
//! made, so a restart goes on exactly, and the same seed gives the same rows anywhere.
//!
//! ```text
//!   seed, i ─ kind (clicks, person, auction, bid) ─ values ─ columns of the schema
//!   start, i, rate ─ time of the row, a share of them moved back by the delay
//! ```
//!
//! It does not make up columns: the schema must ask for what a kind makes.

mod auction;
mod bid;
mod clicks;
mod columns;
mod info;
mod kind;
mod nexmark;
mod options;
mod person;
mod reader;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use info::INFO;
pub(crate) use reader::{GeneratorReader, is_load, validate};
