//! The runtime against a real log and real contents.

mod ddl;
mod fixture;
mod plan;

mod closing;
mod failure;
mod live;
mod model;
mod random;
mod rebuild;
