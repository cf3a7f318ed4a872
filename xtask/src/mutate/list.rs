//! The list of mutants: `xtask/mutants/*.toml`, read and held to its rules.
//!
//! The one idea: a mutant is text, not a patch: what stands in one file exactly once, and what stands
//! there instead. When the code moves on, the list says so instead of changing something else.
//!
//! ```text
//! [[mutant]]  name, file, find, replace, claim, catcher
//! ```
//!
//! It does not know how a catcher is run; [`super::catcher`] does.

use super::catcher::Catcher;
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;

/// Where the lists lie, from the root.
const DIRECTORY: &str = "xtask/mutants";

/// Crates whose own tests need few dependencies: their mutants cost seconds.
const CHEAP: &[&str] = &["crates/log/", "crates/serving/", "crates/types/"];

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mutant {
    /// What it is called on the command line.
    pub(crate) name: String,
    /// The file it is in, from the root.
    pub(crate) file: String,
    /// What stands in the file exactly once.
    find: String,
    /// What stands there instead.
    replace: String,
    /// The promise that it breaks.
    pub(crate) claim: String,
    /// The test that must fail.
    pub(crate) catcher: Catcher,
}

impl Mutant {
    /// The file's text with the mistake in it.
    ///
    /// # Errors
    /// If the place is not there, or not the only one.
    pub(crate) fn apply(&self, text: &str) -> Result<String> {
        let count = text.matches(&self.find).count();
        ensure!(
            count == 1,
            "mutant \"{}\": its text stands {count} times in {}, not once",
            self.name,
            self.file
        );
        Ok(text.replacen(&self.find, &self.replace, 1))
    }

    /// Whether building and catching it takes seconds, not minutes.
    pub(crate) fn is_cheap(&self) -> bool {
        CHEAP.iter().any(|folder| self.file.starts_with(folder)) && self.catcher.is_cheap()
    }
}

/// All mutants of the project, in the order of the files' names.
pub(crate) fn read(root: &Path) -> Result<Vec<Mutant>> {
    let directory = root.join(DIRECTORY);
    let mut paths = Vec::new();
    for entry in
        std::fs::read_dir(&directory).with_context(|| format!("cannot list {DIRECTORY}"))?
    {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut mutants: Vec<Mutant> = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path)?;
        let found = parse(&text).with_context(|| path.display().to_string())?;
        mutants.extend(found);
    }
    let mut names: Vec<_> = mutants.iter().map(|mutant| mutant.name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        bail!("two mutants are called \"{}\"", pair[0]);
    }
    Ok(mutants)
}

fn parse(text: &str) -> Result<Vec<Mutant>> {
    let table: toml::Table = text.parse().context("not TOML")?;
    let list = table.get("mutant").and_then(toml::Value::as_array).context("no [[mutant]]")?;
    list.iter().map(parse_mutant).collect()
}

fn parse_mutant(value: &toml::Value) -> Result<Mutant> {
    let word = |key: &str| {
        let found = value.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        found.with_context(|| format!("a mutant without \"{key}\": {value}"))
    };
    let mutant = Mutant {
        name: word("name")?,
        file: word("file")?,
        find: word("find")?,
        replace: word("replace")?,
        claim: word("claim")?,
        catcher: Catcher::parse(&word("catcher")?)?,
    };
    ensure!(mutant.find != mutant.replace, "mutant \"{}\" changes nothing", mutant.name);
    Ok(mutant)
}

/// Which `count` are due on a day: each comes by in turn, and all days take as many.
pub(crate) fn due(mutants: Vec<Mutant>, count: usize, day: u64) -> Vec<Mutant> {
    let total = mutants.len();
    if count >= total {
        return mutants;
    }
    let first = (day % total as u64) as usize * count;
    (0..count).map(|index| mutants[(first + index) % total].clone()).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::project;
    use std::collections::BTreeSet;

    const TEXT: &str = r#"
        [[mutant]]
        name = "a"
        file = "crates/log/src/a.rs"
        find = "x < y"
        replace = "x <= y"
        claim = "nothing is equal"
        catcher = "test log a"
    "#;

    /// A mutant of that name.
    pub(crate) fn mutant(name: &str) -> Mutant {
        Mutant { name: name.to_owned(), ..parse(TEXT).unwrap().remove(0) }
    }

    #[test]
    fn each_mutant_of_the_project_finds_its_place() {
        let root = project::root();
        for mutant in read(&root).unwrap() {
            let text = std::fs::read_to_string(root.join(&mutant.file)).unwrap();
            mutant.apply(&text).unwrap();
        }
    }

    #[test]
    fn a_place_that_is_gone_or_not_the_only_one_is_refused() {
        let mutant = mutant("a");
        assert_eq!(mutant.apply("if x < y {}").unwrap(), "if x <= y {}");
        assert!(mutant.apply("if x <= y {}").is_err());
        assert!(mutant.apply("if x < y { x < y }").is_err());
    }

    #[test]
    fn a_mutant_that_lacks_a_part_is_refused() {
        assert!(parse(&TEXT.replace("claim", "clam")).is_err());
        assert!(parse(&TEXT.replace("x <= y", "x < y")).is_err());
    }

    #[test]
    fn every_mutant_comes_by_in_turn() {
        for (total, count) in [(1, 2), (7, 2), (8, 2), (9, 3), (10, 4)] {
            let all: Vec<_> = (0..total).map(|index| mutant(&index.to_string())).collect();
            let days = 20_000..20_000 + total;
            let seen: BTreeSet<_> =
                days.flat_map(|day| due(all.clone(), count, day)).map(|one| one.name).collect();
            assert_eq!(seen.len() as u64, total, "{count} of {total}");
        }
    }
}
