//! Cuts a batch into runs of rows that are in the same pane.
//!
//! ```text
//! times  3 7 | 12 15 18 | 9 | 21     nearly in order: slices of the batch, nothing copied
//! times  3 21 7 12 9 18 15           shuffled: rows are brought together first
//! ```

use arrow::array::{Array, TimestampMicrosecondArray, UInt32Array};
use kappa_plan::Window;
use kappa_types::DeltaBatch;

/// More runs than one in this many rows, and the batch is sorted by pane first.
const ROWS_PER_RUN_MIN: usize = 64;

/// A batch, cut.
pub(super) struct Runs {
    /// Start of the pane, rows.
    pub(super) by_start: Vec<(i64, DeltaBatch)>,
    /// Rows whose time is NULL.
    pub(super) without_time: Vec<DeltaBatch>,
    /// Rows whose window cannot be represented.
    pub(super) out_of_range: Vec<DeltaBatch>,
}

/// Which run a row belongs to; sorts by pane.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Pane(i64),
    WithoutTime,
    OutOfRange,
}

/// Cuts `delta`, whose rows have these `times`.
pub(super) fn runs_of(
    delta: DeltaBatch,
    times: &TimestampMicrosecondArray,
    window: &Window,
) -> Runs {
    let bounds = bounds_of(times, window);
    let (delta, bounds) = if bounds.len() * ROWS_PER_RUN_MIN > delta.row_count() && bounds.len() > 8
    {
        bring_together(&delta, &bounds)
    } else {
        (delta, bounds)
    };
    let mut runs =
        Runs { by_start: Vec::new(), without_time: Vec::new(), out_of_range: Vec::new() };
    let mut from = 0;
    for (place, to) in &bounds {
        let whole = from == 0 && *to == delta.row_count();
        let run = if whole { delta.clone() } else { slice(&delta, from, to - from) };
        match place {
            Place::Pane(start) => runs.by_start.push((*start, run)),
            Place::WithoutTime => runs.without_time.push(run),
            Place::OutOfRange => runs.out_of_range.push(run),
        }
        from = *to;
    }
    runs
}

/// The runs as they stand: place, and the row after the last.
fn bounds_of(times: &TimestampMicrosecondArray, window: &Window) -> Vec<(Place, usize)> {
    let mut bounds: Vec<(Place, usize)> = Vec::new();
    // The pane at hand, as [from, to): most rows need only two comparisons.
    let (mut from, mut to) = (0, 0);
    let nulls = times.nulls().filter(|nulls| nulls.null_count() > 0);
    for (index, time) in times.values().iter().enumerate() {
        if nulls.is_some_and(|nulls| nulls.is_null(index)) {
            extend(&mut bounds, Place::WithoutTime, index);
            (from, to) = (0, 0);
        } else if *time < from || *time >= to {
            let pane = window.last_start(*time).and_then(|start| {
                let end = match window.step_micros() {
                    Some(step) => start.checked_add(step),
                    None => window.end(start),
                };
                end.map(|end| (start, end))
            });
            match pane {
                Some((start, end)) => {
                    (from, to) = (start, end);
                    extend(&mut bounds, Place::Pane(start), index);
                }
                None => {
                    (from, to) = (0, 0);
                    extend(&mut bounds, Place::OutOfRange, index);
                }
            }
        }
    }
    if let Some(last) = bounds.last_mut() {
        last.1 = times.len();
    }
    bounds
}

/// Row `index` is at `place`: ends the run before it if that is at another.
fn extend(bounds: &mut Vec<(Place, usize)>, place: Place, index: usize) {
    match bounds.last_mut() {
        Some(last) if last.0 == place => {}
        Some(last) => {
            last.1 = index;
            bounds.push((place, index));
        }
        None => bounds.push((place, index)),
    }
}

/// Sorts the rows by place; the order within a place stays.
fn bring_together(
    delta: &DeltaBatch,
    bounds: &[(Place, usize)],
) -> (DeltaBatch, Vec<(Place, usize)>) {
    let mut order: Vec<usize> = (0..bounds.len()).collect();
    order.sort_by_key(|run| (bounds[*run].0, *run));
    let mut indices = Vec::with_capacity(delta.row_count());
    let mut sorted: Vec<(Place, usize)> = Vec::new();
    for run in order {
        let from = if run == 0 { 0 } else { bounds[run - 1].1 };
        indices.extend((from..bounds[run].1).map(|index| index as u32));
        match sorted.last_mut() {
            Some(last) if last.0 == bounds[run].0 => last.1 = indices.len(),
            _ => sorted.push((bounds[run].0, indices.len())),
        }
    }
    let delta = delta.take(&UInt32Array::from(indices)).expect("each row once");
    (delta, sorted)
}

/// Some rows of a batch.
pub(super) fn slice(delta: &DeltaBatch, offset: usize, length: usize) -> DeltaBatch {
    DeltaBatch {
        time: delta.time,
        rows: delta.rows.slice(offset, length),
        diffs: delta.diffs.as_ref().map(|diffs| diffs.slice(offset, length)),
    }
}
