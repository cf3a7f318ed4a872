//! From the acknowledgement of a write to the row read from a view in another connection, while a
//! third connection keeps the server at half of its COPY rate.
//!
//! Limit: one step of the dataflow (a batch of rows at the view's rate), two wake-ups of threads and
//! one round trip on loopback: some 0.2 ms on an idle machine. What the machine itself adds is
//! measured in the same run: two threads that wake each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, anyhow};
use tokio_postgres::Client;

use super::Load;
use crate::bids::{CREATE_SOURCE, W1};
use crate::report::{line, percentile};
use crate::server::Server;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Seconds of measuring.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Bids per second in the background; by default half of what COPY reaches just before.
    #[arg(long)]
    load: Option<u64>,
    /// Dataflow workers.
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

/// How often two threads wake each other, at most.
const PING_INTERVAL: Duration = Duration::from_millis(1);

/// Measures p50, p99 and the longest.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let server = Server::start(options.workers)?;
    let writer = server.connect().await?;
    let reader = server.connect().await?;
    let loader = server.connect().await?;
    writer.batch_execute(CREATE_SOURCE).await?;
    writer.batch_execute(&format!("CREATE MATERIALIZED VIEW w1 AS {W1}")).await?;
    let load = Load::new();
    let rate = match options.load {
        Some(rate) => rate,
        None => load.copy_rate(&loader).await? / 2,
    };
    let until = Instant::now() + Duration::from_secs(options.seconds);
    let pings = pings(until)?;
    let now = Arc::clone(&load.now);
    let background = tokio::spawn(load.keep_busy(loader, rate, until));
    let mut waits = wait_for_rows(&writer, &reader, until, &now).await?;
    background.await??;
    let mut pings = pings.join().map_err(|_| anyhow!("a thread has panicked"))?;
    let count = waits.len();
    show(&format!("fresh at {rate} bids/s, {count} samples"), &mut waits);
    show("two threads waking each other", &mut pings);
    Ok(())
}

/// Writes rows and reads each from the view in another connection; gives the waits, seconds.
async fn wait_for_rows(
    writer: &Client,
    reader: &Client,
    until: Instant,
    millis: &AtomicU64,
) -> Result<Vec<f64>> {
    let insert = writer.prepare("INSERT INTO bids VALUES ($1, 1, 1, 'c', 'u', $2)").await?;
    let read = reader.prepare("SELECT count(*) FROM w1 WHERE auction = $1").await?;
    let mut waits = Vec::new();
    let mut auction = -1i64;
    while Instant::now() < until {
        let now = Duration::from_millis(millis.load(Ordering::Relaxed));
        writer.execute(&insert, &[&auction, &(SystemTime::UNIX_EPOCH + now)]).await?;
        let acknowledged = Instant::now();
        let seen: i64 = reader.query_one(&read, &[&auction]).await?.get(0);
        waits.push(acknowledged.elapsed().as_secs_f64());
        (seen == 1).then_some(()).context("an acknowledged row was not visible")?;
        auction -= 1;
    }
    Ok(waits)
}

/// Two threads that wake each other until a time; gives their round trips, seconds.
fn pings(until: Instant) -> Result<std::thread::JoinHandle<Vec<f64>>> {
    let (to_other, from_one) = sync_channel::<()>(1);
    let (to_one, from_other) = sync_channel::<()>(1);
    std::thread::Builder::new()
        .name("bench-pong".to_owned())
        .spawn(move || while from_one.recv().is_ok() && to_one.send(()).is_ok() {})?;
    let ping = move || {
        let mut waits = Vec::new();
        while Instant::now() < until {
            let start = Instant::now();
            if to_other.send(()).is_err() || from_other.recv().is_err() {
                break;
            }
            waits.push(start.elapsed().as_secs_f64());
            std::thread::sleep(PING_INTERVAL);
        }
        waits
    };
    Ok(std::thread::Builder::new().name("bench-ping".to_owned()).spawn(ping)?)
}

fn show(name: &str, waits: &mut [f64]) {
    let [half, most, longest] = [0.5, 0.99, 1.0].map(|share| percentile(waits, share) * 1e3);
    line(name, &format!("p50 {half:.2} ms, p99 {most:.2} ms, longest {longest:.2} ms"));
}
