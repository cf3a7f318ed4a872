//! COPY of bids into a source, as CSV and as binary, without a view and with w1 attached.
//!
//! Limit: one pass over 110 bytes of text per row (parsing at 2 to 3 M rows per CPU-second), the
//! WAL's write, and the encoding of segments (5 to 7 M rows per CPU-second). Sealing is counted: the
//! clock stops when a full SELECT has been answered after `kappa_seal()`.

use anyhow::Result;

use super::{Form, copy, messages};
use crate::bids::{Bids, CREATE_SOURCE, W1};
use crate::report::{line, median};
use crate::server::Server;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Bids of one run.
    #[arg(long, default_value_t = 2_000_000)]
    rows: u64,
    /// Distinct auctions.
    #[arg(long, default_value_t = 100_000)]
    keys: u64,
    /// Interleaved runs of each case.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Dataflow workers.
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

/// Runs every case, interleaved.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let bids = Bids {
        row_count: options.rows,
        key_count: options.keys,
        uniform: false,
        late_per_mille: 1,
        seed: 42,
    };
    let (csv, binary) = (messages(bids, Form::Csv), messages(bids, Form::Binary));
    let cases = [
        ("csv", Form::Csv, false),
        ("binary", Form::Binary, false),
        ("csv with w1", Form::Csv, true),
    ];
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); cases.len()];
    for _ in 0..options.runs {
        for (case, (name, form, view)) in cases.iter().enumerate() {
            let server = Server::start(options.workers)?;
            let client = server.connect().await?;
            client.batch_execute(CREATE_SOURCE).await?;
            if *view {
                client.batch_execute(&format!("CREATE MATERIALIZED VIEW w1 AS {W1}")).await?;
            }
            let messages = if *form == Form::Csv { &csv } else { &binary };
            let before = server.cpu_seconds()?;
            let start = std::time::Instant::now();
            let copied = copy(&client, messages, *form).await?;
            client.batch_execute("SELECT kappa_seal()").await?;
            let relation = if *view { "w1" } else { "bids" };
            client.query_one(&format!("SELECT count(*) FROM {relation}"), &[]).await?;
            let cpu = server.cpu_seconds()? - before;
            let rate = copied as f64 / cpu / 1e6;
            let wall = start.elapsed().as_secs_f64();
            line(
                &format!("copy {name}"),
                &format!(
                    "{rate:.2} M rows/CPU-s, {wall:.2} s wall, {} MB",
                    server.anonymous_bytes()? >> 20
                ),
            );
            rates[case].push(rate);
        }
    }
    for ((name, ..), rates) in cases.iter().zip(&mut rates) {
        line(&format!("copy {name}, median"), &format!("{:.2} M rows/CPU-s", median(rates)));
    }
    Ok(())
}
