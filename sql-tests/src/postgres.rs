//! A real PostgreSQL 15, started for one run: the oracle for everything PostgreSQL can express.
//!
//! The one idea: its own directory, its own free port, no locale, UTC, one database per script; nothing
//! of a server that may already run on the machine is touched.
//!
//! It is started by `pg_ctl -w`, which waits, and never by root, which PostgreSQL refuses.

use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// Where Debian puts the programs of the release that we follow.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
/// The user that Debian's packages make.
const USER: &str = "postgres";
/// The user that owns the database, named as ours so that psql shows the same owners.
pub const OWNER: &str = "kappa";

/// A running PostgreSQL; stopped when dropped.
#[derive(Debug)]
pub struct Cluster {
    directory: TempDir,
    /// The port on 127.0.0.1.
    pub port: u16,
    database_count: AtomicUsize,
}

impl Cluster {
    /// Whether PostgreSQL 15 is on this machine.
    #[must_use]
    pub fn is_installed() -> bool {
        Path::new(PROGRAMS).join("postgres").exists()
    }

    /// Makes and starts a cluster. Without `is_durable` it does not sync its files, which is all right
    /// for tests.
    ///
    /// # Errors
    /// If PostgreSQL cannot be started.
    pub fn start(is_durable: bool) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("kappa-postgres-").tempdir()?;
        if is_root() {
            own(directory.path())?;
        }
        let port = free_port()?;
        let cluster = Self { directory, port, database_count: AtomicUsize::new(0) };
        let data = cluster.data_directory();
        run(program("initdb").arg("-D").arg(&data).args(["-A", "trust", "-U", OWNER]).args([
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]))?;
        let fsync = if is_durable { "on" } else { "off" };
        let options = format!(
            "-p {port} -k {} -c listen_addresses=127.0.0.1 -c timezone=UTC -c fsync={fsync} -c max_connections=64",
            cluster.directory.path().display()
        );
        let log = cluster.directory.path().join("log");
        run(program("pg_ctl")
            .arg("-D")
            .arg(&data)
            .arg("-l")
            .arg(&log)
            .args(["-w", "-o", &options, "start"]))?;
        Ok(cluster)
    }

    /// A name for a new database.
    pub fn next_database(&self) -> String {
        format!("script_{}", self.database_count.fetch_add(1, Ordering::Relaxed))
    }

    fn data_directory(&self) -> PathBuf {
        self.directory.path().join("data")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.data_directory();
        // Nothing is lost when this fails: the directory goes, and the server with it.
        drop(run(program("pg_ctl").arg("-D").arg(&data).args(["-m", "immediate", "stop"])));
    }
}

/// One of PostgreSQL's programs, as a user that is not root.
fn program(name: &str) -> Command {
    let path = Path::new(PROGRAMS).join(name);
    if !is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", USER, "--"]).arg(path);
    command
}

fn run(command: &mut Command) -> Result<()> {
    // pg_ctl's server inherits our output; nobody must wait for its end, so it goes nowhere.
    command.current_dir("/").stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

fn is_root() -> bool {
    // SAFETY: geteuid has no preconditions.
    unsafe { libc::geteuid() == 0 }
}

/// Gives a directory to the user of PostgreSQL.
fn own(path: &Path) -> Result<()> {
    let number = |flag: &str| -> Result<u32> {
        let output = Command::new("id").args([flag, USER]).output()?;
        let text = String::from_utf8(output.stdout)?;
        text.trim().parse().with_context(|| format!("there is no user {USER}"))
    };
    std::os::unix::fs::chown(path, Some(number("-u")?), Some(number("-g")?))?;
    Ok(())
}

fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    match listener.local_addr()?.port() {
        0 => bail!("no free port"),
        port => Ok(port),
    }
}
