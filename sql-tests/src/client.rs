//! Programs in other languages that use a driver as a user would, run against an instance.
//!
//! The one idea: the program is the script. It finds the server by the environment that every
//! PostgreSQL driver reads, and passes when its exit code is 0; what it printed is the report.
//!
//! Python's drivers lie in the environment that `setup.sh` makes; without it the program is not run, and
//! the report says so.

use crate::failure::Failure;
use crate::instance::Instance;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;
use tokio_postgres::config::Host;

/// Python with the drivers, from the root of the project.
pub(crate) const PYTHON: &str = "target/python/bin/python";
/// How long a program may take.
const TIME_MAX: Duration = Duration::from_secs(120);

/// Runs a Python program; `root` is the project's root.
pub(crate) async fn run(root: &Path, path: &str, instance: &Arc<Instance>) -> Result<(), String> {
    let result = try_run(root, path, instance).await;
    result.map_err(|failure| failure.to_string())?;
    instance.finish().await.map_err(|failure| failure.to_string())
}

async fn try_run(root: &Path, path: &str, instance: &Arc<Instance>) -> Result<(), Failure> {
    let config = instance.config().await?;
    let host = match config.get_hosts() {
        [Host::Tcp(host)] => host.clone(),
        _ => return Err(Failure::broken("a program needs one host")),
    };
    let port = config.get_ports().first().copied().unwrap_or_default().to_string();
    let mut command = Command::new(root.join(PYTHON));
    command.current_dir(root).arg(path).kill_on_drop(true);
    command.env("PGHOST", host).env("PGPORT", port);
    command.env("PGUSER", config.get_user().unwrap_or_default());
    command.env("PGDATABASE", config.get_dbname().unwrap_or_default());
    command.env("TARGET", if instance.is_postgres() { "postgres" } else { "kappadb" });
    let output = match tokio::time::timeout(TIME_MAX, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(Failure::broken(format!("cannot start {PYTHON}: {error}"))),
        Err(_) => return Err(Failure::broken(format!("not done in {TIME_MAX:?}"))),
    };
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Failure::broken(format!("{}\n{text}", output.status)))
}
