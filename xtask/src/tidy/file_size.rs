//! Rule 7: no file crosses 800 lines, tests not counted; those across may only shrink.
//!
//! The one idea: a ratchet. A file that is over stands in [`RATCHET`] with its size; growing is a
//! finding, and so is shrinking without writing the new size down.

use super::{Finding, Tree};

/// Lines of a file, its tests not counted, that cannot be crossed.
const LINE_COUNT_MAX: usize = 800;

/// Files that are across, with their size.
const RATCHET: &[(&str, usize)] = &[];

/// Checks every Rust file.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    check_against(tree, RATCHET)
}

fn check_against(tree: &Tree, ratchet: &[(&str, usize)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, source) in tree.sources().filter(|(file, _)| !file.is_test()) {
        let count = source.code_lines().count();
        let known = ratchet.iter().find(|(path, _)| *path == file.path).map(|(_, size)| *size);
        let what = match known {
            Some(size) if count > size => format!("grew from {size} to {count} lines"),
            Some(size) if count < size => {
                format!("is down to {count} lines: write that into RATCHET")
            }
            None if count > LINE_COUNT_MAX => {
                format!("has {count} lines, tests not counted; the bound is {LINE_COUNT_MAX}")
            }
            _ => continue,
        };
        findings.push(Finding::new(&file.path, 0, what));
    }
    for (path, _) in ratchet.iter().filter(|(path, _)| !tree.holds(path)) {
        findings.push(Finding::new(path, 0, "is gone: take it out of RATCHET"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(line_count: usize, ratchet: &[(&str, usize)]) -> usize {
        let text = "fn f() {}\n".repeat(line_count) + "#[cfg(test)]\nmod tests {\n\n\n}\n";
        check_against(&Tree::of(&[("a/src/b.rs", &text)]), ratchet).len()
    }

    #[test]
    fn the_bound_is_for_code_without_tests() {
        assert_eq!(findings(LINE_COUNT_MAX, &[]), 0);
        assert_eq!(findings(LINE_COUNT_MAX + 1, &[]), 1);
    }

    #[test]
    fn a_file_across_may_only_shrink() {
        assert_eq!(findings(900, &[("a/src/b.rs", 900)]), 0);
        assert_eq!(findings(901, &[("a/src/b.rs", 900)]), 1);
        assert_eq!(findings(899, &[("a/src/b.rs", 900)]), 1);
        assert_eq!(findings(1, &[("a/src/c.rs", 900)]), 1);
    }
}
