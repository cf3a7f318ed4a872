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
use kappa_types::Timestamp;

use super::chunk::{CHUNK_ROW_COUNT_MAX, Chunk, Run};
use super::writer::Writer;
use crate::Error;
use crate::row::{Selection, gather, owned};

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

impl Writer {
    /// What a write does beside its own rows.
    pub(super) fn maintain(&mut self) -> Result<(), Error> {
        if let Some(first) = self.tail_to_merge() {
            let numbers = self.directory.order()[first..].to_vec();
            self.merge(&numbers)?;
        }
        let visited = self.directory.order().len().min(VISIT_COUNT_MAX);
        let found = self.visit(visited, false);
        if !found.is_empty() {
            self.merge(&found)?;
        }
        Ok(())
    }

    /// Compacts until there is nothing worth it.
    pub(super) fn compact_all(&mut self) -> Result<(), Error> {
        loop {
            self.cursor = 0;
            let found = self.visit(self.directory.order().len(), true);
            if found.is_empty() {
                return Ok(());
            }
            // Each merge makes chunks fewer, or forgets rows of one.
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
    /// together, no more than fill one chunk. `settled` takes all as not being retracted from.
    fn visit(&mut self, count: usize, settled: bool) -> Vec<u16> {
        let tail = self.tail_start();
        let oldest = self.history.oldest();
        let mut found = Found::default();
        for _ in 0..count {
            if self.cursor >= self.directory.order().len() {
                self.cursor = 0;
                if !found.numbers.is_empty() {
                    // Chunks are merged in the order in which they stand.
                    break;
                }
            }
            let number = self.directory.order()[self.cursor];
            let sealed = self.cursor < tail;
            if let Some(rows) = self.worth_rewriting(number, sealed, settled, oldest) {
                let full = found.left_count + rows.left_count > CHUNK_ROW_COUNT_MAX;
                if full && found.is_gain() {
                    break;
                }
                if full {
                    found = Found::default();
                }
                found.numbers.push(number);
                found.left_count += rows.left_count;
                found.forgotten_count += rows.forgotten_count;
            }
            self.cursor += 1;
        }
        if found.is_gain() { found.numbers } else { Vec::new() }
    }

    /// Position in the order of the first chunk of the tail.
    fn tail_start(&self) -> usize {
        let order = self.directory.order();
        let full = order.iter().rposition(|number| {
            self.directory.entry(*number).chunk.row_count() >= FULL_ROW_COUNT_MIN
        });
        full.map_or(0, |position| position + 1)
    }

    /// The rows of a chunk if it is worth being rewritten.
    fn worth_rewriting(
        &mut self,
        number: u16,
        sealed: bool,
        settled: bool,
        oldest: Timestamp,
    ) -> Option<RowCounts> {
        let entry = self.directory.entry_mut(number);
        let chunk = &entry.chunk;
        let (row_count, ended_count) = (chunk.row_count(), chunk.ended_count());
        let hot = !settled && ended_count != entry.visited_ended_count;
        entry.visited_ended_count = ended_count;
        let is_enough = |ended: usize| match hot {
            true => (row_count - ended) * HOT_LIVE_FACTOR <= row_count,
            false => ended * COLD_FORGOTTEN_FACTOR >= row_count,
        };
        // Chunks out of their place in time can only be joined when their begins no longer matter.
        if chunk.last_begin() > oldest {
            return None;
        }
        let stuck = sealed && row_count < FULL_ROW_COUNT_MIN;
        if !stuck && (ended_count == 0 || !is_enough(ended_count)) {
            return None;
        }
        let forgotten_count = (0..row_count).filter(|row| chunk.end(*row) <= oldest).count();
        let counts = RowCounts { left_count: row_count - forgotten_count, forgotten_count };
        (stuck || is_enough(forgotten_count)).then_some(counts)
    }

    /// Makes one run of chunks out of those with these numbers, in the order's order.
    fn merge(&mut self, numbers: &[u16]) -> Result<(), Error> {
        let oldest = self.history.oldest();
        let chunks: Vec<&Chunk> =
            numbers.iter().map(|number| self.directory.entry(*number).chunk.as_ref()).collect();
        let parts: Vec<Part> = survivors(&chunks, oldest);
        let merged = parts.into_iter().map(|part| (build(&chunks, &part), part.selections));
        let merged = merged.collect();
        self.directory.replace(numbers, merged)
    }
}

/// What a merge would do to a chunk.
struct RowCounts {
    left_count: usize,
    forgotten_count: usize,
}

/// Chunks that may be rewritten together.
#[derive(Default)]
struct Found {
    numbers: Vec<u16>,
    left_count: usize,
    forgotten_count: usize,
}

impl Found {
    /// Whether rewriting them makes chunks or rows fewer.
    const fn is_gain(&self) -> bool {
        self.numbers.len() > 1 || self.forgotten_count > 0
    }
}

/// What one new chunk is made of.
#[derive(Default)]
struct Part {
    selections: Vec<Selection>,
    begins: Vec<Run>,
    ends: Vec<Timestamp>,
}

impl Part {
    /// Rows from here on begin at `begin`.
    fn begin(&mut self, begin: Timestamp) {
        let last = self.begins.last().map(|run| run.begin);
        if last != Some(begin) {
            assert!(last.is_none_or(|last| last < begin), "begins ascend within a merge");
            let first_row = u32::try_from(self.ends.len()).expect("at most 65536");
            self.begins.push(Run { first_row, begin });
        }
    }
}

/// The rows of `chunks` that a time from `oldest` on shows, in order of their begins, cut into new
/// chunks.
fn survivors(chunks: &[&Chunk], oldest: Timestamp) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut part = Part::default();
    for (source, chunk) in chunks.iter().enumerate() {
        let mut rows = Vec::with_capacity(chunk.row_count());
        for (index, run) in chunk.begins.iter().enumerate() {
            let next = chunk.begins.get(index + 1);
            let end_row = next.map_or(chunk.row_count(), |next| next.first_row as usize);
            let begin = if run.begin <= oldest { Timestamp::MIN } else { run.begin };
            let mut is_begun = false;
            for row in run.first_row as usize..end_row {
                let end = chunk.end(row);
                if end <= oldest {
                    continue;
                }
                if part.ends.len() == CHUNK_ROW_COUNT_MAX {
                    part.selections.push(Selection { source, rows: std::mem::take(&mut rows) });
                    parts.push(std::mem::take(&mut part));
                    is_begun = false;
                }
                if !is_begun {
                    part.begin(begin);
                    is_begun = true;
                }
                rows.push(row as u16);
                part.ends.push(end);
            }
        }
        part.selections.push(Selection { source, rows });
    }
    parts.push(part);
    for part in &mut parts {
        part.selections.retain(|selection| !selection.rows.is_empty());
    }
    parts.retain(|part| !part.ends.is_empty());
    parts
}

fn build(chunks: &[&Chunk], part: &Part) -> Chunk {
    let sources: Vec<&RecordBatch> = chunks.iter().map(|chunk| &chunk.rows).collect();
    let rows = gather(&sources, &part.selections);
    Chunk::new(owned(&rows), part.begins.clone(), part.ends.clone())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;
    use arrow::datatypes::{DataType, Field, Schema};

    use super::super::shard::Published;
    use super::super::slots::Slot;
    use super::*;
    use crate::horizon::ReadableTimes;

    fn writer() -> Writer {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        Writer::new(
            &schema,
            None,
            usize::MAX,
            Arc::new(parking_lot::Mutex::new(Published::default())),
        )
    }

    fn rows(writer: &Writer, count: usize) -> RecordBatch {
        let values = Int64Array::from(vec![7; count]);
        RecordBatch::try_new(Arc::clone(&writer.schema), vec![Arc::new(values)]).unwrap()
    }

    fn readable(oldest: u64) -> ReadableTimes {
        ReadableTimes { oldest: Timestamp(oldest), boundary: Timestamp(oldest) }
    }

    fn append(writer: &mut Writer, time: u64, count: usize, oldest: u64) -> Vec<Slot> {
        let mut slots = Vec::new();
        let rows = rows(writer, count);
        writer.append(Timestamp(time), &rows, Some(&mut slots), readable(oldest)).unwrap();
        slots
    }

    fn sizes(writer: &Writer) -> Vec<usize> {
        writer.directory.chunks().map(|chunk| chunk.row_count()).collect()
    }

    #[test]
    fn single_rows_become_few_chunks() {
        let mut writer = writer();
        let mut chunk_count_max = 0;
        for time in 0..20_000 {
            append(&mut writer, time, 1, time);
            chunk_count_max = chunk_count_max.max(sizes(&writer).len());
        }
        assert_eq!(sizes(&writer).iter().sum::<usize>(), 20_000);
        assert!(chunk_count_max <= 5 * FANOUT, "{chunk_count_max}");
    }

    #[test]
    fn what_nobody_can_read_is_left_out_of_a_merge() {
        let mut writer = writer();
        let slots = append(&mut writer, 1, 1, 1);
        for time in 2..9 {
            let rows = rows(&writer, 1);
            writer.update(Timestamp(time), &slots, &rows, readable(time - 1)).unwrap();
        }
        // Of eight versions two are left: one is readable, one is new.
        assert_eq!(sizes(&writer), [1, 1]);
    }

    #[test]
    fn what_is_held_is_kept() {
        let mut writer = writer();
        let slots = append(&mut writer, 1, 1, 1);
        for time in 2..9 {
            let rows = rows(&writer, 1);
            writer.update(Timestamp(time), &slots, &rows, readable(1)).unwrap();
        }
        assert_eq!(sizes(&writer), [8]);
    }

    #[test]
    fn a_chunk_half_forgotten_is_rewritten() {
        let mut writer = writer();
        let slots = append(&mut writer, 1, CHUNK_ROW_COUNT_MAX, 1);
        let (gone, kept) = slots.split_at(CHUNK_ROW_COUNT_MAX / 2);
        writer.retract(Timestamp(2), gone, readable(1)).unwrap();
        assert_eq!(sizes(&writer), [CHUNK_ROW_COUNT_MAX]);
        append(&mut writer, 3, 1, 2);
        assert_eq!(sizes(&writer), [CHUNK_ROW_COUNT_MAX / 2, 1]);
        writer.retract(Timestamp(4), kept, readable(3)).unwrap();
        append(&mut writer, 5, 1, 4);
        assert_eq!(sizes(&writer), [1, 1]);
    }

    #[test]
    fn a_settled_chunk_is_rewritten_for_an_eighth() {
        let mut writer = writer();
        let slots = append(&mut writer, 1, CHUNK_ROW_COUNT_MAX, 1);
        writer.retract(Timestamp(2), &slots[..CHUNK_ROW_COUNT_MAX / 8], readable(2)).unwrap();
        assert_eq!(sizes(&writer), [CHUNK_ROW_COUNT_MAX], "it was just retracted from");
        append(&mut writer, 3, 1, 2);
        assert_eq!(sizes(&writer), [CHUNK_ROW_COUNT_MAX / 8 * 7, 1]);
    }

    #[test]
    fn small_chunks_between_full_ones_are_joined() {
        let mut writer = writer();
        for time in 1..10 {
            append(&mut writer, time * 2, 3, time * 2);
            append(&mut writer, time * 2 + 1, FULL_ROW_COUNT_MIN, time * 2);
        }
        let small = sizes(&writer).into_iter().filter(|size| *size < FULL_ROW_COUNT_MIN).count();
        assert!(small <= 2, "{:?}", sizes(&writer));
        // One that is alone is left alone, for ever.
        writer.compact(Timestamp(30)).unwrap();
        assert_eq!(sizes(&writer).iter().sum::<usize>(), 9 * (FULL_ROW_COUNT_MIN + 3));
    }
}
