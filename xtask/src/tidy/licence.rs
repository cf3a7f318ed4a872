//! Rule 53: every package that we build on has a licence that `deny.toml` allows.
//!
//! The one idea: the same list that `cargo deny` reads, checked without installing it. An `OR` needs
//! one side, an `AND` both; old manifests write `/` for `OR`.
//!
//! Advisories and bans are left to `cargo deny`, on demand.

use super::metadata::Package;
use super::{Finding, Tree};

/// The file with the list.
const FILE: &str = "deny.toml";

/// Checks every foreign package.
pub(crate) fn check(tree: &Tree, packages: &[Package]) -> Vec<Finding> {
    let allowed = allowed(tree);
    if allowed.is_empty() {
        return vec![Finding::new(FILE, 0, "allows no licence")];
    }
    let refused =
        packages.iter().filter(|package| !package.is_ours && !holds(&package.licence, &allowed));
    let finding = |package: &Package| {
        Finding::new(FILE, 0, format!("does not allow \"{}\" of {}", package.licence, package.name))
    };
    refused.map(finding).collect()
}

fn allowed(tree: &Tree) -> Vec<String> {
    let text = tree.file(FILE).map(|file| file.text.as_str()).unwrap_or_default();
    let Ok(table) = text.parse::<toml::Table>() else { return Vec::new() };
    let list = table.get("licenses").and_then(|licenses| licenses.get("allow")?.as_array());
    let words = list.into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned));
    words.collect()
}

/// Whether a licence expression can be met from the list.
fn holds(expression: &str, allowed: &[String]) -> bool {
    let expression = expression.replace('/', " OR ");
    let either = split(&expression, " OR ");
    if either.len() > 1 {
        return either.iter().any(|side| holds(side, allowed));
    }
    let both = split(&expression, " AND ");
    if both.len() > 1 {
        return both.iter().all(|side| holds(side, allowed));
    }
    let word = expression.trim();
    match word.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => holds(inner, allowed),
        None => allowed.iter().any(|name| name == word),
    }
}

/// Splits at a word outside parentheses.
fn split<'a>(expression: &'a str, word: &str) -> Vec<&'a str> {
    let (mut parts, mut depth, mut begin) = (Vec::new(), 0, 0);
    for (at, byte) in expression.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b' ' if depth == 0 && expression[at..].starts_with(word) => {
                parts.push(&expression[begin..at]);
                begin = at + word.len();
            }
            _ => {}
        }
    }
    parts.push(&expression[begin..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_met_from_the_list() {
        let allowed = ["MIT".to_owned(), "Apache-2.0".to_owned(), "Unicode-3.0".to_owned()];
        for expression in
            ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-3.0", "(MIT OR GPL-3.0) AND Unicode-3.0"]
        {
            assert!(holds(expression, &allowed), "{expression}");
        }
        for expression in ["", "GPL-3.0", "MIT AND GPL-3.0", "(GPL-3.0 OR X) AND MIT"] {
            assert!(!holds(expression, &allowed), "{expression}");
        }
    }

    #[test]
    fn a_refused_licence_is_named() {
        let tree = Tree::of(&[(FILE, "[licenses]\nallow = [\"MIT\"]\n")]);
        let package = |licence: &str, is_ours| Package {
            name: "x".into(),
            licence: licence.into(),
            is_ours,
            dependencies: vec![],
        };
        assert_eq!(check(&tree, &[package("MIT", false), package("", true)]), vec![]);
        assert_eq!(check(&tree, &[package("GPL-3.0", false)]).len(), 1);
    }
}
