//! From the acknowledgement of a write to the row read from a view in another connection, while a
//! third connection keeps the server at part of its COPY rate.
//!
//! Limit: one step of the dataflow (a batch of rows at the view's rate), two wake-ups of threads and
//! one round trip on loopback: some 0.2 ms on an idle machine.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{Form, copy, messages};
use crate::bids::{Bids, CREATE_SOURCE, W1};
use crate::report::{line, percentile};
use crate::server::Server;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Seconds of measuring.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Bids per second in the background; 0 for none.
    #[arg(long, default_value_t = 400_000)]
    load: u64,
    /// Dataflow workers.
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

/// Bids of one background COPY.
const LOAD_ROW_COUNT: u64 = 8_192;

/// Measures p50, p99 and the longest.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let server = Server::start(options.workers)?;
    let writer = server.connect().await?;
    let reader = server.connect().await?;
    let loader = server.connect().await?;
    writer.batch_execute(CREATE_SOURCE).await?;
    writer.batch_execute(&format!("CREATE MATERIALIZED VIEW w1 AS {W1}")).await?;
    let bids = Bids {
        row_count: LOAD_ROW_COUNT,
        key_count: 1000,
        uniform: false,
        late_per_mille: 1,
        seed: 1,
    };
    let load = messages(bids, Form::Csv);
    let until = Instant::now() + Duration::from_secs(options.seconds);
    let rate = options.load;
    let background = tokio::spawn(async move {
        let mut next = Instant::now();
        while rate > 0 && Instant::now() < until {
            copy(&loader, &load, Form::Csv).await?;
            next += Duration::from_secs_f64(LOAD_ROW_COUNT as f64 / rate as f64);
            tokio::time::sleep_until(next.into()).await;
        }
        anyhow::Ok(())
    });
    let insert = writer
        .prepare("INSERT INTO bids VALUES ($1, 1, 1, 'c', 'u', '2024-01-01 00:00:00')")
        .await?;
    let read = reader.prepare("SELECT count(*) FROM w1 WHERE auction = $1").await?;
    let mut waits = Vec::new();
    let mut auction = -1i64;
    while Instant::now() < until {
        writer.execute(&insert, &[&auction]).await?;
        let acknowledged = Instant::now();
        let seen: i64 = reader.query_one(&read, &[&auction]).await?.get(0);
        waits.push(acknowledged.elapsed().as_secs_f64());
        (seen == 1).then_some(()).context("an acknowledged row was not visible")?;
        auction -= 1;
    }
    background.await??;
    let longest = percentile(&mut waits, 1.0);
    line(
        &format!("fresh at {rate} bids/s"),
        &format!(
            "p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms, {} samples",
            percentile(&mut waits, 0.5) * 1e3,
            percentile(&mut waits, 0.99) * 1e3,
            longest * 1e3,
            waits.len()
        ),
    );
    Ok(())
}
