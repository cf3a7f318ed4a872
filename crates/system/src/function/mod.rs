//! The functions that catalogue queries may call, a list per file.
//!
//! The one idea: an entry says its name, what it takes and gives, and how; the binder picks by
//! argument types, so nothing else knows a function by name.

pub(crate) mod array;
pub(crate) mod catalog;
pub(crate) mod definition;
pub(crate) mod json;
mod list;
pub(crate) mod number;
pub(crate) mod operator;
pub(crate) mod privilege;
pub(crate) mod quote;
pub(crate) mod session;
pub(crate) mod set;
mod signature;
pub(crate) mod size;
pub(crate) mod string;
pub(crate) mod time;
pub(crate) mod visibility;

pub(crate) use list::{find, find_set, is_set, names};
pub(crate) use signature::{Argument, Function, Returns, SetFunction};
