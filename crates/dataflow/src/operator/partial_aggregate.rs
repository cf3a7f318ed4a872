//! PartialAggregate: groups rows where they are, before they travel to the worker that keeps their
//! group; Flink calls this the local one of two phases.
//!
//! ```text
//! rows -> table per pane -> at the end of a time, or when there are many groups: exported groups
//! rows -------------------> as they are: few rows, hardly fewer groups, late or without a window
//! ```
//! The one idea: what is put out is what [`crate::state::State::export`] writes, so that a group
//! travels with its virtual node and is added with [`GroupTable::absorb`]. Nothing is kept between
//! times. Only for rows that are never taken back; hopping windows gain on one worker too, since a
//! group is added to each window of its pane and not every row.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{Schema, TimestampMicrosecondType, UInt8Type};
use arrow::record_batch::RecordBatch;
use kappa_plan::Window;
use kappa_types::{DeltaBatch, Timestamp};

use super::assign_window::starts;
use super::runs::runs_of;
use super::{Operator, Output, TimeEnd};
use crate::state::{GroupLayout, GroupTable, State as _};

/// Smaller batches are not worth a table.
const ROW_COUNT_MIN: usize = 64;

/// Groups are put out when there are so many: their table still is in the processor's cache.
const GROUP_COUNT_MAX: usize = 16 << 10;

/// With fewer rows per group than this, moving rows is cheaper than making groups of them.
const ROWS_PER_GROUP_MIN: usize = 4;

/// After so many rows that were not worth it, groups are tried again.
const PASS_ROW_COUNT: usize = 1 << 20;

/// The schema's metadata that tells exported groups from rows; its value is the start of their pane.
const METADATA: &str = "partial";

/// Groups rows of which more are to come.
pub(crate) struct PartialAggregate {
    layout: Arc<GroupLayout>,
    windows: Option<PartialWindows>,
    /// By start of the pane; `None` where there are no windows.
    tables: BTreeMap<Option<i64>, GroupTable>,
    /// Rows in the tables.
    row_count: usize,
    /// Rows that are still passed on as they are.
    pass_row_count: usize,
}

/// The windows of the aggregate that the groups go to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartialWindows {
    /// Column with the time.
    pub(crate) time: usize,
    /// Which windows.
    pub(crate) window: Window,
    /// Whether rows can be late.
    pub(crate) on_close: bool,
    /// The watermark at the end of the last time.
    pub(crate) watermark: Option<i64>,
}

impl PartialAggregate {
    /// For an aggregate with this layout.
    pub(crate) fn new(layout: &GroupLayout, windows: Option<PartialWindows>) -> Self {
        let layout = GroupLayout { tracked: false, always_one: false, ..layout.clone() };
        Self {
            layout: Arc::new(layout),
            windows,
            tables: BTreeMap::new(),
            row_count: 0,
            pass_row_count: 0,
        }
    }

    /// Whether an aggregate with this layout can take groups instead of rows.
    pub(crate) fn fits(layout: &GroupLayout) -> bool {
        // The distinct values of a group are hardly fewer than its rows.
        layout.append_only && !layout.aggregates.iter().any(|call| call.distinct)
    }

    fn update(&mut self, start: Option<i64>, rows: &DeltaBatch) {
        let table = || GroupTable::new(Arc::clone(&self.layout));
        let table = self.tables.entry(start).or_insert_with(table);
        let diffs = rows.diffs.as_ref().map(|diffs| diffs.values().as_ref());
        table.update(rows.rows.columns(), rows.row_count(), diffs, false);
        self.row_count += rows.row_count();
    }

    fn push_windowed(&mut self, windows: &PartialWindows, delta: DeltaBatch, out: &mut Output) {
        let times = delta.rows.column(windows.time).as_primitive::<TimestampMicrosecondType>();
        let times = times.clone();
        let runs = runs_of(delta, &times, &windows.window);
        for run in runs.without_time.into_iter().chain(runs.out_of_range) {
            out.delta(run);
        }
        for (start, run) in runs.by_start {
            if windows.takes(start) { self.update(Some(start), &run) } else { out.delta(run) }
        }
    }

    /// Puts out all groups.
    fn flush(&mut self, time: Timestamp, out: &mut Output) {
        let group_count: usize = self.tables.values().map(GroupTable::group_count).sum();
        if self.row_count < group_count * ROWS_PER_GROUP_MIN {
            self.pass_row_count = PASS_ROW_COUNT;
        }
        self.row_count = 0;
        for (start, table) in std::mem::take(&mut self.tables) {
            for groups in table.export() {
                let start = start.map_or_else(String::new, |start| start.to_string());
                let metadata = HashMap::from([(METADATA.to_owned(), start)]);
                let schema = Schema::clone(groups.schema_ref()).with_metadata(metadata);
                let groups = groups.with_schema(Arc::new(schema)).expect("only metadata differs");
                out.delta(DeltaBatch::insert(time, groups));
            }
        }
    }
}

impl PartialWindows {
    /// Whether rows in the pane at `start` have windows, all of which are open.
    fn takes(&self, start: i64) -> bool {
        let is_open = |start| match self.watermark.filter(|_| self.on_close) {
            Some(watermark) => self.window.end(start).is_some_and(|end| end > watermark),
            None => true,
        };
        starts(&self.window, start).is_some_and(|mut starts| starts.all(is_open))
    }
}

impl Operator for PartialAggregate {
    fn push(&mut self, _port: usize, delta: DeltaBatch, out: &mut Output) {
        let row_count = delta.row_count();
        if row_count < ROW_COUNT_MIN || self.pass_row_count > 0 {
            self.pass_row_count = self.pass_row_count.saturating_sub(row_count);
            out.delta(delta);
            return;
        }
        let time = delta.time;
        match self.windows {
            None => self.update(None, &delta),
            Some(windows) => self.push_windowed(&windows, delta, out),
        }
        if self.tables.values().map(GroupTable::group_count).sum::<usize>() > GROUP_COUNT_MAX {
            self.flush(time, out);
        }
    }

    fn end_of_time(&mut self, end: &TimeEnd, out: &mut Output) {
        self.flush(end.time, out);
        if let Some(windows) = &mut self.windows {
            windows.watermark = windows.watermark.max(end.watermark);
        }
    }
}

/// What a batch of exported groups says of itself.
pub(crate) struct Partial<'a> {
    /// Start of the pane, where there are windows.
    pub(crate) start: Option<i64>,
    /// The virtual node of each group.
    pub(crate) nodes: &'a [u8],
}

/// Whether `rows` are groups that a [`PartialAggregate`] has put out.
pub(crate) fn partial_of(rows: &RecordBatch) -> Option<Partial<'_>> {
    let start = rows.schema_ref().metadata().get(METADATA)?;
    Some(Partial {
        start: start.parse().ok(),
        nodes: rows.column(0).as_primitive::<UInt8Type>().values(),
    })
}
