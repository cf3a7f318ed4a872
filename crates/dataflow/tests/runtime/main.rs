//! The runtime against a real log and real contents.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests and examples fail by panicking, and tell their story in one place"
)]

mod ddl;
mod fixture;
mod plan;

mod closing;
mod failure;
mod live;
mod model;
mod random;
mod rebuild;
