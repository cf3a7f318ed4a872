//! WindowAggregate: one row per group and window, put out at every change or when the window closes.
//!
//! ```text
//! on update   window start -> table             every change of a group is put out at its time
//! on close    pane start -> table               a window's panes are added up when it closes;
//!                                                tumbling windows are their own pane
//! ```
//! The one idea: state is one small table per window, not one table over (key, window). Rows come
//! nearly in order of time, so the table at hand stays in the processor's cache, and a window that
//! is done is dropped whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray, new_null_array};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use kappa_plan::{NullTime, Window};
use kappa_types::DeltaBatch;

use super::aggregate::GroupWriter;
use super::assign_window::{starts, time_out_of_range};
use super::failure::{ErrorRows, late_rows};
use super::partial_aggregate::partial_of;
use super::runs::{runs_of, slice};
use super::{Operator, Output, TimeEnd};
use crate::state::{GroupLayout, GroupTable, State};

/// Tables not touched for this many times give back what only speeds up changes.
const COOL_AFTER_TIMES: u64 = 64;

/// One row per group and window.
pub(crate) struct WindowAggregate {
    /// Column with the time.
    time: usize,
    window: Window,
    null_time: NullTime,
    on_close: bool,
    layout: Arc<GroupLayout>,
    writer: GroupWriter,
    tables: Tables,
    /// Time windows with changes at this time.
    touched: Vec<Option<i64>>,
    /// The watermark at the end of the last time: windows that end by it are closed.
    watermark: Option<i64>,
    /// Times ended so far.
    times: u64,
}

/// The tables by start of their window or pane; `None` is the window of NULL times.
#[derive(Default)]
struct Tables {
    by_start: BTreeMap<Option<i64>, WindowTable>,
}

struct WindowTable {
    table: GroupTable,
    /// When it was last touched, in times ended.
    touched_at: u64,
}

/// What a WindowAggregate is made from.
pub(crate) struct WindowAggregateOptions {
    /// Column with the time.
    pub(crate) time: usize,
    /// Which windows.
    pub(crate) window: Window,
    /// What becomes of rows without a time.
    pub(crate) null_time: NullTime,
    /// Whether results are held back until their window closes.
    pub(crate) on_close: bool,
    /// Keys and aggregates.
    pub(crate) layout: GroupLayout,
    /// Where results go.
    pub(crate) writer: GroupWriter,
}

impl WindowAggregate {
    pub(crate) fn new(options: WindowAggregateOptions) -> Self {
        let WindowAggregateOptions { time, window, null_time, on_close, layout, mut writer } =
            options;
        debug_assert_ne!(layout.tracked, on_close, "closed windows have no changes to follow");
        writer.prepare(&layout);
        Self {
            time,
            window,
            null_time,
            on_close,
            writer,
            layout: Arc::new(layout),
            tables: Tables::default(),
            touched: Vec::new(),
            watermark: None,
            times: 0,
        }
    }

    /// Takes rows that are all in the pane that starts at `start`.
    fn push_pane(&mut self, start: i64, run: &DeltaBatch, out: &mut Output) {
        let Some(windows) = starts(&self.window, start) else {
            self.fail(run, out);
            return;
        };
        if !self.on_close {
            for start in windows {
                self.update(Some(start), run);
            }
            return;
        }
        // A row can be late for some of its windows only.
        let closed = |start: &i64| {
            let end = self.window.end(*start);
            self.watermark.is_some_and(|watermark| end.is_some_and(|end| end <= watermark))
        };
        let late: Vec<i64> = windows.filter(closed).collect();
        for start in &late {
            let ends = vec![self.window.end(*start); run.row_count()];
            self.note_late(&ends, run, out);
        }
        if late.len() < self.window.windows_per_time() as usize {
            self.update(Some(start), run);
        }
    }

    fn push_without_time(&mut self, run: &DeltaBatch, out: &mut Output) {
        match (self.null_time, self.on_close) {
            (NullTime::Group, false) => self.update(None, run),
            // Such a window never closes: the rows are counted.
            (_, true) => self.note_late(&vec![None; run.row_count()], run, out),
            (NullTime::Drop, false) => {}
        }
    }

    /// Takes rows whose window cannot be represented: those at infinity, and those in the last window
    /// of all times. Where times are grouped, each is a group of its own that never ends, and a time
    /// that a view groups by is the start of its window already.
    fn push_out_of_range(&mut self, run: &DeltaBatch, out: &mut Output) {
        if self.on_close || self.null_time == NullTime::Drop {
            self.fail(run, out);
            return;
        }
        let times = run.rows.column(self.time).as_primitive::<TimestampMicrosecondType>().clone();
        let mut from = 0;
        for same in times.values().chunk_by(|a, b| a == b) {
            self.update(Some(same[0]), &slice(run, from, same.len()));
            from += same.len();
        }
    }

    /// Takes groups of the pane that starts at `start`; whoever made them has left late rows out.
    fn push_partial(&mut self, start: i64, groups: &RecordBatch) {
        let keep_old = self.writer.is_followed();
        if self.on_close {
            self.table(Some(start)).absorb(groups, keep_old);
            return;
        }
        let windows = starts(&self.window, start).expect("the pane has windows");
        windows.for_each(|start| self.table(Some(start)).absorb(groups, keep_old));
    }

    fn update(&mut self, start: Option<i64>, run: &DeltaBatch) {
        let keep_old = self.writer.is_followed();
        let diffs = run.diffs.as_ref().map(|diffs| diffs.values().as_ref());
        self.table(start).update(run.rows.columns(), run.row_count(), diffs, keep_old);
    }

    /// The table of a window or pane that is going to change.
    fn table(&mut self, start: Option<i64>) -> &mut GroupTable {
        let entry = self.tables.by_start.entry(start).or_insert_with(|| WindowTable {
            table: self.writer.table(&self.layout),
            touched_at: 0,
        });
        if entry.table.is_settled() {
            self.touched.push(start);
        }
        entry.touched_at = self.times;
        &mut entry.table
    }

    fn note_late(&self, ends: &[Option<i64>], run: &DeltaBatch, out: &mut Output) {
        let diffs = (0..run.row_count()).map(|index| run.diff(index));
        out.late.push(late_rows(run.time, ends, &run.rows, diffs));
    }

    fn fail(&self, run: &DeltaBatch, out: &mut Output) {
        let mut errors = ErrorRows::default();
        let reason = time_out_of_range();
        for index in 0..run.row_count() {
            errors.push(self.writer.position(), &reason, &run.rows, index, run.diff(index));
        }
        out.errors.extend(errors.finish(run.time));
    }

    fn finish_touched(&mut self, end: &TimeEnd, out: &mut Output) {
        let mut touched = std::mem::take(&mut self.touched);
        let data_type = self.layout.input.field(self.time).data_type().clone();
        for start in touched.drain(..) {
            let entry = self.tables.by_start.get_mut(&start).expect("a touched window is there");
            let extra = |count| window_columns(&self.window, &data_type, start, count);
            self.writer.finish(end.time, &mut entry.table, extra, out);
            if entry.table.is_empty() {
                self.tables.by_start.remove(&start);
            }
        }
        self.touched = touched;
        if self.times.is_multiple_of(COOL_AFTER_TIMES) {
            let old = |entry: &&mut WindowTable| entry.touched_at + COOL_AFTER_TIMES < self.times;
            self.tables.by_start.values_mut().filter(old).for_each(|entry| entry.table.cool());
        }
    }

    /// Puts out the windows that end by `watermark` and did not by the last one.
    fn close(&mut self, watermark: i64, end: &TimeEnd, out: &mut Output) {
        for start in self.open_windows(watermark) {
            let rows = match self.window.windows_per_time() {
                1 => self.tables.by_start.remove(&Some(start)).map(|entry| entry.table.all()),
                _ => Some(self.add_panes(start)),
            };
            for rows in rows.into_iter().flatten() {
                let data_type = self.layout.input.field(self.time).data_type();
                let extra = window_columns(&self.window, data_type, Some(start), rows.row_count);
                self.writer.write(end.time, rows, &extra, out);
            }
        }
        // A pane is needed until the window that starts with it has closed.
        while let Some(entry) = self.tables.by_start.first_entry() {
            let start = entry.key().expect("rows without a time are not kept");
            if self.window.end(start).is_some_and(|end| end <= watermark) {
                entry.remove();
            } else {
                break;
            }
        }
    }

    /// Starts of the windows that close by `watermark` and have panes, ascending.
    fn open_windows(&self, watermark: i64) -> Vec<i64> {
        let mut open: Vec<i64> = self
            .tables
            .by_start
            .keys()
            .flatten()
            .take_while(|start| {
                // The oldest window that holds the pane is the first to close.
                starts(&self.window, **start)
                    .and_then(Iterator::last)
                    .and_then(|oldest| self.window.end(oldest))
                    .is_some_and(|end| end <= watermark)
            })
            .flat_map(|start| starts(&self.window, *start).into_iter().flatten())
            .filter(|start| {
                let end = self.window.end(*start).expect("the window was found by its end");
                end <= watermark && self.watermark.is_none_or(|before| end > before)
            })
            .collect();
        open.sort_unstable();
        open.dedup();
        open
    }

    /// The groups of a window made of several panes.
    fn add_panes(&self, start: i64) -> Vec<crate::state::GroupRows> {
        let end = self.window.end(start).expect("the window was found by its end");
        let mut sum = GroupTable::new(Arc::clone(&self.layout));
        for entry in self.tables.by_start.range(Some(start)..Some(end)).map(|(_, entry)| entry) {
            sum.merge(&entry.table);
        }
        sum.all()
    }
}

/// Columns window_start and window_end for `count` rows of one window.
fn window_columns(
    window: &Window,
    data_type: &DataType,
    start: Option<i64>,
    count: usize,
) -> Vec<ArrayRef> {
    let end = start.and_then(|start| window.end(start));
    let column = |micros: Option<i64>| match micros {
        None => new_null_array(data_type, count),
        Some(micros) => {
            let array = TimestampMicrosecondArray::from(vec![micros; count]);
            Arc::new(array.with_data_type(data_type.clone())) as ArrayRef
        }
    };
    vec![column(start), column(end)]
}

impl Operator for WindowAggregate {
    fn push(&mut self, _port: usize, delta: DeltaBatch, out: &mut Output) {
        if delta.is_empty() {
            return;
        }
        if let Some(partial) = partial_of(&delta.rows) {
            let start = partial.start.expect("groups of windows have a pane");
            self.push_partial(start, &delta.rows);
            return;
        }
        let window = self.window;
        let times = delta.rows.column(self.time).as_primitive::<TimestampMicrosecondType>().clone();
        if times.null_count() == times.len() {
            self.push_without_time(&delta, out);
            return;
        }
        let runs = runs_of(delta, &times, &window);
        for run in runs.without_time {
            self.push_without_time(&run, out);
        }
        for run in runs.out_of_range {
            self.push_out_of_range(&run, out);
        }
        for (start, run) in runs.by_start {
            self.push_pane(start, &run, out);
        }
    }

    fn end_of_time(&mut self, end: &TimeEnd, out: &mut Output) {
        self.times += 1;
        if !self.on_close {
            self.finish_touched(end, out);
            return;
        }
        self.touched.clear();
        if let Some(watermark) = end.watermark.filter(|now| self.watermark.is_none_or(|w| w < *now))
        {
            self.close(watermark, end, out);
            self.watermark = Some(watermark);
        }
    }

    fn states(&mut self) -> Vec<&mut dyn State> {
        vec![self]
    }
}

impl State for WindowAggregate {
    fn size_bytes(&self) -> usize {
        self.tables.by_start.values().map(|entry| entry.table.size_bytes() + 64).sum()
    }

    /// The batches of each table, with the start of the window in the schema's metadata.
    fn export(&self) -> Vec<RecordBatch> {
        let mut batches = Vec::new();
        for (start, entry) in &self.tables.by_start {
            let text = start.map_or_else(|| "null".to_owned(), |start| start.to_string());
            for batch in entry.table.export() {
                let metadata = [("window_start".to_owned(), text.clone())].into();
                let schema = batch.schema().as_ref().clone().with_metadata(metadata);
                batches.push(batch.with_schema(Arc::new(schema)).expect("only metadata differs"));
            }
        }
        batches
    }

    fn refill(&mut self, batch: &RecordBatch) {
        let start = batch.schema_ref().metadata().get("window_start");
        let start = start.expect("export wrote it").parse().ok();
        let entry = self.tables.by_start.entry(start).or_insert_with(|| WindowTable {
            table: self.writer.table(&self.layout),
            touched_at: self.times,
        });
        entry.table.refill(batch);
    }
}
