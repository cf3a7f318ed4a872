//! One file per workload. Each head states the limit first, so that a result is read against it.

pub(crate) mod commits;
pub(crate) mod copy;
pub(crate) mod fresh;
mod message;
pub(crate) mod replay;

pub(crate) use message::{Form, copy, messages};
