//! Durable single-row commits by several clients at once: ours with a view attached, beside PostgreSQL
//! without one, on the same file system, interleaved.
//!
//! Limit: one fdatasync per group. A client alone gets `1 / fdatasync`; n clients share groups.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kappa_sql_tests::postgres::{Cluster, OWNER};
use tokio_postgres::{Client, NoTls};

use crate::report::{line, median, percentile};
use crate::server::Server;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Seconds per run of a number of clients.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Interleaved runs of each number of clients.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Dataflow workers.
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

/// Numbers of clients.
const CLIENT_COUNTS: [usize; 3] = [1, 8, 32];

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
    let cluster = Cluster::is_installed().then(|| Cluster::start(true)).transpose()?;
    if let Some(cluster) = &cluster {
        let client = connect(cluster).await?;
        client.batch_execute("CREATE TABLE events (id bigint, n bigint)").await?;
    }
    for count in CLIENT_COUNTS {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..options.runs {
            let mut clients = Vec::new();
            for _ in 0..count {
                clients.push(server.connect().await?);
            }
            ours.push(rate("commits", clients, options.seconds).await?);
            let Some(cluster) = &cluster else { continue };
            let mut clients = Vec::new();
            for _ in 0..count {
                clients.push(connect(cluster).await?);
            }
            theirs.push(rate("PostgreSQL commits", clients, options.seconds).await?);
        }
        let (ours, theirs) = (median(&mut ours), median(&mut theirs));
        line(
            &format!("commits, {count} clients, median"),
            &format!("{ours:.0}/s, PostgreSQL {theirs:.0}/s, ratio {:.2}", ours / theirs),
        );
    }
    Ok(())
}

/// Commits by all clients for some seconds; gives commits per second.
async fn rate(name: &str, clients: Vec<Client>, seconds: u64) -> Result<f64> {
    let count = clients.len();
    let until = Instant::now() + Duration::from_secs(seconds);
    let tasks: Vec<_> = clients.into_iter().map(|c| tokio::spawn(commit(c, until))).collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await??);
    }
    let rate = waits.len() as f64 / seconds as f64;
    let (half, most) = (percentile(&mut waits, 0.5), percentile(&mut waits, 0.99));
    line(
        &format!("{name}, {count} clients"),
        &format!("{rate:.0}/s, p50 {:.2} ms, p99 {:.2} ms", half * 1e3, most * 1e3),
    );
    Ok(rate)
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

async fn connect(cluster: &Cluster) -> Result<Client> {
    let port = cluster.port;
    let parameters = format!("host=127.0.0.1 port={port} user={OWNER} dbname=postgres");
    let (client, connection) =
        tokio_postgres::connect(&parameters, NoTls).await.context("cannot reach PostgreSQL")?;
    tokio::spawn(connection);
    Ok(client)
}
