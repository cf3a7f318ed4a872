//! What views cost per row, from log batches to readable contents, with one worker and with several.
//!
//! Limits: a tumbling count touches one table entry and one accumulator row per bid (about 20 ns while
//! the window's table is in cache) and puts out two rows per group and step; contents take those at
//! about 50 ns each. A join probes a table per bid: 10 ns in cache, 40 ns out of it.
//!
//! Writing the log is measured alone (`none`) in the same round and taken off, since it is there
//! whatever views there are; `live` is what is left. `replay` includes the reading of segments.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, Int64Array};
use arrow::record_batch::RecordBatch;

use super::engine::Engine;
use super::plan::{AUCTIONS, auction_schema, bid_schema, plan_of};
use crate::bids::Bids;
use crate::process::cpu_seconds;
use crate::report::{line, median};

/// Bids of one commit.
const BATCH_ROW_COUNT: u64 = 8192;
/// Auctions begin at this number.
const AUCTION_MIN: i64 = 1000;
/// Auctions of one commit.
const AUCTION_COUNT_AT_ONCE: usize = 1 << 20;
/// Batches that a replay reads ahead where it shall read everything first: enough for any run.
const READ_AHEAD_MAX: usize = 16 << 10;
/// Categories of auctions.
const CATEGORY_COUNT: i64 = 10;
/// A process that used no processor for so long is idle.
const IDLE_TIME: Duration = Duration::from_millis(300);
/// Measured unless names are given.
const CASES: &[&str] = &["w1", "w1_close", "w2", "w2_close", "group", "join_count", "join"];

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
    /// The clock of a replay starts when all rows are read and decoded, which a thread of its own
    /// does: what is left is the work of the workers.
    #[arg(long)]
    read_first: bool,
    /// Interleaved runs of each case.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Dataflow workers.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Views: w1, w1_close, w2, w2_close, group, join_count, join.
    cases: Vec<String>,
}

/// CPU and wall time of one part of a run, seconds.
#[derive(Clone, Copy)]
struct Cost {
    cpu: f64,
    wall: f64,
}

/// Runs the cases, interleaved.
pub(crate) fn run(options: &Options) -> Result<()> {
    let bids = Bids::new(options.rows, options.keys, options.uniform);
    let schema = bid_schema().arrow();
    let slices = bids.slices(BATCH_ROW_COUNT);
    let batches: Vec<_> = slices.map(|rows| bids.batch(rows, &schema)).collect::<Result<_>>()?;
    let asked: Vec<&str> = options.cases.iter().map(String::as_str).collect();
    let cases = if asked.is_empty() { CASES.to_vec() } else { asked };
    let millions = options.rows as f64 / 1e6;
    let mut rates: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for _ in 0..options.runs {
        let log = log_alone(&batches, options)?;
        rates.entry("log alone".to_owned()).or_default().push(millions / log.cpu);
        for case in &cases {
            let (live, replay, shown) = view(case, &batches, options)?;
            let net = millions / (live.cpu - log.cpu);
            let (gross, wall) = (millions / live.cpu, millions / live.wall);
            let (again, again_wall) = (millions / replay.cpu, millions / replay.wall);
            line(
                &format!("operators {case}"),
                &format!(
                    "live {net:.1} M rows/CPU-s ({gross:.1} with the log, {wall:.1} M/s wall), \
                     replay {again:.1} ({again_wall:.1} M/s wall), {shown} rows shown"
                ),
            );
            for (what, rate) in
                [("live", net), ("replay", again), ("replay wall", again_wall), ("live wall", wall)]
            {
                rates.entry(format!("{case} {what}")).or_default().push(rate);
            }
        }
    }
    let workers = options.workers;
    for (name, rates) in &mut rates {
        let name = format!("operators {name}, {workers} workers, median");
        line(&name, &format!("{:.1} M rows/s", median(rates)));
    }
    Ok(())
}

/// What it costs to write the bids without any view.
fn log_alone(batches: &[RecordBatch], options: &Options) -> Result<Cost> {
    let engine = Engine::new()?;
    let runtime = engine.runtime(options.workers, None)?;
    let cost = timed(|| Engine::wait(&runtime, engine.commit_bids(batches)?))?;
    runtime.stop();
    Ok(cost)
}

/// What a view costs while the bids are written, and to make it over them once they are sealed.
fn view(case: &str, batches: &[RecordBatch], options: &Options) -> Result<(Cost, Cost, usize)> {
    let plan = plan_of(case).with_context(|| format!("there is no case {case}"))?;
    let engine = Engine::new()?;
    let count = i64::try_from(options.keys)?;
    for first in (0..count).step_by(AUCTION_COUNT_AT_ONCE) {
        let end = count.min(first + AUCTION_COUNT_AT_ONCE as i64);
        engine.commit(AUCTIONS, &auctions(first..end)?, None)?;
    }
    let runtime = engine.runtime(options.workers, None)?;
    Engine::install(&runtime, plan.clone(), false)?;
    Engine::wait_live(&runtime)?;
    let mut shown = 0;
    let live = timed(|| {
        Engine::wait(&runtime, engine.commit_bids(batches)?)?;
        shown = engine.row_count()?;
        Ok(())
    })?;
    runtime.stop();
    engine.log.seal()?;
    let read_ahead_max = options.read_first.then_some(READ_AHEAD_MAX);
    let runtime = engine.runtime(options.workers, read_ahead_max)?;
    if options.read_first {
        Engine::install(&runtime, plan.clone(), true)?;
        wait_idle()?;
    }
    let replay = timed(|| {
        if options.read_first {
            Engine::resume(&runtime)?;
        } else {
            Engine::install(&runtime, plan.clone(), false)?;
        }
        Engine::wait_live(&runtime)?;
        engine.row_count().map(drop)
    })?;
    runtime.stop();
    Ok((live, replay, shown))
}

/// Waits until this process does nothing any more.
fn wait_idle() -> Result<()> {
    let id = std::process::id();
    loop {
        let before = cpu_seconds(id)?;
        std::thread::sleep(IDLE_TIME);
        if cpu_seconds(id)? <= before {
            return Ok(());
        }
    }
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<Cost> {
    let id = std::process::id();
    let (before, begin) = (cpu_seconds(id)?, Instant::now());
    work()?;
    Ok(Cost { cpu: cpu_seconds(id)? - before, wall: begin.elapsed().as_secs_f64() })
}

/// Some auctions with their categories.
fn auctions(numbers: Range<i64>) -> Result<RecordBatch> {
    let ids = numbers.clone().map(|number| AUCTION_MIN + number);
    let categories = numbers.map(|number| number % CATEGORY_COUNT);
    let columns: [ArrayRef; 2] = [
        Arc::new(Int64Array::from_iter_values(ids)),
        Arc::new(Int64Array::from_iter_values(categories)),
    ];
    Ok(RecordBatch::try_new(auction_schema().arrow(), columns.to_vec())?)
}
