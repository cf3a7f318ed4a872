//! The log seen from outside: crashes, faults, damage, and scripts.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panic and says why")]

mod crash;
mod damage;
mod fault;
mod model;
mod script;
mod stays;
