//! `kappadb`: reads the settings, opens the engine, serves until told to stop.
//!
//! Exit code 0 after SIGTERM or Ctrl-C; 1 with one line on standard error otherwise. Does nothing
//! itself: what runs is in the library of this crate.

use std::process::ExitCode;

use kappa_server::config::Config;
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[expect(clippy::print_stderr, reason = "the one line a user sees when the server cannot run")]
fn main() -> ExitCode {
    let config = match Config::read() {
        Ok(config) => config,
        Err(error) => {
            eprintln!("kappadb: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let filter = EnvFilter::try_from_env("KAPPADB_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match kappa_server::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kappadb: {error:#}");
            ExitCode::FAILURE
        }
    }
}
