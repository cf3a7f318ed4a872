//! Rules 5 and 8: no drawer names, and a `mod.rs` declares, re-exports and explains.
//!
//! The one idea: a `mod.rs` may show the shape of its folder (modules, lists, the declaration of a type),
//! and holds no code that decides.

use super::{Finding, Tree};
use regex::Regex;

/// Names for code without a home.
const DRAWERS: &[&str] = &["common", "util", "utils", "helper", "helpers", "manager", "misc"];

/// Words at the beginning of what is logic.
const LOGIC: &str = r"(?m)^\s*(?:pub(?:\([a-z ]+\))?\s+)?(impl|if|for|while|loop|match)\b";

/// Checks every Rust file.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let logic = Regex::new(LOGIC).expect("a fixed pattern");
    let mut findings = Vec::new();
    for (file, source) in tree.sources() {
        let parts = file.path.trim_end_matches(".rs").split('/');
        if let Some(drawer) = parts.into_iter().find(|part| DRAWERS.contains(part)) {
            let what = format!("\"{drawer}\" is a drawer, not a name: which noun is missing?");
            findings.push(Finding::new(&file.path, 0, what));
        }
        if file.path.ends_with("/mod.rs") && !file.is_test() {
            for found in logic.captures_iter(&source.code) {
                let word = found.get(1).expect("the pattern has one group");
                let line = source.line_at(word.start());
                if !source.is_test_line(line) {
                    let what = format!("mod.rs holds no logic, but here is `{}`", word.as_str());
                    findings.push(Finding::new(&file.path, line, what));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn drawers_are_refused() {
        assert_eq!(findings("crates/sql/src/utils/text.rs", ""), 1);
        assert_eq!(findings("crates/sql/src/common.rs", ""), 1);
        assert_eq!(findings("crates/sql/src/commonality.rs", ""), 0);
    }

    #[test]
    fn a_mod_file_lists_and_explains() {
        assert_eq!(findings("crates/sql/src/function/mod.rs", "mod a;\npub use a::A;\n"), 0);
        assert_eq!(findings("crates/sql/src/function/mod.rs", "pub const ALL: &[A] = &[a::A];"), 0);
        assert_eq!(findings("crates/sql/src/function/mod.rs", "pub struct A;\nimpl A {}"), 1);
        assert_eq!(findings("crates/sql/src/function/mod.rs", "fn f() {\n    if x {}\n}"), 1);
        assert_eq!(
            findings("crates/sql/src/function/mod.rs", "#[cfg(test)]\nmod t {\n impl A {}\n}"),
            0
        );
    }
}
