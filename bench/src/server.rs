//! [`Server`]: a server under test, as a child process on a fresh directory.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// A running server. Dropping it kills the process and removes the directory.
pub(crate) struct Server {
    child: Child,
    port: u16,
    _dir: TempDir,
}

impl Server {
    /// Starts the `kappadb` that stands beside this binary, with `workers` dataflow workers.
    pub(crate) fn start(workers: usize) -> Result<Self> {
        let binary: PathBuf = std::env::current_exe()?.with_file_name("kappadb");
        let dir = tempfile::tempdir()?;
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
        Ok(Self { child, port, _dir: dir })
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
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The command name may hold spaces; the numbers follow its closing parenthesis.
        let fields: Vec<&str> =
            stat.rsplit(')').next().context("empty stat")?.split_whitespace().collect();
        let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        // SAFETY: sysconf only reads a constant.
        let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
        Ok(ticks / per_second)
    }

    /// Anonymous resident memory, bytes.
    pub(crate) fn anonymous_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line =
            status.lines().find(|line| line.starts_with("RssAnon:")).context("no RssAnon")?;
        Ok(line.split_whitespace().nth(1).context("empty RssAnon")?.parse::<u64>()? * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing in the directory is kept.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
