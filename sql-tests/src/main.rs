//! `kappa-sql-tests [FILTER]... [--mode MODE]... [--target TARGET] [--update]`: the command line.
//!
//! It only reads arguments and prints the report; the work is in the library.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to its user"
)]

use clap::Parser;
use kappa_sql_tests::{Options, TargetChoice};
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs SQL scripts over the wire.
#[derive(Parser)]
struct Arguments {
    /// Only scripts and pages whose path contains one of these.
    filter: Vec<String>,
    /// How to run: plain, restart, crash, rebuild, rows, workers=N, or all; may be repeated.
    #[arg(long, default_value = "plain")]
    mode: Vec<String>,
    /// What to run on: kappadb, postgres, or both where a script allows it.
    #[arg(long, default_value = "both", value_parser = ["kappadb", "postgres", "both"])]
    target: String,
    /// Writes what the target answers into the scripts instead of comparing.
    #[arg(long)]
    update: bool,
    /// Writes the page that lists claims and scripts, and runs nothing.
    #[arg(long)]
    index: bool,
    /// Scripts that run at the same time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// The server's program; by default the one built beside this one.
    #[arg(long)]
    server: Option<PathBuf>,
    /// The seed of the first round of `random/queries`; the same by default, so that two runs of one
    /// program try the same.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// For how long `random/queries` begins rounds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Keeps data directories and prints where they are.
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<bool> {
    if arguments.index {
        kappa_sql_tests::write_index()?;
        println!("wrote {}", kappa_sql_tests::index_path().display());
        return Ok(true);
    }
    let server = match arguments.server {
        Some(path) => path,
        None => std::env::current_exe()?.with_file_name("kappadb"),
    };
    let report = kappa_sql_tests::run(&Options {
        filters: arguments.filter,
        modes: arguments.mode,
        target: match arguments.target.as_str() {
            "kappadb" => TargetChoice::KappaDb,
            "postgres" => TargetChoice::Postgres,
            _ => TargetChoice::Both,
        },
        update: arguments.update,
        job_count: arguments.jobs.max(1),
        server,
        keep: arguments.keep,
        seed: arguments.seed,
        seconds: arguments.seconds,
    })?;
    print!("{report}");
    Ok(report.is_success())
}
