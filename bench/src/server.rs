//! [`Server`]: a server under test, as a child process on a fresh directory.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::process;

/// A running server. Dropping it kills the process and removes the directory.
pub(crate) struct Server {
    child: Child,
    port: u16,
    workers: usize,
    dir: TempDir,
}

impl Server {
    /// Starts the `kappadb` that stands beside this binary, with `workers` dataflow workers.
    pub(crate) fn start(workers: usize) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let (child, port) = spawn(&dir, workers)?;
        Ok(Self { child, port, workers, dir })
    }

    /// Ends the server cleanly and starts another one on its directory.
    pub(crate) fn restart(&mut self) -> Result<()> {
        let process_id = libc::pid_t::try_from(self.child.id())?;
        // SAFETY: the child has not been waited for, so the number is still its own.
        ensure!(unsafe { libc::kill(process_id, libc::SIGTERM) } == 0, "cannot end the server");
        ensure!(self.child.wait()?.success(), "the server did not end cleanly");
        (self.child, self.port) = spawn(&self.dir, self.workers)?;
        Ok(())
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Result<Client> {
        let parameters = format!("host=127.0.0.1 port={} user=kappa dbname=kappa", self.port);
        let (client, connection) = tokio_postgres::connect(&parameters, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// User and system time of the process so far, seconds.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        process::cpu_seconds(self.child.id())
    }

    /// Anonymous resident memory, bytes.
    pub(crate) fn anonymous_bytes(&self) -> Result<u64> {
        process::anonymous_bytes(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing in the directory is kept.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a server and waits until it accepts connections.
fn spawn(dir: &TempDir, workers: usize) -> Result<(Child, u16)> {
    let binary: PathBuf = std::env::current_exe()?.with_file_name("kappadb");
    let mut child = Command::new(&binary)
        .args(["serve", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"])
        .args(["--workers", &workers.to_string()])
        .arg("--data-dir")
        .arg(dir.path().join("data"))
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    let stdout = child.stdout.take().context("no stdout")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let port = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next());
    let Some(port) = port.and_then(|port| port.parse().ok()) else {
        bail!("the server said: {line}");
    };
    Ok((child, port))
}
