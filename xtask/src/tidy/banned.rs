//! Rules 34, 38 and 45: every file opens with its head; unfinished work, commented-out code and tests
//! that do not count cannot merge.

use super::{File, Finding, Source, Tree};
use regex::Regex;

/// What may not stand in code, and why.
const IN_CODE: &[(&str, &str)] = &[
    (r"\bdbg!", "`dbg!` cannot merge"),
    (r"\b(todo|unimplemented)!", "unfinished code cannot merge: leave it out whole"),
    (r"#\[ignore\b", "a test that is ignored is no test"),
    (r"#\[should_panic\b", "assert the error instead of a panic"),
];

/// What may not stand in comments, and why.
const IN_COMMENTS: &[(&str, &str)] = &[
    (r"\bFIXME\b", "`FIXME` cannot merge"),
    (r"\bTODO\b(?:[^(]|$)", "a TODO names its owner or issue: `TODO(name): …`"),
    (
        r"^\s*//\s*(?:(?:pub |async |unsafe )*(?:fn|let|use|impl|struct|enum|mod|return|if|for|while) .*[;{]|[a-z_.]+\(.*\);|\})\s*$",
        "commented-out code cannot merge",
    ),
];

/// Checks every Rust file.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let in_code = compile(IN_CODE);
    let in_comments = compile(IN_COMMENTS);
    let mut findings = Vec::new();
    for (file, source) in tree.sources() {
        if !file.text.starts_with("//!") {
            findings.push(Finding::new(
                &file.path,
                1,
                "opens without a head: `//!` what it is, its one idea",
            ));
        }
        findings.extend(search(file, &source.code, &in_code));
        findings.extend(search(file, &source.comments, &in_comments));
        findings.extend(check_test_names(file, source));
    }
    findings
}

fn compile(patterns: &[(&str, &'static str)]) -> Vec<(Regex, &'static str)> {
    patterns
        .iter()
        .map(|(text, what)| (Regex::new(text).expect("a fixed pattern"), *what))
        .collect()
}

fn search(file: &File, text: &str, patterns: &[(Regex, &'static str)]) -> Vec<Finding> {
    let lines = text.lines().enumerate();
    let hits = lines.flat_map(|(index, line)| {
        let found = patterns.iter().filter(|(pattern, _)| pattern.is_match(line));
        found.map(move |(_, what)| Finding::new(&file.path, index + 1, *what)).collect::<Vec<_>>()
    });
    hits.collect()
}

/// A test named `test_x` or `x_works` claims nothing.
fn check_test_names(file: &File, source: &Source) -> Vec<Finding> {
    let pattern =
        Regex::new(r"#\[(?:tokio::)?test\]\s*(?:async\s+)?fn\s+(test(?:_\w*)?|it_works)\b")
            .expect("fixed");
    let hits = pattern.captures_iter(&source.code).map(|found| {
        let name = found.get(1).expect("the pattern has one group");
        let what = format!("the name of a test is a claim, `{}` is none", name.as_str());
        Finding::new(&file.path, source.line_at(name.start()), what)
    });
    hits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let text = format!("//! Head.\n{text}");
        check(&Tree::of(&[("a/src/b.rs", &text)])).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_file_needs_a_head() {
        assert_eq!(check(&Tree::of(&[("a/src/b.rs", "fn f() {}")])).len(), 1);
        assert!(findings("fn f() {}").is_empty());
    }

    #[test]
    fn what_cannot_merge_is_found() {
        let refused = [
            "fn f() { dbg!(1); }",
            "fn f() { todo!() }",
            "#[ignore]",
            "#[ignore = \"slow\"]",
            "#[should_panic]",
            "// FIXME: x",
            "// TODO: x",
            "/// TODO",
            "// let a = b;",
            "// self.f(x);",
            "// pub fn f() {",
            "// }",
            "#[test]\nfn test_it() {}",
        ];
        for text in refused {
            assert_eq!(findings(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn what_may_merge_is_left_alone() {
        let allowed = [
            "let s = \"todo!() FIXME\";",
            "// TODO(issue 7): x",
            "// The caller holds the lock;",
            "// Let rows without a key pass; they meet nobody.",
            "/// ```\n/// let a = b;\n/// ```",
            "#[test]\nfn a_row_is_found() {}",
        ];
        for text in allowed {
            assert_eq!(findings(text), Vec::<String>::new(), "{text}");
        }
    }
}
