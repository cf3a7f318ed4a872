//! A run: choose, copy, see that the catchers pass, then one mutant after the other.
//!
//! The one idea: a catcher only counts if it passes on the code as it is, and a mutant only if it
//! builds; then the one thing that can make the catcher fail is the mistake.
//!
//! It does not build two things at once: machines have few cores, and cargo would wait for itself.

use super::catcher::{Catcher, Verdict};
use super::copy::Copy;
use super::list::{self, Mutant};
use super::report::{Outcome, page};
use crate::project;
use anyhow::{Context, Result, bail, ensure};
use std::time::Instant;

/// The page of results, from the root.
const PAGE: &str = "xtask/mutants/RESULT.md";

/// Which mutants, and what to do with them.
#[derive(clap::Args)]
pub(crate) struct Choice {
    /// Only these, by name; all of them when none is given.
    names: Vec<String>,
    /// Only prints the list.
    #[arg(long)]
    list: bool,
    /// Only so many, chosen by the date: each comes by in turn.
    #[arg(long, value_name = "N")]
    some: Option<usize>,
    /// Only those of small crates, which build in seconds.
    #[arg(long)]
    cheap: bool,
    /// Writes the outcomes into xtask/mutants/RESULT.md.
    #[arg(long)]
    record: bool,
}

impl Choice {
    /// The choice of `cargo xtask check`.
    pub(crate) const fn of_the_day(count: usize) -> Self {
        Self { names: Vec::new(), list: false, some: Some(count), cheap: true, record: false }
    }

    fn choose(&self, mut mutants: Vec<Mutant>) -> Result<Vec<Mutant>> {
        let unknown = |name: &&String| mutants.iter().all(|mutant| mutant.name != **name);
        if let Some(name) = self.names.iter().find(unknown) {
            bail!("there is no mutant \"{name}\"; `cargo xtask mutate --list` shows all");
        }
        mutants.retain(|mutant| {
            (self.names.is_empty() || self.names.contains(&mutant.name))
                && (!self.cheap || mutant.is_cheap())
        });
        Ok(match self.some {
            Some(count) => list::due(mutants, count, day()?),
            None => mutants,
        })
    }
}

/// Runs the chosen mutants; fails if one survives.
pub(crate) fn run(choice: &Choice) -> Result<()> {
    let all = list::read(&project::root())?;
    let mutants = choice.choose(all.clone())?;
    if choice.list {
        for mutant in &mutants {
            println!("{:32} {}  [{}]", mutant.name, mutant.claim, mutant.catcher.text);
        }
        return Ok(());
    }
    let copy = Copy::make()?;
    see_them_pass(&copy, &mutants)?;
    let mut results = Vec::new();
    for mutant in mutants {
        results.push(judge(&copy, mutant));
        // At once: a run of all takes long and may be ended by hand.
        if choice.record {
            record(&all, &results)?;
        }
    }
    let bad: Vec<_> = results.iter().filter(|(_, outcome)| !outcome.is_good()).collect();
    println!("mutate: {} mutants, {} caught", results.len(), results.len() - bad.len());
    for (mutant, outcome) in &bad {
        println!("mutate: {}: {}: {}", outcome.word(), mutant.name, mutant.claim);
    }
    ensure!(bad.is_empty(), "{} mutants were not caught: a test is missing", bad.len());
    Ok(())
}

fn record(all: &[Mutant], results: &[(Mutant, Outcome)]) -> Result<()> {
    let path = project::root().join(PAGE);
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(path, page(all, results, &before)).context("cannot write the page")
}

/// A catcher that fails anyway catches nothing.
fn see_them_pass(copy: &Copy, mutants: &[Mutant]) -> Result<()> {
    let mut catchers: Vec<&Catcher> = mutants.iter().map(|mutant| &mutant.catcher).collect();
    catchers.sort_by_key(|catcher| &catcher.text);
    catchers.dedup();
    for catcher in catchers {
        let begin = Instant::now();
        let program = catcher.build(&copy.tree, &copy.target_directory)?;
        let verdict = catcher.run(&program)?;
        ensure!(
            verdict == Verdict::Passed,
            "without a mutant, \"{}\" fails; see {}",
            catcher.text,
            program.log.display()
        );
        println!("mutate: \"{}\" passes, {} s", catcher.text, begin.elapsed().as_secs());
    }
    Ok(())
}

fn judge(copy: &Copy, mutant: Mutant) -> (Mutant, Outcome) {
    let begin = Instant::now();
    let outcome =
        try_one(copy, &mutant).unwrap_or_else(|error| Outcome::Broken(format!("{error:#}")));
    println!("mutate: {:32} {}, {} s", mutant.name, outcome.word(), begin.elapsed().as_secs());
    if let Outcome::Broken(why) = &outcome {
        println!("{why}");
    }
    (mutant, outcome)
}

fn try_one(copy: &Copy, mutant: &Mutant) -> Result<Outcome> {
    let path = project::root().join(&mutant.file);
    let text = std::fs::read_to_string(path).with_context(|| mutant.file.clone())?;
    copy.write(&mutant.file, &mutant.apply(&text)?)?;
    let built = mutant.catcher.build(&copy.tree, &copy.target_directory);
    let verdict = built.and_then(|program| mutant.catcher.run(&program));
    copy.restore(&mutant.file)?;
    Ok(match verdict? {
        Verdict::Passed => Outcome::Survived,
        Verdict::Failed => Outcome::Caught,
        Verdict::Hung => Outcome::CaughtByTime,
    })
}

/// Days since 1970, UTC.
#[expect(clippy::disallowed_methods, reason = "which mutants are due is a matter of the date")]
fn day() -> Result<u64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Ok(since.context("the clock is before 1970")?.as_secs() / 86_400)
}
