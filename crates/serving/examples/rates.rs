//! Prints how many changes per second contents take, and what a row costs in memory.
//!
//! The shape is that of a window aggregate: bids over a number of auctions in windows of ten
//! seconds, 8192 bids per step; each step puts out one row per group that changed. Only the time in
//! contents is counted.
//!
//! `cargo run --release -p kappa-serving --example rates [bids] [auctions] [apply|slots]`

#![allow(
    clippy::unwrap_used,
    clippy::type_complexity,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests and examples fail by panicking, and tell their story in one place"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use fastrand::Rng;
use kappa_serving::{Contents, ContentsOptions, HEAD, Horizon, Slot};
use kappa_types::{DeltaBatch, Timestamp};

const STEP_ROW_COUNT: usize = 8192;
const BIDS_PER_SECOND: usize = 10_000;
const WINDOW_SECONDS: usize = 10;

fn schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Microsecond, None);
    Arc::new(Schema::new(vec![
        Field::new("auction", DataType::Int64, true),
        Field::new("window_start", time.clone(), true),
        Field::new("window_end", time, true),
        Field::new("count", DataType::Int64, true),
        Field::new("sum", DataType::Decimal128(38, 0), true),
        Field::new("max", DataType::Int64, true),
    ]))
}

#[derive(Clone, Copy, Default)]
struct Group {
    count: i64,
    sum: i64,
    max: i64,
    slot: Option<Slot>,
}

fn rows(window: usize, groups: &[(usize, Group)]) -> RecordBatch {
    let start = (window * WINDOW_SECONDS) as i64 * 1_000_000;
    let end = start + WINDOW_SECONDS as i64 * 1_000_000;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(groups.iter().map(|(key, _)| *key as i64))),
        Arc::new(TimestampMicrosecondArray::from(vec![start; groups.len()])),
        Arc::new(TimestampMicrosecondArray::from(vec![end; groups.len()])),
        Arc::new(Int64Array::from_iter_values(groups.iter().map(|(_, group)| group.count))),
        Arc::new(
            Decimal128Array::from_iter_values(
                groups.iter().map(|(_, group)| i128::from(group.sum)),
            )
            .with_precision_and_scale(38, 0)
            .expect("38 digits fit"),
        ),
        Arc::new(Int64Array::from_iter_values(groups.iter().map(|(_, group)| group.max))),
    ];
    RecordBatch::try_new(schema(), columns).expect("columns are those of the schema")
}

/// CPU time of this thread so far: what else runs on the machine does not count.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

struct Totals {
    spent: Duration,
    changed: usize,
    size_bytes_max: usize,
}

fn run(bid_count: usize, auction_count: usize, by_slot: bool) -> (Contents, Totals) {
    let horizon = Arc::new(Horizon::default());
    let options = ContentsOptions { key: Some(vec![0, 1]), ..ContentsOptions::new(&schema(), 1) };
    let contents = Contents::new(options, Arc::clone(&horizon));
    let mut rng = Rng::with_seed(1);
    let mut groups = vec![Group::default(); auction_count];
    let mut window = 0;
    let mut totals = Totals { spent: Duration::ZERO, changed: 0, size_bytes_max: 0 };
    for step in 0..bid_count / STEP_ROW_COUNT {
        let time = Timestamp(step as u64 + 1);
        let new_window = step * STEP_ROW_COUNT / (BIDS_PER_SECOND * WINDOW_SECONDS);
        if new_window != window {
            window = new_window;
            groups.fill(Group::default());
        }
        let mut touched = std::collections::BTreeMap::new();
        for _ in 0..STEP_ROW_COUNT {
            let key = rng.usize(..auction_count);
            let group = &mut groups[key];
            touched.entry(key).or_insert(*group);
            let price = rng.i64(0..1_000_000);
            group.count += 1;
            group.sum += price;
            group.max = group.max.max(price);
        }
        let now: Vec<(usize, Group)> = touched.keys().map(|key| (*key, groups[*key])).collect();
        totals.changed += now.len();
        let (old, fresh): (Vec<(usize, Group)>, Vec<(usize, Group)>) =
            now.iter().partition(|(_, group)| group.slot.is_some());
        if by_slot {
            let slots: Vec<Slot> = old.iter().filter_map(|(_, group)| group.slot).collect();
            let (updated, added) = (rows(window, &old), rows(window, &fresh));
            let mut given = Vec::with_capacity(fresh.len());
            let start = cpu_time();
            contents.update(0, time, &slots, &updated).expect("slots are live");
            contents.append(0, time, &added, Some(&mut given)).expect("rows fit");
            totals.spent += cpu_time() - start;
            for ((key, _), slot) in fresh.iter().zip(given) {
                groups[*key].slot = Some(slot);
            }
        } else {
            let before: Vec<(usize, Group)> = touched
                .iter()
                .filter(|(_, group)| group.count > 0)
                .map(|(key, group)| (*key, *group))
                .collect();
            let batches = [rows(window, &before), rows(window, &now)];
            let diffs = [vec![-1; before.len()], vec![1; now.len()]].concat();
            let both = concat_batches(&schema(), &batches).expect("one schema");
            let delta = DeltaBatch::new(time, both, Some(Int64Array::from(diffs)));
            let start = cpu_time();
            contents.apply(0, &[delta]).expect("retracted rows are there");
            totals.spent += cpu_time() - start;
        }
        if step > 2 {
            horizon.publish(Timestamp(step as u64 - 2));
        }
        if step % 64 == 0 {
            totals.size_bytes_max = totals.size_bytes_max.max(contents.bytes());
        }
    }
    (contents, totals)
}

#[expect(clippy::print_stdout, reason = "printing is what it is for")]
fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| {
        arguments.next().map_or(default, |argument| argument.parse().expect("a number"))
    };
    let (bid_count, auction_count) = (number(10_000_000), number(100_000));
    let by_slot = arguments.next().as_deref() != Some("apply");
    let (contents, totals) = run(bid_count, auction_count, by_slot);
    let row_count = contents.row_count(HEAD).expect("the head is readable");
    println!("changed rows {}, live rows {row_count}", totals.changed);
    println!(
        "contents: {:.1} M changed rows/s, {:.1} M bids/s, {:.1} ns per bid",
        totals.changed as f64 / totals.spent.as_secs_f64() / 1e6,
        bid_count as f64 / totals.spent.as_secs_f64() / 1e6,
        totals.spent.as_secs_f64() * 1e9 / bid_count as f64,
    );
    println!(
        "memory: {:.1} bytes per live row, {:.1} at most while running",
        contents.bytes() as f64 / row_count as f64,
        totals.size_bytes_max as f64 / row_count as f64,
    );
    let start = Instant::now();
    let scanned: usize = contents
        .scan(HEAD, None, &[])
        .expect("the head is readable")
        .iter()
        .map(RecordBatch::num_rows)
        .sum();
    println!("scan: {:.0} M rows/s", scanned as f64 / start.elapsed().as_secs_f64() / 1e6);
    let keys: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![7])),
        Arc::new(TimestampMicrosecondArray::from(vec![0])),
    ];
    for attempt in ["first", "second"] {
        let start = Instant::now();
        let found = contents.lookup(HEAD, &keys).expect("the head is readable").num_rows();
        println!("{attempt} lookup: {found} rows in {:.1?}", start.elapsed());
    }
    println!(
        "memory with reading index: {:.1} bytes per live row",
        contents.bytes() as f64 / row_count as f64
    );
}
