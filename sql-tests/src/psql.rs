//! `\d` and its kin in scripts: a statement that begins with a backslash is run by psql.
//!
//! The one idea: what psql shows is the sum of a dozen catalogue queries of its own, so psql itself is
//! the test. Its unaligned output comes as one row per line, without empty lines.

use crate::failure::Failure;
use crate::outcome::Outcome;
use std::time::Duration;
use tokio::process::Command;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// How long psql may take.
const TIME_MAX: Duration = Duration::from_secs(30);

/// Runs a command of psql.
pub(crate) async fn run(config: &Config, text: &str) -> Result<Outcome, Failure> {
    let host = match config.get_hosts() {
        [Host::Tcp(host)] => host.as_str(),
        _ => return Err(Failure::broken("psql needs one host")),
    };
    let port = config.get_ports().first().copied().unwrap_or_default().to_string();
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-A", "-P", "footer=off", "-v", "ON_ERROR_STOP=1"]);
    command.args(["-h", host, "-p", &port, "-U", config.get_user().unwrap_or_default()]);
    command.args(["-d", config.get_dbname().unwrap_or_default(), "-c", text]);
    command.env("PGCLIENTENCODING", "UTF8").env("LC_ALL", "C.UTF-8").kill_on_drop(true);
    let output = match tokio::time::timeout(TIME_MAX, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(Failure::broken(format!("cannot start psql: {error}"))),
        Err(_) => return Err(Failure::broken(format!("psql took more than {TIME_MAX:?}"))),
    };
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Failure::broken(format!("psql: {message}")));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    Ok(Outcome::of_lines("psql", lines.map(str::to_owned).collect()))
}
