//! Rule 39: pages name what exists, by file and symbol and never by line.
//!
//! The one idea: what stands in backticks and looks like a path of ours or a Rust name is looked up.
//! Pages that tell of the past (decisions, changelog) and generated pages are not read; a page about
//! statements without an example that runs is a finding.

use super::{File, Finding, Tree};
use regex::Regex;
use std::collections::HashSet;

/// Pages that may name what no longer exists, or what is SQL rather than Rust.
const NOT_READ: &[&str] = &[
    "docs/decisions/",
    "docs/reference/",
    "docs/tutorial/",
    "docs/guide/",
    "CHANGELOG.md",
    "bench/results/",
    "sql-tests/scripts/",
];

/// Folders that paths in pages may begin from, besides the root.
const PATH_ROOTS: &[&str] =
    &["", "crates/", "docs/", "sql-tests/", "sql-tests/src/", "crates/dataflow/"];

/// Checks every page.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let words = words(tree);
    let line_link = Regex::new(r"(?:\.rs:\d|\.rs#L\d)").expect("a fixed pattern");
    let mut findings = Vec::new();
    for page in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        findings.extend(check_statement_page(page));
        if NOT_READ.iter().any(|folder| page.path.starts_with(folder)) {
            continue;
        }
        for (number, line) in prose_lines(&page.text) {
            if line_link.is_match(line) {
                findings.push(Finding::new(
                    &page.path,
                    number,
                    "names a line: lines move, name the symbol",
                ));
            }
            let missing = code_spans(line).filter(|span| !exists(span, tree, &words));
            findings.extend(missing.map(|span| {
                Finding::new(&page.path, number, format!("names `{span}`, which does not exist"))
            }));
        }
    }
    findings
}

/// Each page of statements has an example that runs.
fn check_statement_page(page: &File) -> Option<Finding> {
    let is_statement = page.path.starts_with("docs/reference/statements/");
    let runs = Regex::new(r"(?s)```sql\n.*?\n```\s*```text\n").expect("a fixed pattern");
    (is_statement && !runs.is_match(&page.text)).then(|| {
        Finding::new(
            &page.path,
            0,
            "has no ```sql fence followed by a ```text fence: nothing here is tested",
        )
    })
}

/// Every word of code in the project.
fn words(tree: &Tree) -> HashSet<&str> {
    let split = |text| str::split(text, |c: char| !c.is_alphanumeric() && c != '_');
    tree.sources().flat_map(|(_, source)| split(&source.code)).collect()
}

/// Lines outside fences, numbered from 1.
fn prose_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
            return None;
        }
        (!is_fenced).then_some((index + 1, line))
    })
}

fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether a code span that looks like a path or a Rust name is found; other spans always are.
fn exists(span: &str, tree: &Tree, words: &HashSet<&str>) -> bool {
    let path = Regex::new(r"^[\w.-]+(?:/[\w.-]+)*(?:/|\.(?:rs|md|toml|slt|sh))$").expect("fixed");
    let symbol =
        Regex::new(r"^(?:[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+|\w+(?:::\w+)+(?:\(\))?|[a-z_]+\(\))$");
    if path.is_match(span) {
        let is_bare = !span.contains('/');
        let ends = |file: &File| file.path.ends_with(&format!("/{span}"));
        return PATH_ROOTS.iter().any(|root| tree.holds(&format!("{root}{span}")))
            || (is_bare && tree.files.iter().any(ends));
    }
    if symbol.expect("fixed").is_match(span) {
        return span.trim_end_matches("()").split("::").all(|word| words.contains(word));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> usize {
        let code = "pub struct DeltaBatch;\nimpl DeltaBatch { fn project() {} }\n";
        check(&Tree::of(&[("docs/page.md", text), ("crates/types/src/delta.rs", code)])).len()
    }

    #[test]
    fn names_are_looked_up() {
        assert_eq!(
            findings("`DeltaBatch` `DeltaBatch::project` `project()` `SELECT 1` `Kafka`"),
            0
        );
        assert_eq!(
            findings("`crates/types/` `types/src/delta.rs` `crates/types/src/delta.rs` `delta.rs`"),
            0
        );
        assert_eq!(findings("`DeltaHeap`"), 1);
        assert_eq!(findings("`DeltaBatch::melt`"), 1);
        assert_eq!(findings("`melt()`"), 1);
        assert_eq!(findings("`crates/tapes/`"), 1);
        assert_eq!(findings("```text\n`DeltaHeap`\n```\n"), 0);
    }

    #[test]
    fn lines_are_not_named() {
        assert_eq!(findings("see delta.rs:12"), 1);
        assert_eq!(findings("see delta.rs#L12"), 1);
    }

    #[test]
    fn a_page_of_statements_runs() {
        let page = |text| check(&Tree::of(&[("docs/reference/statements/insert.md", text)])).len();
        assert_eq!(page("# INSERT\n```sql\nSELECT 1;\n```\n```text\n1\n```\n"), 0);
        assert_eq!(page("# INSERT\n```sql\nSELECT 1;\n```\n"), 1);
    }
}
