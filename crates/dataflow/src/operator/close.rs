//! Close: EMIT ON WINDOW CLOSE over any plan whose rows name their window.
//!
//! Rows of a window are held back, as a multiset, until the watermark reaches its end; then they are
//! put out once. Where the plan right below is a WindowAggregate, the build gives the closing to it
//! instead, which holds the values of aggregates rather than rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use kappa_plan::Window;
use kappa_types::DeltaBatch;

use super::failure::late_rows;
use super::runs::runs_of;
use super::{Operator, Output, TimeEnd};
use crate::state::{RowTable, State};

/// Holds rows back until their window closes.
pub(crate) struct Close {
    /// Column with the start of the row's window.
    window_start: usize,
    window: Window,
    schema: SchemaRef,
    /// Rows of open windows by start.
    open: BTreeMap<i64, RowTable>,
    /// Windows that end by it are closed.
    watermark: Option<i64>,
}

impl Close {
    pub(crate) fn new(window_start: usize, window: Window, schema: SchemaRef) -> Self {
        Self { window_start, window, schema, open: BTreeMap::new(), watermark: None }
    }

    fn late(&self, end: Option<i64>, run: &DeltaBatch, out: &mut Output) {
        let ends = vec![end; run.row_count()];
        let diffs = (0..run.row_count()).map(|index| run.diff(index));
        out.late.push(late_rows(run.time, &ends, &run.rows, diffs));
    }
}

impl Operator for Close {
    fn push(&mut self, _port: usize, delta: DeltaBatch, out: &mut Output) {
        if delta.is_empty() {
            return;
        }
        let column = delta.rows.column(self.window_start);
        let starts = column.as_primitive::<TimestampMicrosecondType>().clone();
        if starts.null_count() == starts.len() {
            self.late(None, &delta, out);
            return;
        }
        // Starts that lie `slide` apart are panes of their own for this purpose.
        let runs = runs_of(delta, &starts, &self.window);
        for run in runs.without_time.iter().chain(&runs.out_of_range) {
            self.late(None, run, out);
        }
        for (start, run) in runs.by_start {
            let end = self.window.end(start);
            let closed = |end| self.watermark.is_some_and(|watermark| end <= watermark);
            if end.is_some_and(closed) {
                self.late(end, &run, out);
            } else {
                let table =
                    self.open.entry(start).or_insert_with(|| RowTable::new(self.schema.clone()));
                table.update(&run);
            }
        }
    }

    fn end_of_time(&mut self, end: &TimeEnd, out: &mut Output) {
        let Some(watermark) = end.watermark.filter(|now| self.watermark.is_none_or(|w| w < *now))
        else {
            return;
        };
        self.watermark = Some(watermark);
        while let Some(entry) = self.open.first_entry() {
            if self.window.end(*entry.key()).is_none_or(|end| end > watermark) {
                break;
            }
            let table = entry.remove();
            if !table.is_empty() {
                out.delta(table.all(end.time));
            }
        }
    }

    fn states(&mut self) -> Vec<&mut dyn State> {
        vec![self]
    }
}

impl State for Close {
    fn size_bytes(&self) -> usize {
        self.open.values().map(RowTable::size_bytes).sum()
    }

    /// The batches of each open window, with its start in the schema's metadata.
    fn export(&self) -> Vec<RecordBatch> {
        let mut batches = Vec::new();
        for (start, table) in &self.open {
            for batch in table.export() {
                let metadata = [("window_start".to_owned(), start.to_string())].into();
                let schema = batch.schema().as_ref().clone().with_metadata(metadata);
                batches.push(batch.with_schema(Arc::new(schema)).expect("only metadata differs"));
            }
        }
        batches
    }

    fn refill(&mut self, batch: &RecordBatch) {
        let start = batch.schema_ref().metadata().get("window_start").expect("export wrote it");
        let start = start.parse().expect("export wrote a number");
        let table = self.open.entry(start).or_insert_with(|| RowTable::new(self.schema.clone()));
        table.refill(batch);
    }
}
