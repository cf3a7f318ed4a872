//! What users feel, measured over the wire against a server of its own, and what operators cost, in
//! process.
//!
//! ```text
//! kappa-bench operators  views in process: with the log at their back, and over sealed history
//! kappa-bench copy       COPY of bids: CSV and binary, without and with a windowed view
//! kappa-bench replay     views over sealed history, rebuilt; beside DataFusion over Parquet
//! kappa-bench rebuild    reads and writers while a view is rebuilt
//! kappa-bench commits    durable single-row commits by 1, 8, 32 clients; beside PostgreSQL
//! kappa-bench fresh      from the acknowledgement of a write to its row read from a view
//! kappa-bench memory     idle, with a windowed view, with groups while history grows
//! kappa-bench start      an empty directory; ten million rows and a view
//! ```
//! The one idea: CPU is what a machine with other work on it can still measure, so rates are rows per
//! CPU-second of the server process (user and system), beside wall time. Runs are interleaved and
//! the median is reported.
//!
//! Does not check answers; sql-tests does.

mod batch;
mod bids;
mod process;
mod report;
mod server;
mod workload;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Benchmarks of KappaDB.
#[derive(Parser)]
struct Cli {
    /// What to measure.
    #[command(subcommand)]
    workload: Workload,
}

/// What can be measured.
#[derive(Subcommand)]
enum Workload {
    /// COPY into a source.
    Copy(workload::copy::Options),
    /// Views over sealed history.
    Replay(workload::replay::Options),
    /// Durable single-row commits.
    Commits(workload::commits::Options),
    /// From acknowledgement to visibility.
    Fresh(workload::fresh::Options),
    /// Anonymous memory.
    Memory(workload::memory::Options),
    /// Views in process.
    Operators(workload::operators::Options),
    /// Reads and writers while a view is rebuilt.
    Rebuild(workload::rebuild::Options),
    /// Starts and restarts.
    Start(workload::start::Options),
}

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match Cli::parse().workload {
            Workload::Copy(options) => workload::copy::run(&options).await,
            Workload::Replay(options) => workload::replay::run(&options).await,
            Workload::Commits(options) => workload::commits::run(&options).await,
            Workload::Fresh(options) => workload::fresh::run(&options).await,
            Workload::Memory(options) => workload::memory::run(&options).await,
            Workload::Operators(options) => workload::operators::run(&options),
            Workload::Rebuild(options) => workload::rebuild::run(&options).await,
            Workload::Start(options) => workload::start::run(&options).await,
        }
    })
}
