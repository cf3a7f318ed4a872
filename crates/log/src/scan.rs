//! [`Scan`]: the history of one relation, as parts that can be read on different threads.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, UInt64Array, new_null_array};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{Int64Type, Schema as ArrowSchema, SchemaRef, UInt64Type};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use kappa_types::{ColumnId, RelationId, Schema, Timestamp};

use crate::history::{History, Source, Unsealed};
use crate::segment::{Segment, SegmentMeta, SegmentReader, excludes, from_storage};
use crate::{Error, RowKind};

/// Rows of a batch when the reader names no bound of its own.
const BATCH_ROW_COUNT: usize = 8 << 10;

/// What to read.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Whose history.
    pub relation: RelationId,
    /// Rows or rejects.
    pub kind: RowKind,
    /// Columns wanted, in this order; none is allowed (only times, sequence and diffs are read).
    pub columns: Vec<ColumnId>,
    /// Gives each of `columns` its name and type. Rows of a schema version without the column read
    /// as NULL there.
    pub schema: Schema,
    /// Only rows committed after this time …
    pub after: Timestamp,
    /// … and up to and including this one.
    pub until: Timestamp,
    /// Columns whose values must lie in a range (both ends inclusive) to be of interest: integers,
    /// dates (days), times and timestamps (microseconds). A hint: other rows may come as well.
    pub ranges: Vec<(ColumnId, Option<i64>, Option<i64>)>,
    /// Rows of a batch at most.
    pub batch_row_count_max: usize,
}

impl Scan {
    /// All rows of a relation up to and including a time, with every column of `schema`.
    #[must_use]
    pub fn whole(
        relation: RelationId,
        schema: &Schema,
        until: Timestamp,
        batch_row_count_max: usize,
    ) -> Self {
        Self {
            relation,
            kind: RowKind::Rows,
            columns: schema.columns.iter().map(|column| column.id).collect(),
            schema: schema.clone(),
            after: Timestamp::MIN,
            until,
            ranges: Vec::new(),
            batch_row_count_max,
        }
    }
}

/// Rows of the history, in ascending (time, seq).
#[derive(Clone, Debug)]
pub struct HistoryBatch {
    /// The columns of the scan.
    pub rows: RecordBatch,
    /// `_time` of each row.
    pub times: UInt64Array,
    /// `_seq` of each row: its order within its time.
    pub seqs: UInt64Array,
    /// Multiplicities; absent means `+1` each.
    pub diffs: Option<Int64Array>,
}

/// Figures about one relation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelationStatistics {
    /// Durable rows in its history, whatever their diffs.
    pub row_count: u64,
    /// Bytes of its segments, and of its rows still in the WAL.
    pub disk_bytes: u64,
    /// Wall clock of the newest group that has rows of it, microseconds.
    pub last_row_at: Option<i64>,
    /// Durable rejects.
    pub reject_count: u64,
}

/// A piece of the history that is read by one thread. Later parts hold later rows.
#[derive(Clone, Debug)]
pub struct Part {
    /// Rows in it before pruning by time or range; at least what [`Part::open`] yields.
    pub row_count: u64,
    /// No row is earlier.
    pub time_min: Timestamp,
    /// No row is later.
    pub time_max: Timestamp,
    source: PartSource,
    projection: Arc<Projection>,
}

#[derive(Clone, Debug)]
enum PartSource {
    /// Row groups of a segment.
    Segment(Arc<Segment>, Range<usize>),
    /// Entries in memory.
    Memory(Vec<Arc<Unsealed>>),
}

/// What of each row is wanted.
#[derive(Debug)]
struct Projection {
    columns: Vec<ColumnId>,
    schema: SchemaRef,
    after: Timestamp,
    until: Timestamp,
    ranges: Vec<(ColumnId, Option<i64>, Option<i64>)>,
    batch_row_count_max: usize,
}

impl Projection {
    fn new(scan: &Scan) -> Result<Self, Error> {
        let arrow = scan.schema.arrow();
        let mut fields = Vec::with_capacity(scan.columns.len());
        for id in &scan.columns {
            let at = scan.schema.columns.iter().position(|column| column.id == *id);
            let at = at.ok_or_else(|| {
                Error::Invalid(format!("column {id} is not in the schema of the scan"))
            })?;
            fields.push(Arc::clone(&arrow.fields()[at]));
        }
        Ok(Self {
            columns: scan.columns.clone(),
            schema: Arc::new(ArrowSchema::new(fields)),
            after: scan.after,
            until: scan.until,
            ranges: scan.ranges.clone(),
            batch_row_count_max: scan.batch_row_count_max.max(1),
        })
    }

    /// All columns of a schema in a span of time.
    fn whole(schema: &Schema, after: Timestamp, until: Timestamp) -> Self {
        Self {
            columns: schema.columns.iter().map(|column| column.id).collect(),
            schema: schema.arrow(),
            after,
            until,
            ranges: Vec::new(),
            batch_row_count_max: BATCH_ROW_COUNT,
        }
    }

    const fn overlaps(&self, time_min: Timestamp, time_max: Timestamp) -> bool {
        time_max.0 > self.after.0 && time_min.0 <= self.until.0
    }

    const fn covers(&self, time_min: Timestamp, time_max: Timestamp) -> bool {
        time_min.0 > self.after.0 && time_max.0 <= self.until.0
    }

    /// The wanted columns of rows in `schema`, of which `column` gives those that there are.
    fn project(
        &self,
        schema: &Schema,
        row_count: usize,
        column: impl Fn(usize) -> ArrayRef,
    ) -> Result<RecordBatch, Error> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for (id, field) in self.columns.iter().zip(self.schema.fields()) {
            let Some(at) = schema.columns.iter().position(|column| column.id == *id) else {
                columns.push(new_null_array(field.data_type(), row_count));
                continue;
            };
            let own_type = schema.columns[at].sql_type.arrow();
            let values = from_storage(&column(at), &own_type);
            columns.push(if values.data_type() == field.data_type() {
                values
            } else {
                cast(&values, field.data_type()).map_err(|error| {
                    Error::Invalid(format!("column {id} cannot be read as another type: {error}"))
                })?
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(row_count));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|error| Error::Invalid(format!("rows do not fit the scan: {error}")))
    }
}

/// The parts of a history, as of now.
pub(crate) fn parts(
    history: &History,
    scan: &Scan,
    part_row_count: usize,
) -> Result<Vec<Part>, Error> {
    let projection = Arc::new(Projection::new(scan)?);
    let mut parts = Vec::new();
    for segment in &history.segments {
        segment_parts(segment, &projection, part_row_count as u64, &mut parts);
    }
    let mut memory: Vec<Arc<Unsealed>> = Vec::new();
    for unsealed in &history.unsealed {
        if !projection.overlaps(unsealed.time, unsealed.time) {
            continue;
        }
        match &unsealed.entry.source {
            Source::Memory { .. } => memory.push(Arc::clone(unsealed)),
            Source::Segments(segments) => {
                memory_part(&mut memory, &projection, &mut parts);
                for segment in segments {
                    segment_parts(segment, &projection, part_row_count as u64, &mut parts);
                }
            }
        }
    }
    memory_part(&mut memory, &projection, &mut parts);
    Ok(parts)
}

fn segment_parts(
    segment: &Arc<Segment>,
    projection: &Arc<Projection>,
    part_row_count: u64,
    parts: &mut Vec<Part>,
) {
    let meta = &segment.meta;
    if !projection.overlaps(meta.time_min, meta.time_max)
        || excludes(&meta.ranges, &projection.ranges)
    {
        return;
    }
    let mut from = 0;
    while from < meta.row_groups.len() {
        let (mut to, mut row_count) = (from, 0);
        while to < meta.row_groups.len() && row_count < part_row_count {
            row_count += meta.row_groups[to].row_count;
            to += 1;
        }
        let (time_min, time_max) =
            (meta.row_groups[from].time_min, meta.row_groups[to - 1].time_max);
        if projection.overlaps(time_min, time_max) {
            parts.push(Part {
                row_count,
                time_min,
                time_max,
                source: PartSource::Segment(Arc::clone(segment), from..to),
                projection: Arc::clone(projection),
            });
        }
        from = to;
    }
}

fn memory_part(
    memory: &mut Vec<Arc<Unsealed>>,
    projection: &Arc<Projection>,
    parts: &mut Vec<Part>,
) {
    let entries = std::mem::take(memory);
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return };
    parts.push(Part {
        row_count: entries.iter().map(|unsealed| unsealed.entry.row_count).sum(),
        time_min: first.time,
        time_max: last.time,
        source: PartSource::Memory(entries),
        projection: Arc::clone(projection),
    });
}

impl Part {
    /// All rows of an attached segment, all columns.
    pub(crate) fn whole(segment: &Arc<Segment>, time: Timestamp) -> Self {
        Self::between(segment, Timestamp(time.0.saturating_sub(1)), time)
    }

    /// All columns of a segment's rows in a span of time.
    pub(crate) fn between(segment: &Arc<Segment>, after: Timestamp, until: Timestamp) -> Self {
        Self {
            row_count: segment.meta.row_count,
            time_min: segment.meta.time_min,
            time_max: segment.meta.time_max,
            source: PartSource::Segment(Arc::clone(segment), 0..segment.meta.row_groups.len()),
            projection: Arc::new(Projection::whole(&segment.schema, after, until)),
        }
    }

    /// Starts reading. The part may be opened again, and outlives sealing, merging and drops.
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::Io`] if the file cannot be read.
    pub fn open(&self) -> Result<HistoryReader, Error> {
        let projection = Arc::clone(&self.projection);
        let source = match &self.source {
            PartSource::Memory(entries) => ReaderSource::Memory(entries.clone().into()),
            PartSource::Segment(segment, groups) => {
                let reader = PlacedReader::open(segment, groups.clone(), &projection)?;
                ReaderSource::Segment(Box::new(reader))
            }
        };
        Ok(HistoryReader { projection, source })
    }
}

/// The batches of one part.
pub struct HistoryReader {
    projection: Arc<Projection>,
    source: ReaderSource,
}

impl std::fmt::Debug for HistoryReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HistoryReader")
            .field("projection", &self.projection)
            .finish_non_exhaustive()
    }
}

enum ReaderSource {
    Segment(Box<PlacedReader>),
    Memory(VecDeque<Arc<Unsealed>>),
}

impl Iterator for HistoryReader {
    type Item = Result<HistoryBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.source {
            ReaderSource::Segment(reader) => reader.next(&self.projection).transpose(),
            ReaderSource::Memory(entries) => next_in_memory(entries, &self.projection).transpose(),
        }
    }
}

/// Joins entries up to a batch; an entry larger than that is cut.
fn next_in_memory(
    entries: &mut VecDeque<Arc<Unsealed>>,
    projection: &Projection,
) -> Result<Option<HistoryBatch>, Error> {
    let (mut batches, mut times, mut seqs) = (Vec::new(), Vec::new(), Vec::new());
    let mut diffs: Option<Vec<i64>> = None;
    while let Some(unsealed) = entries.pop_front() {
        let entry = &unsealed.entry;
        let Source::Memory { rows, diffs: own } = &entry.source else {
            unreachable!("parts in memory hold entries in memory")
        };
        let room = projection.batch_row_count_max - times.len();
        let count = rows.num_rows().min(room);
        let slice = rows.slice(0, count);
        batches.push(projection.project(&entry.schema, count, |at| Arc::clone(slice.column(at)))?);
        if own.is_some() && diffs.is_none() {
            diffs = Some(vec![1; times.len()]);
        }
        if let Some(diffs) = &mut diffs {
            match own {
                Some(own) => diffs.extend_from_slice(&own.values()[..count]),
                None => diffs.extend(std::iter::repeat_n(1, count)),
            }
        }
        times.extend(std::iter::repeat_n(unsealed.time.0, count));
        seqs.extend(entry.seq..entry.seq + count as u64);
        if count < rows.num_rows() {
            entries.push_front(Arc::new(unsealed.skip(count)));
        }
        if times.len() == projection.batch_row_count_max {
            break;
        }
    }
    if times.is_empty() {
        return Ok(None);
    }
    let rows = match batches.as_slice() {
        [only] => only.clone(),
        several => concat_batches(&projection.schema, several)
            .map_err(|error| Error::Invalid(format!("rows do not fit together: {error}")))?,
    };
    let (times, seqs) = (UInt64Array::from(times), UInt64Array::from(seqs));
    Ok(Some(HistoryBatch { rows, times, seqs, diffs: diffs.map(Int64Array::from) }))
}

impl Unsealed {
    /// What is left after the first `count` rows.
    fn skip(&self, count: usize) -> Self {
        let mut rest = self.clone();
        let Source::Memory { rows, diffs } = &self.entry.source else {
            unreachable!("only rows in memory are cut")
        };
        let left = rows.num_rows() - count;
        rest.entry.seq += count as u64;
        rest.entry.row_count -= count as u64;
        rest.entry.source = Source::Memory {
            rows: rows.slice(count, left),
            diffs: diffs.as_ref().map(|diffs| diffs.slice(count, left)),
        };
        rest
    }
}

/// Reads a segment's rows with their places.
pub(crate) struct PlacedReader {
    segment: Arc<Segment>,
    /// `None` if nothing need be read.
    reader: Option<SegmentReader>,
    /// Positions in the file of what is read, ascending.
    roots: Vec<usize>,
    /// Row groups not yet counted out, if nothing need be read.
    uncounted: u64,
    /// Attached: `_seq` of the next row.
    seq: u64,
    /// Whether all rows are within the times wanted.
    all_wanted: bool,
}

impl PlacedReader {
    fn open(
        segment: &Arc<Segment>,
        groups: Range<usize>,
        projection: &Projection,
    ) -> Result<Self, Error> {
        let meta = &segment.meta;
        let before: u64 = meta.row_groups[..groups.start].iter().map(|group| group.row_count).sum();
        // Rows of an attached segment count on, so that its groups cannot be left out in between.
        let wanted: Vec<usize> = groups
            .filter(|index| {
                let group = &meta.row_groups[*index];
                meta.is_attached()
                    || (projection.overlaps(group.time_min, group.time_max)
                        && !excludes(&group.ranges, &projection.ranges))
            })
            .collect();
        let column_count = segment.schema.columns.len();
        let mut roots: Vec<usize> = projection
            .columns
            .iter()
            .filter_map(|id| segment.schema.columns.iter().position(|column| column.id == *id))
            .collect();
        if !meta.is_attached() {
            roots.extend([column_count, column_count + 1]);
        }
        roots.extend(diff_column(&segment.meta, column_count));
        roots.sort_unstable();
        roots.dedup();
        let all_wanted = wanted.iter().all(|index| {
            projection.covers(meta.row_groups[*index].time_min, meta.row_groups[*index].time_max)
        });
        let uncounted = wanted.iter().map(|index| meta.row_groups[*index].row_count).sum();
        let reader = if roots.is_empty() {
            None
        } else {
            let max = projection.batch_row_count_max;
            Some(SegmentReader::open(Arc::clone(segment), &roots, wanted, max)?)
        };
        let (segment, seq) = (Arc::clone(segment), meta.seq_min + before);
        Ok(Self { segment, reader, roots, uncounted, seq, all_wanted })
    }

    fn next(&mut self, projection: &Projection) -> Result<Option<HistoryBatch>, Error> {
        loop {
            let stored = match &mut self.reader {
                Some(reader) => match reader.next()? {
                    Some(stored) => stored,
                    None => return Ok(None),
                },
                None => match self.count_out(projection.batch_row_count_max)? {
                    Some(empty) => empty,
                    None => return Ok(None),
                },
            };
            let batch = self.placed(projection, &stored)?;
            let batch = if self.all_wanted { batch } else { within(batch, projection) };
            if !batch.times.is_empty() {
                return Ok(Some(batch));
            }
        }
    }

    /// Rows of an attached segment of which no column is wanted.
    fn count_out(&mut self, max: usize) -> Result<Option<RecordBatch>, Error> {
        let count = self.uncounted.min(max as u64);
        self.uncounted -= count;
        let options = RecordBatchOptions::new().with_row_count(Some(count as usize));
        let schema = Arc::new(ArrowSchema::empty());
        let batch = RecordBatch::try_new_with_options(schema, Vec::new(), &options)
            .map_err(|error| Error::Invalid(error.to_string()))?;
        Ok((count > 0).then_some(batch))
    }

    fn placed(
        &mut self,
        projection: &Projection,
        stored: &RecordBatch,
    ) -> Result<HistoryBatch, Error> {
        let count = stored.num_rows();
        let column = |root: usize| {
            let at = self.roots.binary_search(&root).expect("wanted columns were asked for");
            Arc::clone(stored.column(at))
        };
        let rows = projection.project(&self.segment.schema, count, column)?;
        let hidden = self.segment.schema.columns.len();
        let diffs = diff_column(&self.segment.meta, hidden)
            .map(|at| column(at).as_primitive::<Int64Type>().clone());
        if self.segment.meta.is_attached() {
            let times = UInt64Array::from_value(self.segment.meta.time_min.0, count);
            let seqs = UInt64Array::from_iter_values(self.seq..self.seq + count as u64);
            self.seq += count as u64;
            return Ok(HistoryBatch { rows, times, seqs, diffs });
        }
        let times = column(hidden).as_primitive::<UInt64Type>().clone();
        let seqs = column(hidden + 1).as_primitive::<UInt64Type>().clone();
        Ok(HistoryBatch { rows, times, seqs, diffs })
    }
}

/// Where the diffs of a segment stand, whose hidden columns begin at `hidden`.
const fn diff_column(meta: &SegmentMeta, hidden: usize) -> Option<usize> {
    match (meta.has_diffs(), meta.is_attached()) {
        (false, _) => None,
        (true, true) => Some(hidden),
        (true, false) => Some(hidden + 2),
    }
}

/// The rows within the times wanted; they are neighbours, since times ascend.
fn within(batch: HistoryBatch, projection: &Projection) -> HistoryBatch {
    let times = batch.times.values();
    let from = times.partition_point(|time| *time <= projection.after.0);
    let count = times.partition_point(|time| *time <= projection.until.0).saturating_sub(from);
    if count == times.len() {
        return batch;
    }
    HistoryBatch {
        rows: batch.rows.slice(from, count),
        times: batch.times.slice(from, count),
        seqs: batch.seqs.slice(from, count),
        diffs: batch.diffs.map(|diffs| diffs.slice(from, count)),
    }
}
