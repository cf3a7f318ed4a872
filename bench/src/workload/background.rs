//! [`Load`]: COPY after COPY at a rate, while something else is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use tokio_postgres::Client;

use super::{Form, copy, messages};
use crate::bids::Bids;
use crate::report::line;

/// Bids of one COPY.
const COPY_ROW_COUNT: u64 = 8_192;
/// Bids that are there; they begin anew when they are used up.
const ROW_COUNT: u64 = 400 * COPY_ROW_COUNT;

/// Bids to be copied, made before anything is measured.
pub(crate) struct Load {
    /// The newest event time and the messages of each COPY.
    copies: Vec<(u64, Vec<Bytes>)>,
    /// Where event time stands, milliseconds since the epoch.
    pub(crate) now: Arc<AtomicU64>,
}

impl Load {
    /// The bids.
    pub(crate) fn new() -> Self {
        let bids = Bids::new(ROW_COUNT, ROW_COUNT / 100, false);
        let copies: Vec<_> = bids
            .slices(COPY_ROW_COUNT)
            .map(|rows| {
                let millis = bids.slice(rows.clone()).map(|bid| bid.millis).max().unwrap_or(0);
                (millis, messages(bids, rows, Form::Csv))
            })
            .collect();
        let now = copies.first().map_or(0, |(millis, _)| *millis);
        Self { copies, now: Arc::new(AtomicU64::new(now)) }
    }

    /// Bids per second by COPY after COPY, until a view called w1 has them.
    pub(crate) async fn copy_rate(&self, client: &Client) -> Result<u64> {
        let start = Instant::now();
        for (_, messages) in &self.copies {
            copy(client, messages, Form::Csv).await?;
        }
        client.query_one("SELECT count(*) FROM w1", &[]).await?;
        let rate = ROW_COUNT as f64 / start.elapsed().as_secs_f64();
        line("COPY with w1", &format!("{:.2} M bids/s", rate / 1e6));
        Ok(rate as u64)
    }

    /// Copies `rate` bids a second until a time; gives how many it copied.
    pub(crate) async fn keep_busy(self, client: Client, rate: u64, until: Instant) -> Result<u64> {
        let mut next = Instant::now();
        let mut copied = 0;
        for (millis, messages) in self.copies.iter().cycle() {
            if rate == 0 || Instant::now() >= until {
                break;
            }
            self.now.store(*millis, Ordering::Relaxed);
            copied += copy(&client, messages, Form::Csv).await?;
            next += Duration::from_secs_f64(COPY_ROW_COUNT as f64 / rate as f64);
            tokio::time::sleep_until(next.into()).await;
        }
        Ok(copied)
    }
}
