//! Rule 11: optional parts are chosen by file, not by `cfg` inside functions.
//!
//! The one idea: follow the braces. A brace that a `fn` opened is a function until it closes, and no
//! `cfg` may stand in it.

use super::{Finding, Source, Tree};

/// Checks every Rust file.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, source) in tree.sources() {
        let lines = lines_with_cfg_in_function(source);
        let what = "`cfg` inside a function: choose the optional part by file";
        findings.extend(lines.into_iter().map(|line| Finding::new(&file.path, line, what)));
    }
    findings
}

fn lines_with_cfg_in_function(source: &Source) -> Vec<usize> {
    let code = source.code.as_str();
    let mut lines = Vec::new();
    let mut braces: Vec<bool> = Vec::new();
    let mut head = 0;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'{' => {
                braces.push(opens_function(&code[head..at]));
                head = at + 1;
            }
            b'}' => {
                braces.pop();
                head = at + 1;
            }
            b';' => head = at + 1,
            b'c' if is_cfg(code, at) && braces.contains(&true) => lines.push(source.line_at(at)),
            _ => {}
        }
    }
    lines
}

/// Whether the text before a brace is the head of a function.
fn opens_function(head: &str) -> bool {
    head.split(|character: char| !character.is_alphanumeric() && character != '_')
        .any(|word| word == "fn")
}

/// Whether `#[cfg(`, `#[cfg_attr(` or `cfg!(` stands here.
fn is_cfg(code: &str, at: usize) -> bool {
    let rest = &code[at..];
    let is_attribute = rest.starts_with("cfg(") || rest.starts_with("cfg_attr(");
    (is_attribute && code[..at].ends_with("#[")) || rest.starts_with("cfg!(")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> usize {
        check(&Tree::of(&[("a/src/b.rs", text)])).len()
    }

    #[test]
    fn cfg_stands_on_items_only() {
        assert_eq!(findings("#[cfg(unix)]\nmod unix;\n#[cfg(test)]\nmod tests { fn f() {} }"), 0);
        assert_eq!(findings("fn f() { #[cfg(unix)] g(); }"), 1);
        assert_eq!(findings("impl A { fn f() { if cfg!(unix) {} } }"), 1);
        assert_eq!(findings("struct A { #[cfg(unix)] a: u8 }"), 0);
        assert_eq!(findings("fn f() {}\n#[cfg(unix)]\nfn g() {}"), 0);
    }
}
