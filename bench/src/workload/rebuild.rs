//! A REBUILD under load: how much longer reads wait, how much slower writers get, and whether any read
//! sees old and new mixed.
//!
//! Limit: replay, writers and readers share the cores. A read waits for the steps before its
//! boundary; a replay never holds a step up for longer than one batch of rows takes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use super::{Load, load};
use crate::bids::{Bids, CREATE_SOURCE};
use crate::report::{line, percentile};
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
    /// Seconds before the rebuild.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Dataflow workers.
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

/// w1 with a number in it that a rebuild changes.
fn definition(version: i64) -> String {
    format!(
        "SELECT auction, window_start, {version}::bigint AS version, count(*) AS bids \
         FROM TUMBLE(bids, date_time, INTERVAL '10 seconds') GROUP BY auction, window_start"
    )
}

/// A view over it that adds the numbers up.
const DEPENDENT: &str = "SELECT sum(version)::bigint AS versions, count(*) AS groups FROM w1";

/// What every read must find: one version in all rows, the dependent's sum of it, and no row of the
/// source that is missing in the view.
const READ: &str = "SELECT min(version), max(version), count(*), \
     (SELECT versions FROM dependent), (SELECT groups FROM dependent) FROM w1";

/// Reads and writes without a rebuild, then with one.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let server = Server::start(options.workers)?;
    let client = server.connect().await?;
    client.batch_execute(CREATE_SOURCE).await?;
    client.batch_execute(&format!("CREATE MATERIALIZED VIEW w1 AS {}", definition(1))).await?;
    client.batch_execute(&format!("CREATE MATERIALIZED VIEW dependent AS {DEPENDENT}")).await?;
    let rate = Load::new().copy_rate(&client).await? / 2;
    load(&client, Bids::new(options.rows, options.keys, false)).await?;

    let alone = Duration::from_secs(options.seconds);
    let (writer, reader) = under_load(&server, rate, Instant::now() + alone).await?;
    let (copied, mut waits) = (writer.await??, reader.await??);
    show("without a rebuild", copied as f64 / alone.as_secs_f64(), rate, &mut waits);

    let (writer, reader) = under_load(&server, rate, Instant::now() + alone).await?;
    let start = Instant::now();
    let mut rebuild_count = 0;
    while start.elapsed() < alone {
        rebuild_count += 1;
        let query = definition(rebuild_count + 1);
        client.batch_execute(&format!("ALTER VIEW w1 REBUILD AS {query}")).await?;
    }
    let (copied, mut waits) = (writer.await??, reader.await??);
    let name = format!("during {rebuild_count} rebuilds one after the other");
    show(&name, copied as f64 / alone.as_secs_f64(), rate, &mut waits);
    Ok(())
}

/// A writer and a reader, until a time.
async fn under_load(
    server: &Server,
    rate: u64,
    until: Instant,
) -> Result<(JoinHandle<Result<u64>>, JoinHandle<Result<Vec<f64>>>)> {
    let load = Load::new();
    let writer = tokio::spawn(load.keep_busy(server.connect().await?, rate, until));
    let reader = tokio::spawn(read(server.connect().await?, until));
    Ok((writer, reader))
}

/// Reads again and again, and checks what it finds; gives the waits, seconds.
async fn read(client: Client, until: Instant) -> Result<Vec<f64>> {
    let statement = client.prepare(READ).await?;
    let mut waits = Vec::new();
    while Instant::now() < until {
        let start = Instant::now();
        let row = client.query_one(&statement, &[]).await?;
        waits.push(start.elapsed().as_secs_f64());
        let [least, greatest, count, versions, groups] =
            [0, 1, 2, 3, 4].map(|index| row.get::<_, Option<i64>>(index));
        let least = least.context("the view is empty")?;
        ensure!(Some(least) == greatest, "versions {least} and {greatest:?} in one read");
        ensure!(count == groups, "{count:?} rows in the view, {groups:?} in its dependent");
        let sum = count.map(|count| count * least);
        ensure!(sum == versions, "the dependent has {versions:?}, the view {sum:?}");
    }
    Ok(waits)
}

fn show(name: &str, written: f64, rate: u64, waits: &mut [f64]) {
    let [half, most, longest] = [0.5, 0.99, 1.0].map(|share| percentile(waits, share) * 1e3);
    let share = 100.0 * written / rate as f64;
    line(
        name,
        &format!(
            "writers {:.2} M bids/s, {share:.0} % of what was asked; {} reads, p50 {half:.1} ms, \
             p99 {most:.1} ms, longest {longest:.1} ms, all consistent",
            written / 1e6,
            waits.len()
        ),
    );
}
