//! `cargo xtask powercut`: twenty power cuts under writers, on demand, since it needs root.
//!
//! The one idea: the mounts live in a namespace of the run's own, so whatever ends the run ends them; the
//! kernel takes mounts, loop devices and server with the last process of the namespace.
//!
//! The cuts themselves are `power/cuts` in `sql-tests/src/kill/power.rs`.

use crate::project;
use anyhow::{Context, Result};
use std::process::Command;

/// What sets the namespaces up; whoever is in them is killed when it ends.
const UNSHARE: &[&str] =
    &["--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "--propagation", "private"];

/// Builds, and cuts.
pub(crate) fn run() -> Result<()> {
    project::run(project::cargo().args(["build", "--workspace", "--locked", "--bins"]))?;
    let program = project::target_directory().join("debug/kappa-sql-tests");
    let mut command = Command::new("unshare");
    command.current_dir(project::root()).args(UNSHARE).arg(program).arg("power/cuts");
    project::run(&mut command).context("power cuts failed; they need Linux, root and loop devices")
}
