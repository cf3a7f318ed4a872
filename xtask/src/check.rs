//! `cargo xtask check`: everything that must hold before a change lands.
//!
//! The one idea: one list of steps in the order of their price, and few compilations: lints and docs
//! share one set of checked dependencies, tests and SQL scripts one set of built ones, all in the
//! profile `dev` with one set of features.
//!
//! It does not fix anything: `cargo fmt` and `kappa-sql-tests --update` do.

use crate::{mutate, project, tidy};
use anyhow::{Context, Result, bail};
use std::process::Command;
use std::time::Instant;

/// One step: its name on the command line, what it holds the project to, and how.
struct Step {
    name: &'static str,
    claim: &'static str,
    run: fn() -> Result<()>,
}

/// All steps, cheapest first.
const STEPS: &[Step] = &[
    Step { name: "fmt", claim: "the code is formatted", run: fmt },
    Step { name: "tidy", claim: "the rules of docs/style.md hold", run: tidy::run },
    Step { name: "clippy", claim: "no lint fires, in any target", run: clippy },
    Step { name: "build", claim: "the programs build", run: build },
    Step { name: "test", claim: "every Rust test passes", run: test },
    Step { name: "mutate", claim: "the tests catch the mistakes of the day", run: mutate },
    Step { name: "sql", claim: "every SQL script passes in every mode", run: sql },
    Step { name: "doc", claim: "the documentation builds without a warning", run: doc },
];

/// Runs the named steps, or all, and stops at the first that fails.
pub(crate) fn run(names: &[String]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        let known: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        bail!("there is no step \"{unknown}\"; the steps are: {}", known.join(", "));
    }
    let begin = Instant::now();
    for step in STEPS.iter().filter(|s| names.is_empty() || names.iter().any(|n| n == s.name)) {
        println!("check {}: {}", step.name, step.claim);
        let step_begin = Instant::now();
        (step.run)()
            .with_context(|| format!("check {} failed: not true that {}", step.name, step.claim))?;
        println!("check {}: ok, {} s", step.name, step_begin.elapsed().as_secs());
    }
    println!("check: all ok, {} s", begin.elapsed().as_secs());
    Ok(())
}

fn fmt() -> Result<()> {
    project::run(project::cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    project::run(project::cargo().args(arguments))
}

/// With the tests, since these add features to shared dependencies: alone, everything would be built
/// a second time for them.
fn build() -> Result<()> {
    let targets = ["--lib", "--bins", "--tests", "--examples"];
    project::run(project::cargo().args(["build", "--workspace", "--locked"]).args(targets))
}

fn test() -> Result<()> {
    project::run(project::cargo().args(["test", "--workspace", "--locked"]))
}

/// Mistakes that are put in on one day. Two cost about a minute; all of them come by within a month.
const MUTANT_COUNT: usize = 2;

fn mutate() -> Result<()> {
    mutate::run(&mutate::Choice::of_the_day(MUTANT_COUNT))
}

/// For how long random queries are tried: five minutes, about as long as all scripts take beside them.
const RANDOM_SECONDS: &str = "300";

/// The program is run as it was built: `cargo run -p` would build it with other features.
fn sql() -> Result<()> {
    let program = project::target_directory().join("debug/kappa-sql-tests");
    let arguments = ["--mode", "all", "--seconds", RANDOM_SECONDS];
    project::run(Command::new(program).current_dir(project::root()).args(arguments))
}

fn doc() -> Result<()> {
    let arguments = ["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"];
    project::run(project::cargo().args(arguments).env("RUSTDOCFLAGS", "-D warnings"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_step_is_refused_with_the_list() {
        let error = run(&["fnt".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("fmt, tidy, clippy"), "{error}");
    }
}
