//! The contents of a view as the [`Shelf`] of its last operator.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::record_batch::RecordBatch;
use kappa_serving::{Slot, ViewContents};
use kappa_types::Timestamp;

use crate::operator::Shelf;

/// One shard of a view's contents.
pub(super) struct ContentsShelf {
    /// The contents.
    pub(super) contents: Arc<ViewContents>,
    /// Which shard.
    pub(super) shard: usize,
    /// Which columns of the operator's rows are the view's.
    pub(super) columns: Vec<usize>,
    /// Whether the step at hand has views above this one.
    pub(super) followed: Rc<Cell<bool>>,
}

impl ContentsShelf {
    fn rows(&self, rows: &RecordBatch) -> RecordBatch {
        let columns = self.columns.iter().map(|column| Arc::clone(rows.column(*column))).collect();
        RecordBatch::try_new(Arc::clone(self.contents.rows.schema()), columns)
            .expect("the view's columns are columns of the aggregate")
    }

    fn count(&self, row_count: usize) {
        self.contents.rows_out.fetch_add(row_count as u64, Ordering::Relaxed);
    }
}

impl Shelf for ContentsShelf {
    fn append(&mut self, time: Timestamp, rows: &RecordBatch, slots: &mut Vec<u32>) {
        self.count(rows.num_rows());
        let mut new = Vec::with_capacity(rows.num_rows());
        self.contents
            .rows
            .append(self.shard, time, &self.rows(rows), Some(&mut new))
            .expect("the operator puts out each row once");
        slots.extend(new.into_iter().map(|slot| slot.0));
    }

    fn update(&mut self, time: Timestamp, slots: &[u32], rows: &RecordBatch) {
        self.count(2 * rows.num_rows());
        let slots: Vec<Slot> = slots.iter().map(|slot| Slot(*slot)).collect();
        self.contents
            .rows
            .update(self.shard, time, &slots, &self.rows(rows))
            .expect("the operator knows its slots");
    }

    fn retract(&mut self, time: Timestamp, slots: &[u32]) {
        self.count(slots.len());
        let slots: Vec<Slot> = slots.iter().map(|slot| Slot(*slot)).collect();
        let result = self.contents.rows.retract(self.shard, time, &slots);
        result.expect("the operator knows its slots");
    }

    fn is_followed(&self) -> bool {
        self.followed.get()
    }
}
