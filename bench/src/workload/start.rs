//! How long a server takes to be there: on an empty directory, and on a history with a view over it,
//! until the view's right answer.
//!
//! Limit: the process itself (some 20 ms) and, with history, the replay of the view, at the rate of
//! `replay`.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::load;
use crate::bids::{Bids, CREATE_SOURCE, W1};
use crate::report::{line, median};
use crate::server::Server;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Bids in the history.
    #[arg(long, default_value_t = 10_000_000)]
    rows: u64,
    /// Distinct auctions.
    #[arg(long, default_value_t = 100_000)]
    keys: u64,
    /// Starts of each kind.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Dataflow workers.
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

/// Starts empty servers, then one with a history again and again.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let mut empty = Vec::new();
    for _ in 0..options.runs {
        let start = Instant::now();
        let server = Server::start(options.workers)?;
        server.connect().await?.batch_execute("SELECT 1").await?;
        empty.push(start.elapsed().as_secs_f64());
    }
    line("start, empty, median", &format!("{:.3} s", median(&mut empty)));
    let mut server = Server::start(options.workers)?;
    let client = server.connect().await?;
    client.batch_execute(CREATE_SOURCE).await?;
    client.batch_execute(&format!("CREATE MATERIALIZED VIEW w1 AS {W1}")).await?;
    load(&client, Bids::new(options.rows, options.keys, false)).await?;
    let answer = "SELECT sum(bids)::bigint FROM w1";
    let expected: i64 = client.query_one(answer, &[]).await?.get(0);
    let mut full = Vec::new();
    for _ in 0..options.runs {
        let start = Instant::now();
        server.restart()?;
        let ended = start.elapsed().as_secs_f64();
        let found: i64 = server.connect().await?.query_one(answer, &[]).await?.get(0);
        let all = start.elapsed().as_secs_f64();
        ensure!(found == expected, "{found} bids after a restart, {expected} before");
        line("restart", &format!("{all:.2} s, of which {ended:.2} s until it listens again"));
        full.push(all);
    }
    line("restart with history, median", &format!("{:.2} s", median(&mut full)));
    Ok(())
}
