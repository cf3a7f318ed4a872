//! One file per operator. They know rows and the end of a time; no threads, no exchange.

mod aggregate;
mod assign_window;
mod close;
mod evaluate;
mod failure;
mod filter;
mod interface;
mod join;
mod partial_aggregate;
mod pass;
mod project;
mod runs;
mod shelf;
mod window_aggregate;

pub(crate) use aggregate::{Aggregate, GroupWriter};
pub(crate) use assign_window::AssignWindow;
pub(crate) use close::Close;
pub(crate) use failure::Reason;
#[cfg(test)]
pub(crate) use failure::row_text;
pub(crate) use filter::Filter;
pub(crate) use interface::{Operator, Output, TimeEnd};
pub(crate) use join::{Join, JoinOptions};
pub(crate) use partial_aggregate::{PartialAggregate, PartialWindows, partial_of};
pub(crate) use pass::Pass;
pub(crate) use project::Project;
pub(crate) use shelf::Shelf;
pub(crate) use window_aggregate::{WindowAggregate, WindowAggregateOptions};
