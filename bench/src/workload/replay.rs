//! Views over sealed history, rebuilt: w1, w2 and an unwindowed GROUP BY, beside a batch engine over
//! Parquet with as many threads in the same rounds.
//!
//! Limit: decoding the columns that are read (150 M rows per CPU-second for three integers) and one
//! update of a hash table per row (30 to 40 M per CPU-second out of cache), so about 25 M rows per
//! CPU-second; a batch engine over Parquet reaches 20 to 33 M on the same queries. Both sides write
//! their result out as CSV, which is counted.

use std::time::Instant;

use anyhow::Result;
use futures::TryStreamExt;
use tokio_postgres::Client;

use super::load;
use crate::batch;
use crate::bids::{A1, Bids, CREATE_SOURCE, W1, W2};
use crate::process::cpu_seconds;
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
    /// Whether every bid takes any auction.
    #[arg(long)]
    uniform: bool,
    /// Interleaved runs of each view.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Dataflow workers, and threads of the batch engine.
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

/// Loads the history once, then rebuilds each view in turn.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let bids = Bids::new(options.rows, options.keys, options.uniform);
    let dir = tempfile::tempdir()?;
    let file = batch::write(bids, dir.path())?;
    let server = Server::start(options.workers)?;
    let client = server.connect().await?;
    client.batch_execute(CREATE_SOURCE).await?;
    load(&client, bids).await?;
    let views = [("w1", W1, batch::W1), ("w2", W2, batch::W2), ("a1", A1, A1)];
    for (name, query, _) in views {
        client.batch_execute(&format!("CREATE MATERIALIZED VIEW {name} AS {query}")).await?;
    }
    let mut rates = vec![(Vec::new(), Vec::new()); views.len()];
    for _ in 0..options.runs {
        for ((name, _, query), (ours, theirs)) in views.iter().zip(&mut rates) {
            ours.push(rebuild(&server, &client, name, options.rows).await?);
            let (before, start) = (cpu_seconds(std::process::id())?, Instant::now());
            batch::run(&file, query, options.workers, &dir.path().join(name)).await?;
            let cpu = cpu_seconds(std::process::id())? - before;
            let wall = start.elapsed().as_secs_f64();
            theirs.push(options.rows as f64 / cpu / 1e6);
            show(&format!("batch {name}"), options.rows, cpu, wall);
        }
    }
    for ((name, ..), (ours, theirs)) in views.iter().zip(&mut rates) {
        let (ours, theirs) = (median(ours), median(theirs));
        line(
            &format!("rebuild {name}, median"),
            &format!("{ours:.2} M rows/CPU-s, batch {theirs:.2}, ratio {:.2}", ours / theirs),
        );
    }
    let bytes: i64 = client
        .query_one("SELECT disk_bytes FROM kappa_sources WHERE source_name = 'bids'", &[])
        .await?
        .get(0);
    line("bytes on disk per bid", &format!("{:.1}", bytes as f64 / options.rows as f64));
    line("memory with all three views", &format!("{} MB", server.anonymous_bytes()? >> 20));
    Ok(())
}

/// Rebuilds a view and reads it out; gives million rows of history per CPU-second.
async fn rebuild(server: &Server, client: &Client, name: &str, row_count: u64) -> Result<f64> {
    let (before, start) = (server.cpu_seconds()?, Instant::now());
    client.batch_execute(&format!("ALTER VIEW {name} REBUILD")).await?;
    let rebuilt = server.cpu_seconds()? - before;
    let rows = client.copy_out(&format!("COPY {name} TO STDOUT (FORMAT csv)")).await?;
    let bytes = rows.try_fold(0, |sum, part| std::future::ready(Ok(sum + part.len()))).await?;
    let cpu = server.cpu_seconds()? - before;
    let wall = start.elapsed().as_secs_f64();
    show(&format!("rebuild {name}"), row_count, cpu, wall);
    let alone = row_count as f64 / rebuilt / 1e6;
    line(&format!("rebuild {name}"), &format!("{alone:.2} M rows/CPU-s without {bytes} bytes out"));
    Ok(row_count as f64 / cpu / 1e6)
}

fn show(name: &str, row_count: u64, cpu: f64, wall: f64) {
    let rate = row_count as f64 / cpu / 1e6;
    line(name, &format!("{rate:.2} M rows/CPU-s, {wall:.2} s wall"));
}
