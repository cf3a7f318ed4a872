//! What `cargo metadata` says about packages: ours with what they depend on, all with their licence.

use crate::project;
use anyhow::{Context, Result};
use serde_json::Value;

/// One package of the whole graph.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its licence expression; empty when it names none.
    pub(crate) licence: String,
    /// Whether it is a member of our workspace.
    pub(crate) is_ours: bool,
    /// Names of the packages its manifest asks for, tests and builds included.
    pub(crate) dependencies: Vec<String>,
}

/// Reads all packages.
pub(crate) fn read() -> Result<Vec<Package>> {
    let arguments = ["metadata", "--format-version", "1", "--locked"];
    parse(&project::output(project::cargo().args(arguments))?)
}

fn parse(text: &str) -> Result<Vec<Package>> {
    let metadata: Value = serde_json::from_str(text).context("cargo metadata is not JSON")?;
    let members = metadata["workspace_members"].as_array().context("no workspace members")?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    Ok(packages.iter().map(|package| read_package(package, members)).collect())
}

fn read_package(package: &Value, members: &[Value]) -> Package {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    Package {
        name: word(&package["name"]),
        licence: word(&package["license"]),
        is_ours: members.contains(&package["id"]),
        dependencies: dependencies.iter().map(|dependency| word(&dependency["name"])).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_their_dependencies_are_read() {
        let text = r#"{"workspace_members": ["a 1"], "packages": [
            {"id": "a 1", "name": "a", "license": "MIT", "dependencies": [{"name": "b"}]},
            {"id": "b 1", "name": "b", "license": null, "dependencies": []}]}"#;
        let packages = parse(text).unwrap();
        assert!(packages[0].is_ours && !packages[1].is_ours);
        assert_eq!(packages[0].dependencies, ["b"]);
        assert_eq!(packages[1].licence, "");
    }
}
