//! What changed between two times.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::SchemaRef;
use kappa_types::{DeltaBatch, Timestamp};

use super::chunk::Chunk;

/// Rows as (chunk, row), each with its diff.
#[derive(Default)]
struct Changes {
    sources: Vec<(usize, usize)>,
    diffs: Vec<i64>,
}

impl Changes {
    fn push(&mut self, source: (usize, usize), diff: i64) {
        self.sources.push(source);
        self.diffs.push(diff);
    }

    fn batch(self, chunks: &[Arc<Chunk>], schema: &SchemaRef, time: Timestamp) -> DeltaBatch {
        let batches: Vec<&RecordBatch> = chunks.iter().map(|chunk| &chunk.rows).collect();
        let rows = match self.sources.is_empty() {
            true => RecordBatch::new_empty(Arc::clone(schema)),
            false => interleave_record_batch(&batches, &self.sources)
                .expect("chunks of one view have one schema"),
        };
        let diffs = self.diffs.iter().any(|diff| *diff != 1);
        DeltaBatch::new(time, rows, diffs.then(|| Int64Array::from(self.diffs)))
    }
}

/// One batch for each time after `after` up to and including `until` at which rows changed. A row
/// that came and went at one time is in none.
pub(super) fn by_time(
    chunks: &[Arc<Chunk>],
    schema: &SchemaRef,
    after: Timestamp,
    until: Timestamp,
) -> Vec<DeltaBatch> {
    let mut times: BTreeMap<Timestamp, Changes> = BTreeMap::new();
    for_each_row(chunks, until, |source, begin, end| {
        if begin == end {
            return;
        }
        if begin > after {
            times.entry(begin).or_default().push(source, 1);
        }
        if end > after && end <= until {
            times.entry(end).or_default().push(source, -1);
        }
    });
    times.into_iter().map(|(time, changes)| changes.batch(chunks, schema, time)).collect()
}

/// All of it as one batch at `until`, without rows that came and went; `None` if nothing changed.
pub(super) fn net(
    chunks: &[Arc<Chunk>],
    schema: &SchemaRef,
    after: Timestamp,
    until: Timestamp,
) -> Option<DeltaBatch> {
    let mut changes = Changes::default();
    for_each_row(chunks, until, |source, begin, end| {
        match (begin > after, end > after && end <= until) {
            (true, false) => changes.push(source, 1),
            (false, true) => changes.push(source, -1),
            _ => {}
        }
    });
    (!changes.sources.is_empty()).then(|| changes.batch(chunks, schema, until))
}

/// Calls `change` with place, begin and end of each row that had begun at `until`.
fn for_each_row(
    chunks: &[Arc<Chunk>],
    until: Timestamp,
    mut change: impl FnMut((usize, usize), Timestamp, Timestamp),
) {
    for (source, chunk) in chunks.iter().enumerate() {
        for (index, run) in chunk.begins.iter().enumerate() {
            let next = chunk.begins.get(index + 1);
            let end_row = next.map_or(chunk.row_count(), |next| next.first_row as usize);
            if run.begin > until {
                break;
            }
            for row in run.first_row as usize..end_row {
                change((source, row), run.begin, chunk.end(row));
            }
        }
    }
}
