//! Rule 3: each big foreign library, and the file system, is named in few places.
//!
//! The one idea: the block `libraries` of `docs/architecture.md` maps a path of Rust to the folders
//! that may write it; anywhere else it is a finding, whatever `Cargo.toml` allows.
//!
//! Test and example programs are free: they link what they try out. Unit tests may touch files, to
//! make and break directories on purpose.

use super::page_block::{self, Line, PAGE};
use super::{File, Finding, Source, Tree};
use regex::Regex;

/// Programs for us, not for users: the rule does not bind them.
const FREE: &[&str] = &["xtask", "sql-tests", "bench"];

/// Checks every Rust file against the block `libraries`.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(lines) = page_block::read(tree, "libraries") else {
        return vec![Finding::new(PAGE, 0, "has no block ```libraries")];
    };
    let lines: Vec<_> = lines.iter().map(|line| (line, pattern(&line.from))).collect();
    let mut findings = Vec::new();
    for (file, source) in tree.sources().filter(|(file, _)| !is_free(file)) {
        for (line, pattern) in &lines {
            if !line.to.iter().any(|folder| is_below(&file.path, folder)) {
                findings.extend(check_file(file, source, line, pattern));
            }
        }
    }
    findings
}

fn is_free(file: &File) -> bool {
    let is_program = |folder: &str| file.path.split('/').any(|part| part == folder);
    FREE.contains(&file.package()) || is_program("tests") || is_program("examples")
}

fn check_file(file: &File, source: &Source, line: &Line, pattern: &Regex) -> Vec<Finding> {
    let is_file_access = line.from.ends_with("::fs");
    let is_excused = |at| is_file_access && (file.is_test() || source.is_test_line(at));
    let places = pattern.find_iter(&source.code).map(|found| source.line_at(found.start()));
    let what = format!("`{}` may be named only in {}", line.from, line.to.join(", "));
    places
        .filter(|at| !is_excused(*at))
        .map(|at| Finding::new(&file.path, at, what.clone()))
        .collect()
}

/// A pattern that finds a path written out (`std::fs`) or in a group (`std::{io, fs}`).
fn pattern(path: &str) -> Regex {
    let text = match path.split_once("::") {
        None => format!(r"(?:^|[^\w:.]){path}(?:::|\s*;|\s+as\b)"),
        Some((head, tail)) => format!(r"\b{head}\s*::\s*(?:\{{[^;]*\b)?{tail}\b"),
    };
    Regex::new(&text).expect("a path of Rust is letters, digits, _ and ::")
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "```libraries\ntimely -> crates/dataflow\nstd::fs -> crates/log\n```\n";

    fn findings(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(PAGE, BLOCK), (path, text)])).len()
    }

    #[test]
    fn a_library_is_named_in_its_folder_only() {
        assert_eq!(findings("crates/dataflow/src/lib.rs", "use timely::order;"), 0);
        assert_eq!(findings("crates/dataflows/src/lib.rs", "use timely::order;"), 1);
        assert_eq!(findings("crates/sql/src/lib.rs", "use timely;"), 1);
        assert_eq!(findings("crates/sql/src/lib.rs", "fn f() { timely::execute(); }"), 1);
        assert_eq!(findings("crates/sql/src/lib.rs", "// timely::x\nlet s = \"timely::x\";"), 0);
        assert_eq!(findings("bench/src/main.rs", "use timely::order;"), 0);
    }

    #[test]
    fn files_are_reached_through_the_log_except_in_tests() {
        assert_eq!(findings("crates/sql/src/lib.rs", "use std::fs;"), 1);
        assert_eq!(findings("crates/sql/src/lib.rs", "use std::{io, fs};"), 1);
        assert_eq!(findings("crates/sql/src/lib.rs", "use std::fs::File;"), 1);
        assert_eq!(findings("crates/sql/src/lib.rs", "#[cfg(test)]\nmod t { use std::fs; }"), 0);
        assert_eq!(findings("crates/sql/tests/all.rs", "use std::fs;"), 0);
        assert_eq!(findings("crates/log/src/fs.rs", "use std::fs;"), 0);
    }
}
