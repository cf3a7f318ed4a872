//! Groups for the live dataflow: from memory while it keeps up, else put together from histories.

use std::collections::BTreeMap;
use std::sync::Arc;

use kappa_types::Timestamp;
use parking_lot::RwLock;

use crate::group::{EntryRows, Group, GroupEntry};
use crate::history::{HistoryKey, Source, State, Unsealed};
use crate::scan::{HistoryReader, Part};
use crate::segment::Segment;
use crate::{Error, HistoryBatch, RowKind};

/// Groups after `after`; see [`crate::Log::groups`].
pub(crate) fn groups(
    state: &RwLock<State>,
    after: Timestamp,
    row_count_max: u64,
) -> Result<Vec<Arc<Group>>, Error> {
    let older = {
        let state = state.read();
        if after >= state.recent_after {
            return Ok(recent(&state, after, row_count_max));
        }
        Older::new(&state, after)
    };
    let groups = older.groups(state, row_count_max)?;
    if !groups.is_empty() {
        return Ok(groups);
    }
    // Nothing but time passed between `after` and the oldest group in memory.
    let state = state.read();
    Ok(recent(&state, state.recent_after, row_count_max))
}

fn recent(state: &State, after: Timestamp, row_count_max: u64) -> Vec<Arc<Group>> {
    let from = state.recent.partition_point(|(group, _)| group.time <= after);
    let mut row_count = 0;
    let mut groups: Vec<Arc<Group>> = Vec::new();
    for (group, _) in state.recent.range(from..) {
        row_count += group.row_count();
        if !groups.is_empty() && row_count > row_count_max {
            break;
        }
        groups.push(Arc::clone(group));
    }
    groups
}

/// One relation's rows in a span of time, in order, time by time.
struct Stream {
    key: HistoryKey,
    /// What follows, in order.
    sources: std::vec::IntoIter<StreamSource>,
    reader: Option<(HistoryReader, Arc<Segment>)>,
    /// Rows read and not yet given out.
    batch: Option<(HistoryBatch, Arc<Segment>)>,
    /// The next entry.
    next: Option<(Timestamp, GroupEntry)>,
}

enum StreamSource {
    Sealed(Arc<Segment>),
    Unsealed(Arc<Unsealed>),
}

/// A span of time whose groups are no longer in memory.
struct Older {
    after: Timestamp,
    until: Timestamp,
    streams: Vec<Stream>,
}

impl Older {
    fn new(state: &State, after: Timestamp) -> Self {
        let until = state.recent_after;
        let streams = state.histories.iter().map(|(key, history)| {
            let sealed = history
                .segments
                .iter()
                .filter(|segment| segment.meta.time_max > after && segment.meta.time_min <= until);
            let unsealed = history
                .unsealed
                .iter()
                .filter(|unsealed| unsealed.time > after && unsealed.time <= until);
            let sources: Vec<StreamSource> = sealed
                .map(|segment| StreamSource::Sealed(Arc::clone(segment)))
                .chain(unsealed.map(|unsealed| StreamSource::Unsealed(Arc::clone(unsealed))))
                .collect();
            let sources = sources.into_iter();
            Stream { key: *key, sources, reader: None, batch: None, next: None }
        });
        Self { after, until, streams: streams.collect() }
    }

    fn groups(
        mut self,
        state: &RwLock<State>,
        row_count_max: u64,
    ) -> Result<Vec<Arc<Group>>, Error> {
        for stream in &mut self.streams {
            stream.advance(self.after, self.until)?;
        }
        let ddl: BTreeMap<Timestamp, bytes::Bytes> = {
            let state = state.read();
            let all = state.meta.ddl(self.after).iter();
            all.take_while(|(time, _)| *time <= self.until).cloned().collect()
        };
        let (mut groups, mut row_count) = (Vec::new(), 0);
        let mut at = self.after;
        loop {
            let rows = self.streams.iter().filter_map(|stream| stream.next.as_ref());
            let times = rows.map(|(time, _)| *time);
            let Some(time) = times.chain(ddl.range(at.next()..).map(|(time, _)| *time)).min()
            else {
                break;
            };
            let mut entries = Vec::new();
            for stream in &mut self.streams {
                while stream.next.as_ref().is_some_and(|(of, _)| *of == time) {
                    entries.extend(stream.next.take().map(|(_, entry)| entry));
                    stream.advance(self.after, self.until)?;
                }
            }
            entries.sort_by_key(|entry: &GroupEntry| entry.seq);
            let state = state.read();
            set_watermarks(&state, time, &mut entries);
            let wall_micros = time.micros().wrapping_add(state.meta.wall_offset(time));
            let group = Group { time, wall_micros, ddl: ddl.get(&time).cloned(), entries };
            row_count += group.row_count();
            if !groups.is_empty() && row_count > row_count_max {
                break;
            }
            groups.push(Arc::new(group));
            at = time;
        }
        Ok(groups)
    }
}

/// Where a watermark rose at this time, the relation's first entry says so.
fn set_watermarks(state: &State, time: Timestamp, entries: &mut [GroupEntry]) {
    let before = Timestamp(time.0 - 1);
    let mut seen = Vec::new();
    for entry in entries.iter_mut().filter(|entry| entry.kind == RowKind::Rows) {
        if seen.contains(&entry.relation) {
            entry.watermark = None;
            continue;
        }
        seen.push(entry.relation);
        let step = state.meta.steps(entry.relation, before).first();
        entry.watermark = step.filter(|(of, _)| *of == time).map(|(_, value)| *value);
    }
}

impl Stream {
    /// Finds the next entry.
    fn advance(&mut self, after: Timestamp, until: Timestamp) -> Result<(), Error> {
        self.next = None;
        loop {
            if let Some((batch, segment)) = self.batch.take() {
                self.cut(batch, segment);
                return Ok(());
            }
            if let Some((reader, segment)) = &mut self.reader {
                match reader.next() {
                    Some(batch) => self.batch = Some((batch?, Arc::clone(segment))),
                    None => self.reader = None,
                }
                continue;
            }
            match self.sources.next() {
                None => return Ok(()),
                Some(StreamSource::Unsealed(unsealed)) => {
                    self.next = Some((unsealed.time, self.unsealed_entry(&unsealed)));
                    return Ok(());
                }
                Some(StreamSource::Sealed(segment)) if segment.meta.is_attached() => {
                    self.next = Some((segment.meta.time_min, self.attached_entry(&segment)));
                    return Ok(());
                }
                Some(StreamSource::Sealed(segment)) => {
                    let reader = Part::between(&segment, after, until).open()?;
                    self.reader = Some((reader, segment));
                }
            }
        }
    }

    /// Gives out the rows of the first time in a batch, and keeps the rest.
    fn cut(&mut self, batch: HistoryBatch, segment: Arc<Segment>) {
        let times = batch.times.values();
        let time = times[0];
        // Rows of one commit follow one by one; a gap begins another entry.
        let seq = batch.seqs.value(0);
        let same = times.iter().zip(batch.seqs.values()).zip(seq..);
        let count = same.take_while(|((of, at), next)| **of == time && **at == *next).count();
        let rest = times.len() - count;
        let entry = GroupEntry {
            relation: self.key.0,
            schema_version: segment.schema.version,
            kind: self.key.1,
            watermark: None,
            seq,
            row_count: count as u64,
            rows: EntryRows::Memory {
                rows: batch.rows.slice(0, count),
                diffs: batch.diffs.as_ref().map(|diffs| diffs.slice(0, count)),
            },
        };
        self.next = Some((Timestamp(time), entry));
        if rest > 0 {
            let batch = HistoryBatch {
                rows: batch.rows.slice(count, rest),
                times: batch.times.slice(count, rest),
                seqs: batch.seqs.slice(count, rest),
                diffs: batch.diffs.map(|diffs| diffs.slice(count, rest)),
            };
            self.batch = Some((batch, segment));
        }
    }

    fn unsealed_entry(&self, unsealed: &Unsealed) -> GroupEntry {
        let entry = &unsealed.entry;
        GroupEntry {
            relation: self.key.0,
            schema_version: entry.schema.version,
            kind: self.key.1,
            watermark: None,
            seq: entry.seq,
            row_count: entry.row_count,
            rows: match &entry.source {
                Source::Memory { rows, diffs } => {
                    EntryRows::Memory { rows: rows.clone(), diffs: diffs.clone() }
                }
                Source::Segments(segments) => EntryRows::Parts(
                    segments.iter().map(|segment| Part::whole(segment, unsealed.time)).collect(),
                ),
            },
        }
    }

    fn attached_entry(&self, segment: &Arc<Segment>) -> GroupEntry {
        GroupEntry {
            relation: self.key.0,
            schema_version: segment.schema.version,
            kind: self.key.1,
            watermark: None,
            seq: segment.meta.seq_min,
            row_count: segment.meta.row_count,
            rows: EntryRows::Parts(vec![Part::whole(segment, segment.meta.time_min)]),
        }
    }
}
