//! Rule 2: dependencies between our crates point along the arrows of `docs/architecture.md`.
//!
//! The one idea: the page is the truth. A package without a line, a dependency without an arrow and an
//! arrow without a dependency's crate are all findings. Dependencies of tests count too.

use super::metadata::Package;
use super::page_block::{self, Line, PAGE};
use super::{Finding, Tree};

/// The word in the block for "every crate of ours".
const ALL: &str = "all";

/// Checks the graph of our packages against the block `arrows`.
pub(crate) fn check(tree: &Tree, packages: &[Package]) -> Vec<Finding> {
    let Some(arrows) = page_block::read(tree, "arrows") else {
        return vec![Finding::new(PAGE, 0, "has no block ```arrows")];
    };
    let ours: Vec<_> = packages.iter().filter(|package| package.is_ours).collect();
    let mut findings = Vec::new();
    for package in &ours {
        let from = short_name(&package.name);
        let Some(line) = arrows.iter().find(|line| line.from == from) else {
            findings.push(Finding::new(
                PAGE,
                0,
                format!("the arrows do not say where \"{from}\" stands"),
            ));
            continue;
        };
        for to in package.dependencies.iter().filter(|name| ours.iter().any(|p| p.name == **name)) {
            if !allows(line, short_name(to)) {
                let what = format!("\"{from}\" may not depend on \"{}\"", short_name(to));
                findings.push(Finding::new(PAGE, 0, what));
            }
        }
    }
    let names = arrows.iter().flat_map(|line| std::iter::once(&line.from).chain(&line.to));
    for name in
        names.filter(|name| *name != ALL && ours.iter().all(|p| short_name(&p.name) != **name))
    {
        findings.push(Finding::new(
            PAGE,
            0,
            format!("the arrows name \"{name}\", which does not exist"),
        ));
    }
    findings
}

fn allows(line: &Line, to: &str) -> bool {
    line.to.iter().any(|name| name == to || name == ALL)
}

/// `log` of `kappa-log`.
fn short_name(name: &str) -> &str {
    name.strip_prefix("kappa-").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[&str]) -> Package {
        let dependencies = dependencies.iter().map(|name| (*name).to_owned()).collect();
        Package { name: name.to_owned(), licence: String::new(), is_ours: true, dependencies }
    }

    fn findings(arrows: &str, packages: &[Package]) -> Vec<String> {
        let tree = Tree::of(&[(PAGE, &format!("```arrows\n{arrows}\n```\n"))]);
        check(&tree, packages).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_dependency_needs_its_arrow() {
        let packages =
            [package("kappa-types", &[]), package("kappa-log", &["kappa-types", "bytes"])];
        assert!(findings("types -> -\nlog -> types", &packages).is_empty());
        assert!(findings("types -> -\nlog -> all", &packages).is_empty());
        let found = findings("types -> -\nlog -> -", &packages);
        assert_eq!(found, ["\"log\" may not depend on \"types\""]);
    }

    #[test]
    fn the_page_and_the_packages_name_each_other() {
        assert_eq!(findings("types -> -", &[package("xtask", &[])]).len(), 2);
        assert_eq!(check(&Tree::of(&[(PAGE, "")]), &[]).len(), 1);
    }
}
