//! Merging: keeps chunks few and mostly alive.
//!
//! ```text
//! order   [full][full][full] [4096..] [512..] [512..] [8..] [..8]
//!          compaction              tail: eight of a tier become one of the next
//! ```
//! * The tail: chunks smaller than half the full size. When eight of one size class have come
//!   together (and whatever smaller ones lie between), they become one; a row is copied at most
//!   once per class, five times in all, and once if steps are thousands of rows large.
//! * Compaction: a chunk of which at least half is forgotten (an eighth, if nothing was retracted
//!   from it of late) is rewritten; so are small chunks stuck between full ones.
//!
//! Rows that ended at or before the oldest readable time are left out; begins up to it become one.
//! Work per write is bounded: one merge of the tail and one compaction of one full chunk.

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use kappa_types::Timestamp;

use super::chunk::{CHUNK_ROW_COUNT_MAX, Chunk, Run};
use super::writer::Writer;
use crate::Error;
use crate::row::owned;

/// How many chunks of a size class become one of the next.
const FANOUT: usize = 8;
/// Chunks below this are the tail. A power of [`FANOUT`].
const FULL_ROW_COUNT_MIN: usize = CHUNK_ROW_COUNT_MAX / 2;
/// How many chunks compaction looks at per write.
const VISIT_COUNT_MAX: usize = 16;
/// A chunk from which rows are being retracted is rewritten when one in this many is left…
const HOT_LIVE_FACTOR: usize = 2;
/// … any other when one in this many is forgotten.
const COLD_FORGOTTEN_FACTOR: usize = 8;

const _: () = assert!(FANOUT.pow(5) == FULL_ROW_COUNT_MIN);

/// Rows as (position of their chunk among the merged ones, row in it).
type Sources = Vec<(usize, usize)>;

impl Writer {
    /// What a write does beside its own rows.
    pub(super) fn maintain(&mut self) -> Result<(), Error> {
        if let Some(first) = self.tail_to_merge() {
            let numbers = self.directory.order()[first..].to_vec();
            self.merge(&numbers)?;
        }
        let visited = self.directory.order().len().min(VISIT_COUNT_MAX);
        let found = self.visit(visited);
        if !found.is_empty() {
            self.merge(&found)?;
        }
        Ok(())
    }

    /// Compacts until there is nothing worth it.
    pub(super) fn compact_all(&mut self) -> Result<(), Error> {
        loop {
            let chunk_count = self.directory.order().len();
            self.cursor = 0;
            let found = self.visit(chunk_count);
            if found.is_empty() {
                return Ok(());
            }
            self.merge(&found)?;
        }
    }

    /// Where in the order the tail begins that is due to be merged: the smallest size class of which
    /// there are enough.
    fn tail_to_merge(&self) -> Option<usize> {
        let order = self.directory.order();
        let row_count = |position: usize| self.directory.entry(order[position]).chunk.row_count();
        let mut first = order.len();
        let mut size_min = 1;
        while size_min < FULL_ROW_COUNT_MIN {
            let size_max = size_min * FANOUT;
            let mut of_class = 0;
            while first > 0 && row_count(first - 1) < size_max {
                first -= 1;
            }
            for position in first..order.len() {
                of_class += usize::from(row_count(position) >= size_min);
            }
            if of_class >= FANOUT {
                return Some(first);
            }
            size_min = size_max;
        }
        None
    }

    /// Looks at `count` chunks from the cursor on; returns some that are worth being rewritten
    /// together, no more than fill one chunk.
    fn visit(&mut self, count: usize) -> Vec<u16> {
        let order = self.directory.order().to_vec();
        let tail = self.tail_start();
        let oldest = self.history.oldest();
        let mut found = Vec::new();
        let mut row_count = 0;
        for _ in 0..count {
            if self.cursor >= order.len() {
                self.cursor = 0;
                // Merged chunks stand in the order of their rows.
                break;
            }
            let position = self.cursor;
            let left = self.worth_rewriting(order[position], position < tail, oldest);
            if let Some(left) = left {
                if row_count + left > CHUNK_ROW_COUNT_MAX {
                    break;
                }
                row_count += left;
                found.push(order[position]);
            }
            self.cursor += 1;
        }
        found
    }

    /// Position in the order of the first chunk of the tail.
    fn tail_start(&self) -> usize {
        let order = self.directory.order();
        let full = order.iter().rposition(|number| {
            self.directory.entry(*number).chunk.row_count() >= FULL_ROW_COUNT_MIN
        });
        full.map_or(0, |position| position + 1)
    }

    /// How many rows of a chunk are left if it is worth being rewritten.
    fn worth_rewriting(&mut self, number: u16, sealed: bool, oldest: Timestamp) -> Option<usize> {
        let entry = self.directory.entry_mut(number);
        let chunk = &entry.chunk;
        let (row_count, ended_count) = (chunk.row_count(), chunk.ended_count());
        let hot = ended_count != entry.visited_ended_count;
        entry.visited_ended_count = ended_count;
        let is_enough = |ended: usize| match hot {
            true => (row_count - ended) * HOT_LIVE_FACTOR <= row_count,
            false => ended * COLD_FORGOTTEN_FACTOR >= row_count,
        };
        // A small chunk can only be joined with others whose begins no longer matter.
        let stuck = sealed && row_count < FULL_ROW_COUNT_MIN && chunk.last_begin() <= oldest;
        if !stuck && (ended_count == 0 || !is_enough(ended_count) || chunk.last_begin() > oldest) {
            return None;
        }
        let forgotten = (0..row_count).filter(|row| chunk.end(*row) <= oldest).count();
        (stuck || is_enough(forgotten)).then_some(row_count - forgotten)
    }

    /// Makes one run of chunks out of those with these numbers, in the order's order.
    fn merge(&mut self, numbers: &[u16]) -> Result<(), Error> {
        let oldest = self.history.oldest();
        let chunks: Vec<&Chunk> =
            numbers.iter().map(|number| self.directory.entry(*number).chunk.as_ref()).collect();
        let merged = merged(&chunks, oldest);
        self.directory.replace(numbers, merged)
    }
}

/// New chunks with the survivors of `chunks`, each with the places of its rows in `chunks`.
fn merged(chunks: &[&Chunk], oldest: Timestamp) -> Vec<(Chunk, Sources)> {
    let mut merged = Vec::new();
    let mut rows = survivors(chunks, oldest);
    loop {
        let mut part = Part::default();
        if !part.fill(&mut rows) {
            return merged;
        }
        merged.push((build(chunks, &part), part.sources));
    }
}

/// A row that outlives a merge.
struct Survivor {
    source: (usize, usize),
    begin: Timestamp,
    end: Timestamp,
}

/// The rows of `chunks` that a time from `oldest` on shows, in order of their begins.
fn survivors<'a>(
    chunks: &'a [&'a Chunk],
    oldest: Timestamp,
) -> impl Iterator<Item = Survivor> + 'a {
    chunks.iter().enumerate().flat_map(move |(source, chunk)| {
        let runs = chunk.begins.iter().enumerate().flat_map(move |(index, run)| {
            let next = chunk.begins.get(index + 1);
            let end_row = next.map_or(chunk.row_count(), |next| next.first_row as usize);
            let begin = if run.begin <= oldest { Timestamp::MIN } else { run.begin };
            (run.first_row as usize..end_row).map(move |row| (row, begin))
        });
        runs.filter_map(move |(row, begin)| {
            let end = chunk.end(row);
            (end > oldest).then_some(Survivor { source: (source, row), begin, end })
        })
    })
}

/// The rows of one new chunk.
#[derive(Default)]
struct Part {
    sources: Sources,
    begins: Vec<Run>,
    ends: Vec<Timestamp>,
}

impl Part {
    /// Takes rows until there are enough for a chunk; false if there are none.
    fn fill(&mut self, rows: &mut impl Iterator<Item = Survivor>) -> bool {
        for row in rows.take(CHUNK_ROW_COUNT_MAX) {
            let last = self.begins.last().map(|run| run.begin);
            if last != Some(row.begin) {
                assert!(last.is_none_or(|last| last < row.begin), "begins ascend within a merge");
                let first_row = u32::try_from(self.sources.len()).expect("at most 65536");
                self.begins.push(Run { first_row, begin: row.begin });
            }
            self.sources.push(row.source);
            self.ends.push(row.end);
        }
        !self.sources.is_empty()
    }
}

fn build(chunks: &[&Chunk], part: &Part) -> Chunk {
    let batches: Vec<&RecordBatch> = chunks.iter().map(|chunk| &chunk.rows).collect();
    let rows = interleave_record_batch(&batches, &part.sources);
    let rows = rows.expect("chunks of one shard have one schema");
    Chunk::new(owned(&rows), part.begins.clone(), part.ends.clone())
}
