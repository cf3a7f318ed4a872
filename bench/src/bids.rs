//! Bids as the Nexmark generator makes them, in order or shuffled, by seed.
//!
//! 10,000 bids per second of event time; half of them on the hot auction of their hundred, the others
//! uniform over the last hundred; prices `100 * 10^(6u)`. `key_count` auctions are spread over the whole
//! run in order, or, with `uniform`, every bid takes any of them (what keeps a large state busy).

use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, Int64Array, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

/// Which bids.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bids {
    /// How many.
    pub row_count: u64,
    /// Distinct auctions.
    pub key_count: u64,
    /// Whether every bid takes any auction.
    pub uniform: bool,
    /// Rows that come ten minutes late, per thousand.
    pub late_per_mille: u64,
    /// Seed of the random numbers.
    pub seed: u64,
}

/// Bids per second of event time.
const RATE: u64 = 10_000;
/// 2024-01-01 00:00:00 UTC in milliseconds.
const START_MILLIS: u64 = 1_704_067_200_000;

/// One bid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bid {
    /// Which auction.
    pub auction: i64,
    /// Who bids.
    pub bidder: i64,
    /// How much.
    pub price: i64,
    /// Which channel.
    pub channel: u32,
    /// Event time, milliseconds since the epoch.
    pub millis: u64,
}

impl Bids {
    /// The bids as they are measured by default: in order, one in a thousand late.
    pub(crate) const fn new(row_count: u64, key_count: u64, uniform: bool) -> Self {
        Self { row_count, key_count, uniform, late_per_mille: 1, seed: 42 }
    }

    /// Some of the bids, by their numbers. Each slice has random numbers of its own.
    pub(crate) fn slice(self, rows: Range<u64>) -> impl Iterator<Item = Bid> {
        let mut random = fastrand::Rng::with_seed(self.seed ^ (rows.start << 20));
        rows.map(move |index| {
            let last = index * self.key_count / self.row_count;
            let auction = if self.uniform {
                random.u64(0..self.key_count)
            } else if random.bool() {
                last / 100 * 100
            } else {
                last.saturating_sub(random.u64(0..100))
            };
            let late = random.u64(0..1000) < self.late_per_mille;
            let millis = START_MILLIS + index * 1000 / RATE;
            Bid {
                auction: 1000 + i64::try_from(auction).unwrap_or(0),
                bidder: 1000 + random.i64(0..50_000),
                price: (100.0 * 10f64.powf(6.0 * random.f64())) as i64,
                channel: if random.bool() { random.u32(0..4) } else { 4 + random.u32(0..10_000) },
                millis: if late { millis.saturating_sub(600_000) } else { millis },
            }
        })
    }

    /// The numbers of the bids, cut into slices of at most `row_count`.
    pub(crate) fn slices(self, row_count: u64) -> impl Iterator<Item = Range<u64>> {
        let starts = (0..self.row_count).step_by(usize::try_from(row_count).unwrap_or(usize::MAX));
        starts.map(move |start| start..self.row_count.min(start + row_count))
    }

    /// Auction, bidder, price and event time of some of the bids.
    ///
    /// # Errors
    /// If `schema` is not three bigints and a timestamp.
    pub(crate) fn batch(self, rows: Range<u64>, schema: &SchemaRef) -> Result<RecordBatch> {
        let count = usize::try_from(rows.end - rows.start)?;
        let mut columns = [(); 4].map(|()| Vec::with_capacity(count));
        for Bid { auction, bidder, price, millis, .. } in self.slice(rows) {
            let micros = i64::try_from(millis * 1000)?;
            for (column, value) in columns.iter_mut().zip([auction, bidder, price, micros]) {
                column.push(value);
            }
        }
        let [auction, bidder, price, micros] = columns;
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for values in [auction, bidder, price] {
            arrays.push(Arc::new(Int64Array::from(values)));
        }
        arrays.push(Arc::new(TimestampMicrosecondArray::from(micros)));
        Ok(RecordBatch::try_new(Arc::clone(schema), arrays)?)
    }
}

impl Bid {
    /// Appends the bid as a line of CSV, as long as a Nexmark bid is: about 110 bytes.
    pub(crate) fn write_csv(&self, out: &mut String) {
        let Self { auction, bidder, price, channel, millis } = *self;
        let (seconds, milli) = ((millis / 1000) % 86_400, millis % 1000);
        let day = 1 + (millis / 86_400_000).saturating_sub(START_MILLIS / 86_400_000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{auction},{bidder},{price},channel-{channel},\
             https://www.nexmark.com/abcd{channel}/efg/item.htm?query=1&channel_id={channel},\
             2024-01-{day:02} {hour:02}:{minute:02}:{second:02}.{milli:03}"
        );
    }

    /// Appends the bid as a row of COPY binary.
    pub(crate) fn write_binary(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&6u16.to_be_bytes());
        let mut field = |bytes: &[u8]| {
            out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(0).to_be_bytes());
            out.extend_from_slice(bytes);
        };
        let channel = format!("channel-{}", self.channel);
        let url = format!(
            "https://www.nexmark.com/abcd{0}/efg/item.htm?query=1&channel_id={0}",
            self.channel
        );
        let micros = i64::try_from(self.millis * 1000).unwrap_or(0) - POSTGRES_EPOCH_MICROS;
        field(&self.auction.to_be_bytes());
        field(&self.bidder.to_be_bytes());
        field(&self.price.to_be_bytes());
        field(channel.as_bytes());
        field(url.as_bytes());
        field(&micros.to_be_bytes());
    }
}

/// 2000-01-01 in microseconds since 1970-01-01.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// The source that the bids go into.
pub(crate) const CREATE_SOURCE: &str = "CREATE SOURCE bids (auction bigint, bidder bigint, price bigint, \
     channel text, url text, date_time timestamp, \
     WATERMARK FOR date_time AS date_time - INTERVAL '4 seconds')";

/// Count, sum and highest price per auction and ten seconds.
pub(crate) const W1: &str = "SELECT auction, window_start, count(*) AS bids, sum(price) AS total, \
     max(price) AS highest FROM TUMBLE(bids, date_time, INTERVAL '10 seconds') \
     GROUP BY auction, window_start";

/// Bids per auction in the last ten seconds, every two.
pub(crate) const W2: &str = "SELECT auction, window_start, count(*) AS bids \
     FROM HOP(bids, date_time, INTERVAL '2 seconds', INTERVAL '10 seconds') \
     GROUP BY auction, window_start";

/// Count, sum and highest price per auction.
pub(crate) const A1: &str = "SELECT auction, count(*) AS bids, sum(price) AS total, \
     max(price) AS highest FROM bids GROUP BY auction";
