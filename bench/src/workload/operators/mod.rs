//! What operators cost per row, in process: no SQL, no wire. Limits are stated in `run.rs`.

mod engine;
mod plan;
mod run;

pub(crate) use run::{Options, run};
