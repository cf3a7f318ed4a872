//! COPY of bids into a source, as CSV and as binary, without a view and with w1 attached.
//!
//! Limit: one pass over 110 bytes of text per row (parsing at 2 to 3 M rows per CPU-second), the
//! WAL's write, and the encoding of segments (5 to 7 M rows per CPU-second). Sealing is counted: the
//! clock stops when every row of the view, or of the source without one, has been counted after
//! `kappa_seal()`.

use std::time::Instant;

use anyhow::Result;
use bytes::Bytes;

use super::{Form, copy, messages};
use crate::bids::{Bids, CREATE_SOURCE, W1};
use crate::report::{line, median};
use crate::server::Server;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Bids of one run.
    #[arg(long, default_value_t = 10_000_000)]
    rows: u64,
    /// Distinct auctions.
    #[arg(long, default_value_t = 100_000)]
    keys: u64,
    /// Whether every bid takes any auction.
    #[arg(long)]
    uniform: bool,
    /// Interleaved runs of each case.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Dataflow workers.
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

/// Runs every case, interleaved.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let bids = Bids::new(options.rows, options.keys, options.uniform);
    let forms = [Form::Csv, Form::Binary];
    let [csv, binary] = forms.map(|form| messages(bids, 0..options.rows, form));
    let cases = [
        ("csv", Form::Csv, &csv, false),
        ("binary", Form::Binary, &binary, false),
        ("csv with w1", Form::Csv, &csv, true),
    ];
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); cases.len()];
    for _ in 0..options.runs {
        for ((name, form, messages, has_view), rates) in cases.iter().zip(&mut rates) {
            rates.push(measure(options, name, *form, messages, *has_view).await?);
        }
    }
    for ((name, ..), rates) in cases.iter().zip(&mut rates) {
        line(&format!("copy {name}, median"), &format!("{:.2} M rows/CPU-s", median(rates)));
    }
    Ok(())
}

/// One COPY into a fresh server; gives million rows per CPU-second.
async fn measure(
    options: &Options,
    name: &str,
    form: Form,
    messages: &[Bytes],
    has_view: bool,
) -> Result<f64> {
    let server = Server::start(options.workers)?;
    let client = server.connect().await?;
    client.batch_execute(CREATE_SOURCE).await?;
    if has_view {
        client.batch_execute(&format!("CREATE MATERIALIZED VIEW w1 AS {W1}")).await?;
    }
    let (before, start) = (server.cpu_seconds()?, Instant::now());
    let copied = copy(&client, messages, form).await?;
    let acknowledged = start.elapsed().as_secs_f64();
    client.batch_execute("SELECT kappa_seal()").await?;
    let relation = if has_view { "w1" } else { "bids" };
    client.query_one(&format!("SELECT count(*) FROM {relation}"), &[]).await?;
    let rate = copied as f64 / (server.cpu_seconds()? - before) / 1e6;
    line(
        &format!("copy {name}"),
        &format!(
            "{rate:.2} M rows/CPU-s, acknowledged after {acknowledged:.2} s, all done after {:.2} s, {} MB",
            start.elapsed().as_secs_f64(),
            server.anonymous_bytes()? >> 20
        ),
    );
    Ok(rate)
}
