//! A copy of the project in the target directory, for code that must not stay.
//!
//! The one idea: the checkout is never written to. The copy follows it file by file and keeps the
//! times of what did not change, so that the next run compiles little; foreign libraries are linked
//! from what the checkout has built.
//!
//! It takes what git tracks or would track, changes that are not committed included.

use crate::project;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What cargo keeps of a compiled library, below the profile's directory.
const COMPILED: &[&str] = &[".fingerprint", "build", "deps"];

/// How the names of our own packages begin.
const OURS: &[&str] = &["kappa-", "xtask-"];

/// The copy.
pub(crate) struct Copy {
    /// Its root directory.
    pub(crate) tree: PathBuf,
    /// Where cargo builds it.
    pub(crate) target_directory: PathBuf,
}

impl Copy {
    /// Makes the copy equal to the checkout.
    pub(crate) fn make() -> Result<Self> {
        let target_directory = project::target_directory().join("mutants");
        let tree = target_directory.join("tree");
        let mut listing = Command::new("git");
        listing.current_dir(project::root());
        listing.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listed = project::output(&mut listing)?;
        let files: BTreeSet<&str> = listed.split_terminator('\0').collect();
        for file in &files {
            copy_file(&project::root().join(file), &tree.join(file))
                .with_context(|| format!("cannot copy {file}"))?;
        }
        remove_others(&tree, &tree, &files)?;
        link_foreign(&project::target_directory().join("debug"), &target_directory.join("debug"))?;
        Ok(Self { tree, target_directory })
    }

    /// Replaces a file until [`Copy::restore`].
    pub(crate) fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.tree.join(file);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Makes a file what it is in the checkout.
    pub(crate) fn restore(&self, file: &str) -> Result<()> {
        copy_file(&project::root().join(file), &self.tree.join(file))
    }
}

/// Only if it differs: cargo goes by the time of the last change.
fn copy_file(from: &Path, to: &Path) -> Result<()> {
    if !from.exists() {
        return remove_if_there(to);
    }
    let bytes = std::fs::read(from)?;
    if std::fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    std::fs::create_dir_all(to.parent().context("a file lies in a directory")?)?;
    std::fs::write(to, bytes)?;
    Ok(())
}

fn remove_if_there(path: &Path) -> Result<()> {
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// Removes what the checkout no longer has.
fn remove_others(tree: &Path, directory: &Path, files: &BTreeSet<&str>) -> Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(tree, &path, files)?;
            continue;
        }
        let name = path.strip_prefix(tree).ok().and_then(Path::to_str);
        if name.is_none_or(|name| !files.contains(name)) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Links what is missing of the foreign libraries. Hard links cost no room, and cargo never builds a
/// foreign library of the same name again. Our own crates are left out: they have the same names in
/// the copy, and cargo would write through the link into what the checkout has built.
fn link_foreign(from: &Path, to: &Path) -> Result<()> {
    let fingerprints = from.join(COMPILED[0]);
    if !fingerprints.exists() {
        return Ok(());
    }
    let mut ours = BTreeSet::new();
    for entry in std::fs::read_dir(&fingerprints)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if OURS.iter().any(|prefix| name.starts_with(prefix)) {
            ours.insert(hash_of(&name).to_owned());
        }
    }
    for part in COMPILED {
        link_missing(&from.join(part), &to.join(part), &ours)?;
    }
    Ok(())
}

/// The hash in a name that cargo made: `5f` of `libarrow-5f.rlib`.
fn hash_of(name: &str) -> &str {
    let end = name.rsplit('-').next().unwrap_or(name);
    end.split('.').next().unwrap_or(end)
}

fn link_missing(from: &Path, to: &Path, left_out: &BTreeSet<String>) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if left_out.contains(hash_of(&entry.file_name().to_string_lossy())) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            link_missing(&entry.path(), &target, left_out)?;
        } else if !target.exists() {
            std::fs::hard_link(entry.path(), &target)
                .with_context(|| format!("cannot link {}", target.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_made_is_known_by_its_hash() {
        for name in ["kappa-log-5f", "libkappa_log-5f.rlib", "log-5f", "log-5f.d"] {
            assert_eq!(hash_of(name), "5f", "{name}");
        }
    }
}
