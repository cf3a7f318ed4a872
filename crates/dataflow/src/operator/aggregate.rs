//! Aggregate: one row per group.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use kappa_types::{DeltaBatch, Timestamp};

use super::failure::ErrorRows;
use super::{Operator, Output, TimeEnd};
use crate::state::{GroupLayout, GroupRows, GroupTable, State};

/// One row per group: keys, then aggregates.
pub(crate) struct Aggregate {
    table: GroupTable,
    writer: GroupWriter,
    /// Whether the group without keys is kept here and was not made yet.
    only_group_missing: bool,
}

impl Aggregate {
    /// `here` is whether this worker keeps the group of an aggregate without keys.
    pub(crate) fn new(
        layout: GroupLayout,
        schema: SchemaRef,
        position: String,
        here: bool,
    ) -> Self {
        let only_group_missing = layout.keys.is_empty() && here;
        let names = layout.aggregates.iter().map(ToString::to_string).collect();
        let writer = GroupWriter { schema, position, names, key_count: layout.keys.len() };
        Self { table: GroupTable::new(Arc::new(layout)), writer, only_group_missing }
    }
}

impl Operator for Aggregate {
    fn push(&mut self, _port: usize, delta: DeltaBatch, _out: &mut Output) {
        if delta.is_empty() {
            return;
        }
        let diffs = delta.diffs.as_ref().map(|diffs| diffs.values().as_ref());
        self.table.update(delta.rows.columns(), delta.row_count(), diffs);
    }

    fn end_of_time(&mut self, end: &TimeEnd, out: &mut Output) {
        if std::mem::take(&mut self.only_group_missing) {
            self.table.touch_only_group();
        }
        if self.table.is_settled() {
            return;
        }
        let (removed, added) = self.table.finish();
        self.writer.write(end.time, removed, -1, &[], out);
        for rows in added {
            self.writer.write(end.time, rows, 1, &[], out);
        }
    }

    fn states(&mut self) -> Vec<&mut dyn State> {
        vec![&mut self.table]
    }
}

/// Makes groups into output rows, and results in error into error rows.
pub(crate) struct GroupWriter {
    /// Output columns: keys, then `extra` columns, then results.
    pub(crate) schema: SchemaRef,
    /// Where errors say they happened.
    pub(crate) position: String,
    /// The aggregate calls, for errors.
    pub(crate) names: Vec<String>,
    /// How many output columns are keys.
    pub(crate) key_count: usize,
}

impl GroupWriter {
    /// Puts out `groups`, each `diff` times, with `extra` columns between keys and results.
    pub(crate) fn write(
        &self,
        time: Timestamp,
        groups: GroupRows,
        diff: i64,
        extra: &[ArrayRef],
        out: &mut Output,
    ) {
        if groups.row_count == 0 {
            return;
        }
        let mut columns = groups.keys;
        columns.extend_from_slice(extra);
        columns.extend(groups.results);
        let options = RecordBatchOptions::new().with_row_count(Some(groups.row_count));
        let mut rows = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .expect("groups have the columns of the node");
        if !groups.errors.is_empty() {
            let mut mask = vec![true; groups.row_count];
            let mut errors = ErrorRows::default();
            // Of several results in error, the first is reported.
            for (row, aggregate, reason) in groups.errors {
                if std::mem::take(&mut mask[row]) {
                    let place = format!("{}: {}", self.position, self.names[aggregate]);
                    let keys: Vec<usize> = (0..self.key_count + extra.len()).collect();
                    let keys = rows.project(&keys).expect("the key columns come first");
                    errors.push(&place, &reason, &keys, row, diff);
                }
            }
            out.errors.extend(errors.finish(time));
            rows = filter_record_batch(&rows, &BooleanArray::from(mask)).expect("one per row");
        }
        let diffs = (diff != 1).then(|| Int64Array::from(vec![diff; rows.num_rows()]));
        out.delta(DeltaBatch { time, rows, diffs });
    }
}
