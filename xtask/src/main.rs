//! The project's own chores: `cargo xtask check | tidy | mutate | powercut | demo`.
//!
//! The one idea: whatever a person or CI has to do is one command, written in Rust, so that it can be
//! read, tested and run anywhere the project builds.
//!
//! It knows no crate of ours and is not part of the product.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to its user"
)]

mod check;
mod demo;
mod mutate;
mod powercut;
mod project;
mod tidy;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The project's own chores.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

/// What can be done.
#[derive(Subcommand)]
enum Chore {
    /// Format, tidy, lints, every test, docs: what `make test` and CI run.
    Check {
        /// Only these steps, by name; all of them when none is given.
        steps: Vec<String>,
    },
    /// The rules of docs/style.md that a program can check.
    Tidy,
    /// Puts mistakes into a copy of the code and sees that a test catches each.
    Mutate(mutate::Choice),
    /// Cuts the power under writers twenty times; needs root and loop devices.
    Powercut,
    /// Builds, starts a server, loads the tutorial, keeps a live feed running until Ctrl-C.
    Demo,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Check { steps } => check::run(&steps),
        Chore::Tidy => tidy::run(),
        Chore::Mutate(choice) => mutate::run(&choice),
        Chore::Powercut => powercut::run(),
        Chore::Demo => demo::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
