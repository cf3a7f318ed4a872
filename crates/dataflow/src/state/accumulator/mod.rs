//! The values of aggregates: one file per kind, chosen in `choose`.

mod choose;
mod count;
mod distinct;
mod exact;
mod extreme;
mod float;
mod interface;
mod interval;
mod variance;

pub(crate) use choose::choose;
pub(crate) use interface::{Accumulator, Evaluated, each_row};
