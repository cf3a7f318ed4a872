//! Views over sealed history: CREATE and REBUILD of w1, w2 and an unwindowed GROUP BY.
//!
//! Limit: decoding the columns that are read (150 M rows per CPU-second for three integers) and one
//! update of a hash table per row (30 to 40 M per CPU-second out of cache), so about 25 M rows per
//! CPU-second; a batch engine over Parquet reaches 20 to 33 M on the same queries.

use anyhow::Result;

use super::{Form, copy, messages};
use crate::bids::{A1, Bids, CREATE_SOURCE, W1, W2};
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
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Dataflow workers.
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

/// Loads the history once, then rebuilds each view in turn.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let server = Server::start(options.workers)?;
    let client = server.connect().await?;
    client.batch_execute(CREATE_SOURCE).await?;
    let mut left = options.rows;
    let mut seed = 42;
    while left > 0 {
        let row_count = left.min(CHUNK_ROW_COUNT);
        let bids = Bids {
            row_count,
            key_count: options.keys,
            uniform: options.uniform,
            late_per_mille: 1,
            seed,
        };
        copy(&client, &messages(bids, Form::Csv), Form::Csv).await?;
        left -= row_count;
        seed += 1;
    }
    client.batch_execute("SELECT kappa_seal()").await?;
    let bytes: i64 = client
        .query_one("SELECT disk_bytes FROM kappa_sources WHERE source_name = 'bids'", &[])
        .await?
        .get(0);
    line("bytes on disk per bid", &format!("{:.1}", bytes as f64 / options.rows as f64));
    let views = [("w1", W1), ("w2", W2), ("a1", A1)];
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); views.len()];
    for run in 0..options.runs {
        for (index, (name, query)) in views.iter().enumerate() {
            let before = server.cpu_seconds()?;
            let start = std::time::Instant::now();
            let statement = if run == 0 {
                format!("CREATE MATERIALIZED VIEW {name} AS {query}")
            } else {
                format!("ALTER VIEW {name} REBUILD")
            };
            client.batch_execute(&statement).await?;
            client.query_one(&format!("SELECT count(*) FROM {name}"), &[]).await?;
            let cpu = server.cpu_seconds()? - before;
            let rate = options.rows as f64 / cpu / 1e6;
            let wall = start.elapsed().as_secs_f64();
            line(&format!("replay {name}"), &format!("{rate:.2} M rows/CPU-s, {wall:.2} s wall"));
            rates[index].push(rate);
        }
    }
    for ((name, _), rates) in views.iter().zip(&mut rates) {
        line(&format!("replay {name}, median"), &format!("{:.2} M rows/CPU-s", median(rates)));
    }
    line("memory with all three views", &format!("{} MB", server.anonymous_bytes()? >> 20));
    Ok(())
}

/// Bids of one COPY: their messages are made in memory.
const CHUNK_ROW_COUNT: u64 = 2_000_000;
