//! What a run says: a line for each mutant, and a page for the record.
//!
//! The one idea: the page names the promise, the catcher and the outcome, so that a reader sees what is
//! tested without running it.

use super::list::Mutant;

/// How it went for one mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The catcher failed.
    Caught,
    /// The catcher did not end in time.
    CaughtByTime,
    /// The catcher passed: a test is missing.
    Survived,
    /// It says nothing: the mutant does not build, or its place is gone.
    Broken(String),
}

impl Outcome {
    /// Whether all is as it should be.
    pub(crate) const fn is_good(&self) -> bool {
        matches!(self, Self::Caught | Self::CaughtByTime)
    }

    /// In a word or two.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Caught => "caught",
            Self::CaughtByTime => "caught: it hangs",
            Self::Survived => "survived",
            Self::Broken(_) => "broken",
        }
    }
}

/// The page of all mutants. Those that were not tried now keep the line that `before` has for them,
/// if they are still what it says.
pub(crate) fn page(all: &[Mutant], results: &[(Mutant, Outcome)], before: &str) -> String {
    let mut lines = Vec::new();
    for mutant in all {
        let begin = line_of(mutant);
        let tried = results.iter().find(|(of, _)| of.name == mutant.name);
        let known = before.lines().find_map(|line| line.strip_prefix(&begin)?.strip_suffix(" |"));
        let word = tried.map(|(_, outcome)| outcome.word()).or(known).unwrap_or("not tried");
        lines.push(format!("{begin}{word} |"));
    }
    let caught = lines.iter().filter(|line| line.contains("| caught")).count();
    format!(
        "# Mutants\n\n\
         Written by `cargo xtask mutate --record`; the mutants are in the `.toml` files beside.\n\
         {} mutants, {caught} caught.\n\n\
         | mutant | breaks that | catcher | outcome |\n|---|---|---|---|\n{}\n",
        all.len(),
        lines.join("\n")
    )
}

fn line_of(mutant: &Mutant) -> String {
    let Mutant { name, claim, catcher, .. } = mutant;
    format!("| {name} | {claim} | `{}` | ", catcher.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutate::list::tests::mutant;

    #[test]
    fn a_mutant_that_is_not_tried_keeps_its_line_while_it_is_the_same() {
        let all = [mutant("a"), mutant("b"), mutant("c")];
        let first = page(&all, &[(mutant("a"), Outcome::Caught)], "");
        assert!(first.contains("3 mutants, 1 caught"), "{first}");
        let second = page(&all, &[(mutant("b"), Outcome::Survived)], &first);
        let words: Vec<_> = second.lines().filter_map(|line| line.rsplit('|').nth(1)).collect();
        assert_eq!(words[2..], [" caught ", " survived ", " not tried "]);
        let mut changed = mutant("a");
        changed.claim = "other".to_owned();
        assert!(page(&[changed], &[], &second).contains("not tried"));
    }
}
