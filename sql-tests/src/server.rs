//! The server under test: a child process on a data directory.
//!
//! The one idea: the server picks its ports and says them in one line of output; nobody guesses a port
//! and nobody polls.
//!
//! It does not know what runs on the server; [`crate::instance`] decides when to stop or kill it.

use crate::failure::Failure;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// How long a server may take to accept connections, recovery included.
const START_TIME_MAX: Duration = Duration::from_secs(60);
/// How long a server may take to stop cleanly.
const STOP_TIME_MAX: Duration = Duration::from_secs(20);
/// Lines of the server's log that a report shows.
const LOG_LINE_COUNT_MAX: usize = 30;

/// What a server is started with.
#[derive(Debug, Clone)]
pub(crate) struct ServerOptions {
    /// The program.
    pub(crate) program: PathBuf,
    /// The directory to start it in: file connectors of scripts name paths from here.
    pub(crate) working_directory: PathBuf,
    /// Where its data lies.
    pub(crate) data_directory: PathBuf,
    /// Where its messages go.
    pub(crate) log_file: PathBuf,
    /// Its workers.
    pub(crate) worker_count: usize,
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// `host:port` where it speaks SQL.
    pub(crate) address: String,
    /// `host:port` where it speaks HTTP.
    pub(crate) http_address: String,
}

impl Server {
    /// Starts a server and waits for the line that says where it listens.
    pub(crate) async fn start(options: &ServerOptions) -> Result<Self, Failure> {
        let mut child = command(options)?.spawn().map_err(|error| {
            Failure::broken(format!("cannot start {}: {error}", options.program.display()))
        })?;
        let output = child.stdout.take().ok_or_else(|| Failure::broken("no output to read"))?;
        let mut lines = BufReader::new(output).lines();
        let line = tokio::time::timeout(START_TIME_MAX, lines.next_line()).await;
        let line = match line {
            Ok(Ok(Some(line))) => line,
            Ok(_) => {
                let status =
                    child.wait().await.map(|status| status.to_string()).unwrap_or_default();
                return Err(Failure::broken(format!("the server did not start: {status}")));
            }
            Err(_) => {
                return Err(Failure::broken(format!("no line of output in {START_TIME_MAX:?}")));
            }
        };
        let (address, http_address) = parse_line(&line)
            .ok_or_else(|| Failure::broken(format!("the line says no address: \"{line}\"")))?;
        tokio::spawn(drain(lines));
        Ok(Self { child, address, http_address })
    }

    /// Stops the server as a user would; anything but exit code 0 is a failure.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        self.stop_by(libc::SIGTERM).await
    }

    /// Stops the server by a signal; anything but exit code 0 is a failure.
    pub(crate) async fn stop_by(mut self, signal: i32) -> Result<(), Failure> {
        let pid = self.child.id().ok_or_else(|| Failure::broken("the server had already ended"))?;
        let pid = i32::try_from(pid).map_err(|_| Failure::broken("a process id out of range"))?;
        // SAFETY: kill takes no pointers; the process is our child and has not been waited for, so the
        // id is still its own.
        let result = unsafe { libc::kill(pid, signal) };
        if result != 0 {
            return Err(Failure::broken("cannot signal the server"));
        }
        match tokio::time::timeout(STOP_TIME_MAX, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(Failure::broken(format!("the server stopped with {status}"))),
            Ok(Err(error)) => Err(Failure::broken(format!("cannot wait for the server: {error}"))),
            Err(_) => Err(Failure::broken(format!("the server did not stop in {STOP_TIME_MAX:?}"))),
        }
    }

    /// Kills the server without waiting for its end.
    pub(crate) fn begin_kill(&mut self) -> Result<(), Failure> {
        let killed = self.child.start_kill();
        killed.map_err(|error| Failure::broken(format!("cannot kill the server: {error}")))
    }

    /// Kills the server.
    pub(crate) async fn kill(mut self) -> Result<(), Failure> {
        let killed = self.child.kill().await;
        killed.map_err(|error| Failure::broken(format!("cannot kill the server: {error}")))
    }

    /// Waits for the end of a server that ends by itself.
    pub(crate) async fn wait_for_end(mut self) -> Result<(), Failure> {
        match tokio::time::timeout(STOP_TIME_MAX, self.child.wait()).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Failure::broken("the connection broke, but the server has not ended")),
        }
    }

    /// How the server ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<String> {
        self.child.try_wait().ok().flatten().map(|status| status.to_string())
    }
}

fn command(options: &ServerOptions) -> Result<Command, Failure> {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(&options.log_file);
    let log = log.map_err(|error| Failure::broken(format!("cannot write a log: {error}")))?;
    let mut command = Command::new(&options.program);
    command.current_dir(&options.working_directory);
    command.arg("serve").arg("--data-dir").arg(&options.data_directory);
    command.args(["--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--clock", "manual"]);
    command.args(["--workers", &options.worker_count.to_string()]);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KAPPADB_")) {
        command.env_remove(name);
    }
    // The place of a panic is what a report needs; its backtrace would push it out of the log's end.
    command.env("RUST_BACKTRACE", "0");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
    Ok(command)
}

/// Reads on, so that the server never waits for us.
async fn drain(mut lines: tokio::io::Lines<BufReader<ChildStdout>>) {
    while let Ok(Some(_)) = lines.next_line().await {}
}

/// The addresses in `kappadb: listening on 127.0.0.1:5277 (http 127.0.0.1:5278)`.
fn parse_line(line: &str) -> Option<(String, String)> {
    let rest = line.strip_prefix("kappadb: listening on ")?;
    let (address, http) = rest.trim_end().split_once(" (http ")?;
    Some((address.to_owned(), http.strip_suffix(')')?.to_owned()))
}

/// The end of the server's log, and whether it tells of a panic.
pub(crate) fn read_log(options: &ServerOptions) -> (String, bool) {
    let text = std::fs::read_to_string(&options.log_file).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    let tail = &lines[lines.len().saturating_sub(LOG_LINE_COUNT_MAX)..];
    (tail.join("\n"), text.contains("panicked at"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_the_address() {
        let line = "kappadb: listening on 127.0.0.1:40123 (http 127.0.0.1:40124)";
        let expected = ("127.0.0.1:40123".to_owned(), "127.0.0.1:40124".to_owned());
        assert_eq!(parse_line(line), Some(expected));
        assert_eq!(parse_line("listening"), None);
    }
}
