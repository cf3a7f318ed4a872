//! Rules 42 and 43: a script's name and first line are claims, and no script waits.

use super::{Finding, Tree};
use regex::Regex;

/// Checks every SQL script.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let name = Regex::new(r"^[a-z][a-z0-9]*(?:_[a-z0-9]+)+$").expect("a fixed pattern");
    let waits = Regex::new(r"(?i)^\s*(?:sleep\b|(?:statement|query)\b.*\bretry\b)|\bpg_sleep\b")
        .expect("fixed");
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".slt")) {
        let stem = file.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".slt");
        if !name.is_match(stem) {
            findings.push(Finding::new(&file.path, 0, "the name is no claim in lower_case words"));
        }
        let first = file.text.lines().next().unwrap_or_default();
        if !(first.starts_with("# ") && first.ends_with('.') && first.len() > 20) {
            findings.push(Finding::new(
                &file.path,
                1,
                "the first line is not `# <sentence that must hold>.`",
            ));
        }
        for (index, _) in file.text.lines().enumerate().filter(|(_, line)| waits.is_match(line)) {
            findings.push(Finding::new(&file.path, index + 1, "a script never sleeps or retries"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# A late row never changes a closed window.\n";

    fn findings(name: &str, text: &str) -> usize {
        check(&Tree::of(&[(&format!("sql-tests/scripts/time/{name}.slt"), text)])).len()
    }

    #[test]
    fn a_script_claims_something() {
        assert_eq!(findings("late_row_counted", HEAD), 0);
        assert_eq!(findings("test", HEAD), 1);
        assert_eq!(findings("Late_Row", HEAD), 1);
        assert_eq!(findings("late_row_counted", "statement ok\nSELECT 1\n"), 1);
    }

    #[test]
    fn a_script_never_waits() {
        for line in ["sleep 1s", "statement ok retry 3 backoff 5s", "SELECT pg_sleep(1)"] {
            assert_eq!(findings("late_row_counted", &format!("{HEAD}{line}\n")), 1, "{line}");
        }
        assert_eq!(findings("late_row_counted", &format!("{HEAD}# A retry is refused.\n")), 0);
    }
}
