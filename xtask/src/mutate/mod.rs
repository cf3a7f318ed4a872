//! `cargo xtask mutate`: mistakes put into the code by hand, to see that a test notices each.
//!
//! The one idea: a promise is as good as the test that fails without it. `xtask/mutants/*.toml` names
//! the dangerous mistakes, what each breaks and the test that must catch it.
//!
//! ```text
//! checkout -> copy -> catchers pass -> one mutant in -> build -> its catcher fails: caught -> next
//!                                                              `-> it passes: survived
//! ```
//!
//! It does not make up mutants, and never writes into the checkout except for the page it is asked for.

mod catcher;
mod copy;
mod list;
mod report;
mod run;

pub(crate) use run::{Choice, run};
