//! Rule: every Rust file is compiled.
//!
//! The one idea: cargo does not look at a file that no `mod` names, so such a file rots unseen. A file is
//! named by the `mod.rs`, `lib.rs` or `main.rs` beside it, or by the file its folder is called after.
//!
//! Tests, examples and `build.rs` are found by cargo itself.

use super::{File, Finding, Tree};
use regex::Regex;

/// Checks every Rust file below a `src`.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let files = tree.sources().map(|(file, _)| file);
    let orphans = files.filter(|file| parents(file).is_some_and(|names| !is_named(tree, &names)));
    let what = "no `mod` names this file: it is not compiled";
    orphans.map(|file| Finding::new(&file.path, 0, what.to_owned())).collect()
}

/// The files that may name a file, and its name; `None` for a root of a crate.
fn parents(file: &File) -> Option<(Vec<String>, String)> {
    let (_, inside) = file.path.rsplit_once("src/")?;
    if matches!(inside, "lib.rs" | "main.rs") || inside.starts_with("bin/") {
        return None;
    }
    let path = file.path.trim_end_matches(".rs").trim_end_matches("/mod");
    let (folder, name) = path.rsplit_once('/')?;
    let named = ["mod.rs", "lib.rs", "main.rs"].map(|parent| format!("{folder}/{parent}"));
    let parents = named.into_iter().chain([format!("{folder}.rs")]);
    Some((parents.collect(), name.to_owned()))
}

fn is_named(tree: &Tree, (parents, name): &(Vec<String>, String)) -> bool {
    let declaration = Regex::new(&format!(r"\bmod {name}\s*;")).expect("a name is plain");
    let sources = parents.iter().filter_map(|path| tree.file(path)?.source.as_ref());
    sources.into_iter().any(|source| declaration.is_match(&source.code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_mod_is_found() {
        let tree = Tree::of(&[
            ("crates/log/src/lib.rs", "mod wal;\nmod fs;\n// mod gone;\n"),
            ("crates/log/src/wal.rs", ""),
            ("crates/log/src/gone.rs", ""),
            ("crates/log/src/fs/mod.rs", "pub(crate) mod real;"),
            ("crates/log/src/fs/real.rs", ""),
            ("crates/log/src/fs/stub.rs", ""),
            ("crates/log/tests/wal.rs", ""),
        ]);
        let paths: Vec<_> = check(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(paths, ["crates/log/src/gone.rs", "crates/log/src/fs/stub.rs"]);
    }
}
