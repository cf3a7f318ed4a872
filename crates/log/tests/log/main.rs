//! The log seen from outside: crashes, faults, damage, and scripts.

mod crash;
mod damage;
mod fault;
mod model;
mod script;
mod stays;
