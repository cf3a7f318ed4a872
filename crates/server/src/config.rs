//! Every setting of the server, once: flag, environment variable, file key, default and unit.
//!
//! The one idea: this struct is the only definition. The command line and `KAPPADB_*` variables come
//! from clap's derive; a `--config` file of TOML holds the same names; what is given later wins in
//! the order file, environment, command line. Session parameters (`SET …`) are not here but in
//! `session/variable.rs`.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum, parser::ValueSource};

/// The Kappa architecture as one Postgres-compatible binary.
#[derive(Debug, Parser)]
#[command(name = "kappadb", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the binary can do.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Serve a data directory over the Postgres protocol.
    Serve(Config),
}

/// Where the server takes the time from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClockKind {
    /// The operating system's clock.
    System,
    /// A clock that stands still until `kappa_set_clock(timestamptz)` moves it; for tests.
    Manual,
}

/// The settings of `kappadb serve`.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Directory that holds everything; made if absent.
    #[arg(long, env = "KAPPADB_DATA_DIR", default_value = "./kappadb-data")]
    pub data_dir: PathBuf,
    /// Address of the Postgres protocol.
    #[arg(long, env = "KAPPADB_LISTEN", default_value = "127.0.0.1:5277")]
    pub listen: SocketAddr,
    /// Address of /health and /metrics.
    #[arg(long, env = "KAPPADB_HTTP_LISTEN", default_value = "127.0.0.1:5278")]
    pub http_listen: SocketAddr,
    /// Dataflow worker threads; 0 means one per core.
    #[arg(long, env = "KAPPADB_WORKERS", default_value_t = 0)]
    pub workers: usize,
    /// Where the time comes from.
    #[arg(long, env = "KAPPADB_CLOCK", value_enum, default_value = "system")]
    pub clock: ClockKind,
    /// Connections at the same time; one more is refused with 53300.
    #[arg(long, env = "KAPPADB_CONNECTION_COUNT_MAX", default_value_t = 256)]
    pub connection_count_max: usize,
    /// File of settings in TOML, by the names of the flags with `_` for `-`.
    #[arg(long, env = "KAPPADB_CONFIG")]
    pub config: Option<PathBuf>,
}

/// The same settings as a file gives them: each may be absent.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    data_dir: Option<PathBuf>,
    listen: Option<SocketAddr>,
    http_listen: Option<SocketAddr>,
    workers: Option<usize>,
    clock: Option<ClockKind>,
    connection_count_max: Option<usize>,
}

impl Config {
    /// Reads command line, environment and file.
    ///
    /// # Errors
    /// If the file cannot be read or holds an unknown name or bad value. Errors of the command line
    /// end the process with usage, as clap does.
    pub fn read() -> Result<Self> {
        let matches = Cli::command().get_matches();
        let Cli { command: Command::Serve(mut config) } = Cli::from_arg_matches(&matches)?;
        let Some(path) = config.config.clone() else { return config.checked() };
        let text = read_file(&path)?;
        let file: ConfigFile =
            toml::from_str(&text).with_context(|| format!("config file {}", path.display()))?;
        let serve = matches.subcommand_matches("serve").context("no subcommand")?;
        let is_default =
            |id: &str| matches!(serve.value_source(id), None | Some(ValueSource::DefaultValue));
        macro_rules! take {
            ($($name:ident),*) => {$(
                if let (Some(value), true) = (file.$name, is_default(stringify!($name))) {
                    config.$name = value;
                }
            )*};
        }
        take!(data_dir, listen, http_listen, workers, clock, connection_count_max);
        config.checked()
    }

    fn checked(mut self) -> Result<Self> {
        if self.workers == 0 {
            self.workers = std::thread::available_parallelism().map_or(1, usize::from);
        }
        if self.workers > WORKER_COUNT_MAX {
            bail!("--workers {} is more than {WORKER_COUNT_MAX}", self.workers);
        }
        Ok(self)
    }
}

/// Most dataflow workers: the number of virtual nodes that state is divided into.
const WORKER_COUNT_MAX: usize = 256;

fn read_file(path: &std::path::Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
