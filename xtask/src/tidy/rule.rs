//! The list of rules, and how they are run.
//!
//! The one idea: each rule of `docs/style.md` marked `[tidy]` is one line here and one file beside.

use super::{
    Finding, Tree, arrow, banned, doc_page, file_name, file_size, library, licence, metadata,
    operator, optional_part, orphan, script,
};
use crate::project;
use anyhow::{Result, bail};

/// A rule on the files alone.
type Rule = fn(&Tree) -> Vec<Finding>;

/// The rules on files, by what they hold the project to.
const RULES: &[(&str, Rule)] = &[
    ("each foreign library is named in its crates only", library::check),
    ("files have an honest name and mod.rs holds no logic", file_name::check),
    ("files stay in their size", file_size::check),
    ("every file opens with its head; what cannot merge is absent", banned::check),
    ("optional parts are chosen by file", optional_part::check),
    ("every file is compiled", orphan::check),
    ("operators know nothing of the runtime and own no hash map", operator::check),
    ("scripts claim something and never wait", script::check),
    ("pages name what exists", doc_page::check),
];

/// Runs all rules on the project and prints what they find.
pub(crate) fn run() -> Result<()> {
    let findings = findings()?;
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("tidy: {} findings; the rules are in docs/style.md", findings.len());
    }
    Ok(())
}

/// What all rules find in the project.
fn findings() -> Result<Vec<Finding>> {
    let tree = Tree::read(&project::root())?;
    let metadata = metadata::read()?;
    let mut findings = arrow::check(&tree, &metadata);
    findings.extend(licence::check(&tree, &metadata));
    for (_, rule) in RULES {
        findings.extend(rule(&tree));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_tidy() {
        let findings = findings().unwrap();
        let lines: Vec<_> = findings.iter().map(Finding::to_string).collect();
        assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    }
}
