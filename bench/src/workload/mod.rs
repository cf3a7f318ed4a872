//! One file or folder per workload. Each head states the limit first, so that a result is read
//! against it.

mod background;
pub(crate) mod commits;
pub(crate) mod copy;
pub(crate) mod fresh;
pub(crate) mod memory;
mod message;
pub(crate) mod operators;
pub(crate) mod rebuild;
pub(crate) mod replay;
pub(crate) mod start;

pub(crate) use background::Load;
pub(crate) use message::{Form, copy, load, messages};
