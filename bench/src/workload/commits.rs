//! Durable single-row commits, with one view attached, by several clients at once.
//!
//! Limit: one fdatasync per group. A client alone gets `1 / fdatasync`; n clients share groups.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio_postgres::Client;

use crate::report::{line, percentile};
use crate::server::Server;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Seconds per number of clients.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Dataflow workers.
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

/// Runs 1, 8 and 32 clients.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let server = Server::start(options.workers)?;
    let client = server.connect().await?;
    client
        .batch_execute(
            "CREATE SOURCE events (id bigint, n bigint);
             CREATE MATERIALIZED VIEW totals AS SELECT id % 100 AS k, sum(n) AS n FROM events GROUP BY 1",
        )
        .await?;
    for count in [1, 8, 32] {
        let mut clients = Vec::new();
        for _ in 0..count {
            clients.push(server.connect().await?);
        }
        let until = Instant::now() + Duration::from_secs(options.seconds);
        let tasks: Vec<_> = clients.into_iter().map(|c| tokio::spawn(commit(c, until))).collect();
        let mut waits = Vec::new();
        for task in tasks {
            waits.extend(task.await??);
        }
        let rate = waits.len() as f64 / options.seconds as f64;
        let (half, most) = (percentile(&mut waits, 0.5), percentile(&mut waits, 0.99));
        line(
            &format!("commits, {count} clients"),
            &format!("{rate:.0}/s, p50 {:.2} ms, p99 {:.2} ms", half * 1e3, most * 1e3),
        );
    }
    Ok(())
}

/// Commits one row after another; returns how long each took, seconds.
async fn commit(client: Client, until: Instant) -> Result<Vec<f64>> {
    let statement = client.prepare("INSERT INTO events VALUES ($1, $2)").await?;
    let mut waits = Vec::new();
    let mut id = 0i64;
    while Instant::now() < until {
        let start = Instant::now();
        client.execute(&statement, &[&id, &1i64]).await?;
        waits.push(start.elapsed().as_secs_f64());
        id += 1;
    }
    Ok(waits)
}
