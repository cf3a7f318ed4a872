//! Aggregate: one row per group.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use kappa_types::{DeltaBatch, Timestamp};

use super::failure::ErrorRows;
use super::partial_aggregate::partial_of;
use super::shelf::{NO_SLOT, Shelf};
use super::{Operator, Output, TimeEnd};
use crate::state::{GroupChanges, GroupLayout, GroupRows, GroupTable, NewGroups, State};

/// One row per group: keys, then aggregates.
pub(crate) struct Aggregate {
    table: GroupTable,
    writer: GroupWriter,
    /// Whether the group without keys is kept here and was not made yet.
    only_group_missing: bool,
}

impl Aggregate {
    /// `here` is whether this worker keeps the group of an aggregate without keys.
    pub(crate) fn new(layout: GroupLayout, mut writer: GroupWriter, here: bool) -> Self {
        writer.prepare(&layout);
        let only_group_missing = layout.keys.is_empty() && here;
        let table = writer.table(&Arc::new(layout));
        Self { table, writer, only_group_missing }
    }
}

impl Operator for Aggregate {
    fn push(&mut self, _port: usize, delta: DeltaBatch, _out: &mut Output) {
        if delta.is_empty() {
            return;
        }
        let keep_old = self.writer.is_followed();
        if partial_of(&delta.rows).is_some() {
            self.table.absorb(&delta.rows, keep_old);
            return;
        }
        let diffs = delta.diffs.as_ref().map(|diffs| diffs.values().as_ref());
        self.table.update(delta.rows.columns(), delta.row_count(), diffs, keep_old);
    }

    fn end_of_time(&mut self, end: &TimeEnd, out: &mut Output) {
        if std::mem::take(&mut self.only_group_missing) {
            self.table.touch_only_group();
        }
        if !self.table.is_settled() {
            self.writer.finish(end.time, &mut self.table, |_| Vec::new(), out);
        }
    }

    fn states(&mut self) -> Vec<&mut dyn State> {
        vec![&mut self.table]
    }
}

/// Makes groups into output rows, and results in error into error rows.
pub(crate) struct GroupWriter {
    /// Output columns: keys, then `extra` columns, then results.
    schema: SchemaRef,
    /// Where errors say they happened.
    position: String,
    /// The aggregate calls, for errors.
    names: Vec<String>,
    /// How many output columns are keys.
    key_count: usize,
    /// Where rows are placed, if this is the last operator that makes rows.
    shelf: Option<Box<dyn Shelf>>,
}

impl GroupWriter {
    pub(crate) fn new(schema: SchemaRef, position: String, shelf: Option<Box<dyn Shelf>>) -> Self {
        Self { schema, position, names: Vec::new(), key_count: 0, shelf }
    }

    /// Takes the names of keys and aggregates over from `layout`.
    pub(crate) fn prepare(&mut self, layout: &GroupLayout) {
        self.names = layout.aggregates.iter().map(ToString::to_string).collect();
        self.key_count = layout.keys.len();
    }

    /// Where errors say they happened.
    pub(crate) fn position(&self) -> &str {
        &self.position
    }

    /// An empty table whose results this writer puts out.
    pub(crate) fn table(&self, layout: &Arc<GroupLayout>) -> GroupTable {
        let mut table = GroupTable::new(Arc::clone(layout));
        if self.shelf.is_some() {
            table.place_results();
        }
        table
    }

    /// Whether somebody wants to know old results.
    pub(crate) fn is_followed(&self) -> bool {
        self.shelf.as_ref().is_none_or(|shelf| shelf.is_followed())
    }

    /// Puts out the changes of `table`, with columns made by `extra` for a number of rows between
    /// keys and results.
    pub(crate) fn finish(
        &mut self,
        time: Timestamp,
        table: &mut GroupTable,
        extra: impl Fn(usize) -> Vec<ArrayRef>,
        out: &mut Output,
    ) {
        let GroupChanges { old, gone, new } = table.finish();
        let columns = extra(old.row_count);
        if let Some(batch) = self.batch(time, old, -1, &columns, out).map(|(batch, _)| batch)
            && self.is_followed()
        {
            let diffs = Some(Int64Array::from(vec![-1; batch.num_rows()]));
            out.delta(DeltaBatch::new(time, batch, diffs));
        }
        if let Some(shelf) = self.shelf.as_mut().filter(|_| !gone.is_empty()) {
            shelf.retract(time, &gone);
        }
        for NewGroups { mut numbers, mut updated, rows } in new {
            let columns = extra(rows.row_count);
            let Some((batch, mask)) = self.batch(time, rows, 1, &columns, out) else { continue };
            if let Some(shelf) = &mut self.shelf {
                if let Some(mask) = mask {
                    take_failed(time, shelf.as_mut(), table, &mask, &mut numbers, &mut updated);
                }
                place(time, shelf.as_mut(), table, &numbers, updated, &batch);
            }
            if self.is_followed() {
                out.delta(DeltaBatch::insert(time, batch));
            }
        }
    }

    /// Puts out groups that come once for ever.
    pub(crate) fn write(
        &self,
        time: Timestamp,
        groups: GroupRows,
        extra: &[ArrayRef],
        out: &mut Output,
    ) {
        if let Some((batch, _)) = self.batch(time, groups, 1, extra, out) {
            out.delta(DeltaBatch::insert(time, batch));
        }
    }

    /// The output rows of `groups`, and which have one; those in error become errors, `diff` times.
    fn batch(
        &self,
        time: Timestamp,
        groups: GroupRows,
        diff: i64,
        extra: &[ArrayRef],
        out: &mut Output,
    ) -> Option<(RecordBatch, Option<Vec<bool>>)> {
        if groups.row_count == 0 {
            return None;
        }
        let mut columns = groups.keys;
        columns.extend_from_slice(extra);
        columns.extend(groups.results);
        let options = RecordBatchOptions::new().with_row_count(Some(groups.row_count));
        let rows = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .expect("groups have the columns of the node");
        if groups.errors.is_empty() {
            return Some((rows, None));
        }
        let mut mask = vec![true; groups.row_count];
        let mut errors = ErrorRows::default();
        let keys: Vec<usize> = (0..self.key_count + extra.len()).collect();
        let keys = rows.project(&keys).expect("the key columns come first");
        // Of several results in error, the first is reported.
        for (row, aggregate, reason) in groups.errors {
            if std::mem::take(&mut mask[row]) {
                let place = format!("{}: {}", self.position, self.names[aggregate]);
                errors.push(&place, &reason, &keys, row, diff);
            }
        }
        out.errors.extend(errors.finish(time));
        let kept = filter_record_batch(&rows, &BooleanArray::from(mask.clone()));
        Some((kept.expect("one per row"), Some(mask)))
    }
}

/// Takes groups in error out of `numbers`, and what they showed before off the shelf.
fn take_failed(
    time: Timestamp,
    shelf: &mut dyn Shelf,
    table: &mut GroupTable,
    mask: &[bool],
    numbers: &mut Vec<u32>,
    updated: &mut usize,
) {
    let failed: Vec<u32> =
        numbers.iter().zip(mask).take(*updated).filter(|(_, ok)| !**ok).map(|(n, _)| *n).collect();
    shelf.retract(time, &table.slots_of(&failed));
    table.set_slots(&failed, &vec![NO_SLOT; failed.len()]);
    *updated -= failed.len();
    let mut kept = mask.iter();
    numbers.retain(|_| *kept.next().expect("one per group"));
}

/// Places the rows of `numbers`, the first `updated` of which have a slot.
fn place(
    time: Timestamp,
    shelf: &mut dyn Shelf,
    table: &mut GroupTable,
    numbers: &[u32],
    updated: usize,
    rows: &RecordBatch,
) {
    if updated > 0 {
        shelf.update(time, &table.slots_of(&numbers[..updated]), &rows.slice(0, updated));
    }
    let added = numbers.len() - updated;
    if added > 0 {
        let mut slots = Vec::with_capacity(added);
        shelf.append(time, &rows.slice(updated, added), &mut slots);
        table.set_slots(&numbers[updated..], &slots);
    }
}
