//! The files of the project that rules look at, read once into memory.
//!
//! The one idea: rules see paths and text, never the disk, so that a test can write down a tree.
//!
//! It does not follow links and leaves out what git and cargo own.

use super::Source;
use anyhow::{Context, Result};
use std::path::Path;

/// Directories that are not ours to check.
const SKIPPED: &[&str] = &[".git", "target", "kappadb-data", "node_modules"];

/// Endings of the files that are read; others only count as existing.
const READ: &[&str] = &[".rs", ".md", ".toml", ".slt", ".sql", ".sh"];

/// One file.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    /// The whole text; empty for files that are not read.
    pub(crate) text: String,
    /// The text seen as Rust, for `.rs` files.
    pub(crate) source: Option<Source>,
}

/// All files, sorted by path.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// The files.
    pub(crate) files: Vec<File>,
}

impl Tree {
    /// Reads the project below `root`.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.read_directory(root, root)?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    fn read_directory(&mut self, root: &Path, directory: &Path) -> Result<()> {
        let entries = std::fs::read_dir(directory)
            .with_context(|| format!("cannot list {}", directory.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let kind = entry.file_type()?;
            if kind.is_dir() && !SKIPPED.iter().any(|skipped| name == *skipped) {
                self.read_directory(root, &entry.path())?;
            } else if kind.is_file() {
                let full = entry.path();
                let path = full.strip_prefix(root).expect("listed below the root");
                let path = path.to_str().context("a path that is not UTF-8")?.to_owned();
                let read = READ.iter().any(|ending| path.ends_with(ending));
                let text = if read { read_text(&full)? } else { String::new() };
                self.files.push(File::new(&path, text));
            }
        }
        Ok(())
    }

    /// A tree written down in a test.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self {
            files: files.iter().map(|(path, text)| File::new(path, (*text).to_owned())).collect(),
        }
    }

    /// The file at a path.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether a file, or a directory with files in it, is at the path.
    pub(crate) fn holds(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.files.iter().any(|file| {
            file.path
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// The Rust files, with their text seen as Rust.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&File, &Source)> {
        self.files.iter().filter_map(|file| file.source.as_ref().map(|source| (file, source)))
    }
}

impl File {
    fn new(path: &str, text: String) -> Self {
        let source = path.ends_with(".rs").then(|| Source::parse(&text));
        Self { path: path.to_owned(), text, source }
    }

    /// Whether the file holds only tests.
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// The crate's folder: `crates/log` of `crates/log/src/lib.rs`, `bench` of `bench/src/main.rs`.
    pub(crate) fn package(&self) -> &str {
        let depth = if self.path.starts_with("crates/") { 2 } else { 1 };
        let end = self.path.match_indices('/').nth(depth - 1).map_or(self.path.len(), |(at, _)| at);
        &self.path[..end]
    }
}

fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_exists_by_its_files() {
        let tree = Tree::of(&[("crates/log/src/lib.rs", "")]);
        assert!(tree.holds("crates/log/src/lib.rs"));
        assert!(tree.holds("crates/log/"));
        assert!(!tree.holds("crates/lo"));
    }

    #[test]
    fn a_file_belongs_to_a_package() {
        let tree = Tree::of(&[("crates/log/src/wal/file.rs", ""), ("bench/src/main.rs", "")]);
        let packages: Vec<_> = tree.files.iter().map(File::package).collect();
        assert_eq!(packages, ["crates/log", "bench"]);
    }
}
