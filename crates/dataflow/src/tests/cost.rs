//! One changed row costs no more when there is ten times as much state.
//!
//! Cost is rows put out and bytes and number of allocations, counted on this thread. Tables double
//! once in a while; the median of many changes leaves that out.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use kappa_types::{RelationId, Timestamp};

use super::local::Local;
use super::plans::{Change, delta, named};
use crate::operator::{Output, TimeEnd};

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting.
struct Counting;

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends counts no more.
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        let _ = BYTES.try_with(|bytes| bytes.set(bytes.get() + layout.size()));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Rows put out, allocations, bytes.
type Cost = [usize; 3];

fn change(diff: i64, key: usize, n: i64, at: i64) -> Change {
    Change { diff, k: Some(format!("key {key}")), n: Some(n), at: Some(at) }
}

/// The median cost of a change of one row when `key_count` keys hold five rows each.
fn cost(name: &str, key_count: usize) -> Cost {
    let mut local = Local::new(&named(name).unwrap());
    let mut out = Output::default();
    for relation in [1, 2] {
        let rows = (0..key_count * 5).map(|row| change(1, row % key_count, row as i64, 0));
        let rows: Vec<Change> = rows.collect();
        local.push(RelationId(relation), &delta(1, &rows), &mut out);
    }
    local.end(&TimeEnd { time: Timestamp(1), watermark: None }, &mut out);
    let mut costs: Vec<Cost> = Vec::new();
    for time in 2..40 {
        // Each time one row comes or the same one goes.
        let diff = if time % 2 == 0 { 1 } else { -1 };
        let delta = delta(time, &[change(diff, time as usize / 2 % 7, -1, 0)]);
        let mut out = Output::default();
        let before = (COUNT.get(), BYTES.get());
        local.push(RelationId(1), &delta, &mut out);
        local.end(&TimeEnd { time: Timestamp(time), watermark: None }, &mut out);
        let after = (COUNT.get(), BYTES.get());
        let rows = out.deltas.iter().map(kappa_types::DeltaBatch::row_count).sum();
        costs.push([rows, after.0 - before.0, after.1 - before.1]);
    }
    std::array::from_fn(|index| {
        let mut column: Vec<usize> = costs.iter().map(|cost| cost[index]).collect();
        column.sort_unstable();
        column[column.len() / 2]
    })
}

#[test]
fn one_row_costs_the_same_at_ten_times_the_state() {
    let plans = [
        "filter",
        "project",
        "assign_tumble",
        "assign_hop",
        "union",
        "sum",
        "extremes",
        "distinct_count",
        "distinct",
        "total",
        "tumble",
        "hop",
        "tumble_close",
        "hop_close",
        "close_rows",
        "inner",
        "left",
        "left_residual",
    ];
    for name in plans {
        let (small, large) = (cost(name, 300), cost(name, 3000));
        for (small, large) in small.into_iter().zip(large) {
            assert!(2 * large <= 3 * small, "{name}: {small} at 1x, {large} at 10x the state");
        }
    }
}

#[test]
fn a_hot_key_costs_no_more_than_its_partners() {
    // A thousand rows share the key that changes: only pairs may cost, not finding the row.
    for name in ["distinct_count", "extremes", "sum"] {
        let (small, large) = (cost(name, 2), cost(name, 2000));
        assert!(small[1] <= 2 * large[1], "{name}: {small:?} with few keys, {large:?} with many");
    }
}
