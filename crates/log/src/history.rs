//! [`History`]: one relation's rows, sealed and not yet sealed; [`State`]: all of them, with what is
//! remembered beside rows. Everything here is durable; what is only placed stands in `order.rs`.
//!
//! ```text
//! older ────────────────────────────────────────────► newer
//! segments (manifest, Parquet)  │  unsealed (WAL, memory)
//! ```
//!
//! One lock guards the state, so a reader that copies both lists under it sees each row once,
//! whatever is sealed or merged meanwhile.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use kappa_types::{RelationId, Schema, Timestamp};

use crate::RowKind;
use crate::group::{EntryRows, Group, GroupEntry};
use crate::manifest::Edit;
use crate::meta::{Change, Meta, compact};
use crate::scan::Part;
use crate::segment::{Segment, SegmentMeta};

/// Rows of a group up to which neighbours are joined: small commits then cost readers no more than
/// one large one.
const JOIN_ROW_COUNT: u64 = 1024;

/// A relation's history has this key.
pub(crate) type HistoryKey = (RelationId, RowKind);

/// Consecutive rows of one relation in one group.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Whose rows, and which kind.
    pub(crate) key: HistoryKey,
    /// Their columns.
    pub(crate) schema: Arc<Schema>,
    /// Largest watermark candidate.
    pub(crate) watermark: Option<i64>,
    /// `_seq` of the first row.
    pub(crate) seq: u64,
    /// Rows.
    pub(crate) row_count: u64,
    /// Bytes in the WAL, which stand for bytes in memory too.
    pub(crate) size_bytes: usize,
    /// The rows.
    pub(crate) source: Source,
}

/// Where the rows of an entry are.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// In memory.
    Memory {
        /// The rows.
        rows: RecordBatch,
        /// Multiplicities.
        diffs: Option<Int64Array>,
    },
    /// In attached files.
    Segments(Vec<Arc<Segment>>),
}

/// An entry with its place.
#[derive(Clone, Debug)]
pub(crate) struct Unsealed {
    /// Number of its group.
    pub(crate) lsn: u64,
    /// Time of its group.
    pub(crate) time: Timestamp,
    /// Wall clock of its group.
    pub(crate) wall_micros: i64,
    /// The rows.
    pub(crate) entry: Entry,
}

/// One relation's rows.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Sealed, ascending.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Not sealed, ascending, later than all segments.
    pub(crate) unsealed: VecDeque<Arc<Unsealed>>,
    /// Rows in memory in `unsealed`.
    pub(crate) unsealed_row_count: u64,
    /// Bytes in `unsealed`.
    pub(crate) unsealed_bytes: usize,
    /// Groups up to this number are sealed.
    pub(crate) sealed_lsn: u64,
}

/// A durable group, taken apart.
#[derive(Debug)]
pub(crate) struct DurableGroup {
    /// Its number.
    pub(crate) lsn: u64,
    /// Its time.
    pub(crate) time: Timestamp,
    /// Its wall clock.
    pub(crate) wall_micros: i64,
    /// Its rows.
    pub(crate) entries: Vec<Entry>,
    /// What else it says.
    pub(crate) changes: Vec<Change>,
}

/// Everything durable.
#[derive(Debug)]
pub(crate) struct State {
    /// What is remembered beside rows.
    pub(crate) meta: Meta,
    /// Rows.
    pub(crate) histories: BTreeMap<HistoryKey, History>,
    /// Changes that only the WAL has, with the number of their group.
    pending: VecDeque<(u64, Change)>,
    /// Newest groups, all later than `recent_after`.
    pub(crate) recent: VecDeque<(Arc<Group>, usize)>,
    recent_bytes: usize,
    /// Groups after this time are in `recent`.
    pub(crate) recent_after: Timestamp,
    /// Files that go when the manifest says that groups up to the number are not needed.
    graveyard: Vec<(u64, Arc<Segment>)>,
    /// Newest group.
    pub(crate) durable_lsn: u64,
    /// Its time.
    pub(crate) durable_time: Timestamp,
    /// Groups before this number are not needed from the WAL; as in the manifest.
    pub(crate) replay_lsn: u64,
    /// Bytes of all unsealed rows in memory.
    pub(crate) unsealed_bytes: usize,
    /// Bytes of recent groups to keep.
    recent_bytes_max: usize,
}

impl State {
    /// Nothing yet.
    pub(crate) fn new(recent_bytes_max: usize) -> Self {
        Self {
            meta: Meta::default(),
            histories: BTreeMap::new(),
            pending: VecDeque::new(),
            recent: VecDeque::new(),
            recent_bytes: 0,
            recent_after: Timestamp::MIN,
            graveyard: Vec::new(),
            durable_lsn: 0,
            durable_time: Timestamp::MIN,
            replay_lsn: 1,
            unsealed_bytes: 0,
            recent_bytes_max,
        }
    }

    /// Takes in a group that is now durable.
    pub(crate) fn publish(&mut self, group: DurableGroup) {
        assert!(group.lsn == self.durable_lsn + 1, "groups become durable in order");
        assert!(group.time > self.durable_time, "time moves forward");
        (self.durable_lsn, self.durable_time) = (group.lsn, group.time);
        // Before the group's own changes, of which one may drop the relation.
        let mut changes = self.steps_of(&group.entries, group.time);
        changes.extend(group.changes);
        let wall_offset = group.wall_micros.wrapping_sub(group.time.micros());
        if wall_offset != self.meta.wall_offset(group.time) {
            changes.push(Change::Wall(group.time, wall_offset));
        }
        let entries = join(group.entries);
        for entry in &entries {
            self.publish_entry(group.lsn, group.time, group.wall_micros, entry);
        }
        let mut ddl = None;
        for change in changes {
            self.meta.apply(&change);
            match &change {
                Change::Ddl(_, text) => ddl = Some(text.clone()),
                Change::Drop(relation) => self.drop_relation(*relation),
                _ => {}
            }
            self.pending.push_back((group.lsn, change));
        }
        let size_bytes = entries.iter().map(|entry| entry.size_bytes + 256).sum::<usize>() + 256;
        let entries = entries.into_iter().map(|entry| group_entry(entry, group.time)).collect();
        let (time, wall_micros) = (group.time, group.wall_micros);
        if self.recent_after >= time {
            return;
        }
        let group = Arc::new(Group { time, wall_micros, ddl, entries });
        self.recent.push_back((group, size_bytes));
        self.recent_bytes += size_bytes;
        while self.recent_bytes > self.recent_bytes_max && self.recent.len() > 1 {
            let (oldest, size_bytes) = self.recent.pop_front().expect("there are several");
            self.recent_bytes -= size_bytes;
            self.recent_after = oldest.time;
        }
    }

    /// Lets go of the groups that are kept for those who follow.
    pub(crate) fn forget_recent(&mut self) {
        self.recent = VecDeque::new();
        (self.recent_bytes, self.recent_after) = (0, self.durable_time);
    }

    fn publish_entry(&mut self, lsn: u64, time: Timestamp, wall_micros: i64, entry: &Entry) {
        let history = self.histories.entry(entry.key).or_default();
        // After a restart the WAL repeats groups whose rows are sealed. Attached files may have been
        // merged since, so such a group cannot be served from memory.
        if lsn <= history.sealed_lsn {
            if matches!(entry.source, Source::Segments(_)) {
                self.forget_recent();
            }
            return;
        }
        if let Source::Memory { .. } = entry.source {
            history.unsealed_row_count += entry.row_count;
            history.unsealed_bytes += entry.size_bytes;
            self.unsealed_bytes += entry.size_bytes;
        }
        let entry = entry.clone();
        history.unsealed.push_back(Arc::new(Unsealed { lsn, time, wall_micros, entry }));
    }

    fn steps_of(&self, entries: &[Entry], time: Timestamp) -> Vec<Change> {
        let mut highest: BTreeMap<RelationId, i64> = BTreeMap::new();
        for entry in entries {
            if let Some(watermark) = entry.watermark {
                let value = highest.entry(entry.key.0).or_insert(watermark);
                *value = watermark.max(*value);
            }
        }
        highest
            .into_iter()
            .filter(|(of, value)| {
                self.meta.watermark(*of, Timestamp::MAX).is_none_or(|last| last < *value)
            })
            .map(|(of, value)| Change::Steps(of, vec![(time, value)]))
            .collect()
    }

    fn drop_relation(&mut self, relation: RelationId) {
        let keys = [(relation, RowKind::Rows), (relation, RowKind::Rejects)];
        let gone: Vec<_> = keys.iter().filter_map(|key| self.histories.remove(key)).collect();
        for history in gone {
            for unsealed in &history.unsealed {
                match &unsealed.entry.source {
                    Source::Memory { .. } => self.unsealed_bytes -= unsealed.entry.size_bytes,
                    Source::Segments(segments) => {
                        segments.iter().for_each(|segment| self.bury(segment));
                    }
                }
            }
            history.segments.iter().for_each(|segment| self.bury(segment));
        }
    }

    /// The file goes when the manifest no longer needs the groups so far.
    pub(crate) fn bury(&mut self, segment: &Arc<Segment>) {
        self.graveyard.push((self.durable_lsn, Arc::clone(segment)));
    }

    /// What the manifest must be told so that the WAL is needed only from `replay_lsn` on.
    pub(crate) fn edits_until(&self, replay_lsn: u64) -> Vec<Edit> {
        let due = self.pending.iter().take_while(|(lsn, _)| *lsn < replay_lsn);
        let changes = compact(due.map(|(_, change)| change.clone()));
        let mut edits: Vec<Edit> = changes.into_iter().map(Edit::Change).collect();
        edits.push(Edit::Replay {
            lsn: replay_lsn,
            durable_lsn: self.durable_lsn,
            durable_time: self.durable_time,
        });
        edits
    }

    /// Schema versions of these segments that only the WAL has.
    pub(crate) fn schema_edits(&self, segments: &[Arc<Segment>]) -> Vec<Edit> {
        let mut edits: Vec<Edit> = Vec::new();
        for segment in segments {
            let change = Change::Schema(segment.meta.relation, Arc::clone(&segment.schema));
            if self.pending.iter().any(|(_, pending)| *pending == change) {
                edits.push(Edit::Change(change));
            }
        }
        edits.dedup();
        edits
    }

    /// The manifest has been told [`State::edits_until`].
    pub(crate) fn replay_from(&mut self, replay_lsn: u64) {
        assert!(replay_lsn >= self.replay_lsn, "what is not needed stays so");
        self.replay_lsn = replay_lsn;
        while self.pending.front().is_some_and(|(lsn, _)| *lsn < replay_lsn) {
            self.pending.pop_front();
        }
        self.graveyard.retain(|(lsn, segment)| {
            let needed = *lsn >= replay_lsn;
            if !needed {
                segment.set_dead(true);
            }
            needed
        });
    }

    /// From which group on the WAL is needed, if the first `count` entries of `sealing` were sealed.
    pub(crate) fn replay_lsn_after(&self, sealing: Option<(HistoryKey, usize)>) -> u64 {
        let needed = self.histories.iter().filter_map(|(key, history)| {
            let skip = sealing.filter(|(of, _)| of == key).map_or(0, |(_, count)| count);
            history.unsealed.get(skip).map(|first| first.lsn)
        });
        needed.min().unwrap_or(self.durable_lsn + 1).max(self.replay_lsn)
    }

    /// The first `count` entries of a history, of which `first` is the first, are now these segments.
    pub(crate) fn sealed(
        &mut self,
        key: HistoryKey,
        first: &Arc<Unsealed>,
        count: usize,
        segments: Vec<Arc<Segment>>,
    ) {
        let history = self.histories.get_mut(&key);
        let Some(history) = history.filter(|history| {
            history.unsealed.front().is_some_and(|front| Arc::ptr_eq(front, first))
        }) else {
            // The relation was dropped meanwhile; the manifest will be told when the drop is.
            segments.iter().for_each(|segment| self.bury(segment));
            return;
        };
        for unsealed in history.unsealed.drain(..count) {
            if let Source::Memory { .. } = unsealed.entry.source {
                history.unsealed_row_count -= unsealed.entry.row_count;
                history.unsealed_bytes -= unsealed.entry.size_bytes;
                self.unsealed_bytes -= unsealed.entry.size_bytes;
            }
            history.sealed_lsn = unsealed.lsn;
        }
        history.segments.extend(segments);
    }

    /// Takes in what the manifest says at start.
    pub(crate) fn restore(
        &mut self,
        edits: Vec<Edit>,
        open: impl Fn(SegmentMeta, Arc<Schema>) -> Segment,
        reject_schema: &Arc<Schema>,
    ) -> Result<(), String> {
        let mut segments: BTreeMap<HistoryKey, Vec<SegmentMeta>> = BTreeMap::new();
        for edit in edits {
            match edit {
                Edit::Change(change) => {
                    self.meta.apply(&change);
                    if let Change::Drop(relation) = change {
                        segments.retain(|(of, _), _| *of != relation);
                        self.histories.retain(|(of, _), _| *of != relation);
                    }
                }
                Edit::Add(meta) => {
                    let of = segments.entry((meta.relation, meta.kind)).or_default();
                    of.insert(of.partition_point(|other| other.place() < meta.place()), meta);
                }
                Edit::Remove(relation, kind, name) => {
                    let of = segments.entry((relation, kind)).or_default();
                    of.retain(|meta| meta.name != name);
                }
                Edit::Sealed(relation, kind, lsn) => {
                    self.histories.entry((relation, kind)).or_default().sealed_lsn = lsn;
                }
                Edit::Replay { lsn, durable_lsn, durable_time } => {
                    self.replay_lsn = lsn;
                    self.durable_lsn = durable_lsn;
                    self.durable_time = durable_time;
                }
            }
        }
        for (key, metas) in segments {
            for meta in metas {
                let schema = match key.1 {
                    RowKind::Rejects => Arc::clone(reject_schema),
                    RowKind::Rows => {
                        let known = self.meta.schema(key.0, meta.schema_version);
                        Arc::clone(known.ok_or("a segment names a schema version that is missing")?)
                    }
                };
                let segment = Arc::new(open(meta, schema));
                self.histories.entry(key).or_default().segments.push(segment);
            }
        }
        Ok(())
    }

    /// All of it as edits: a new manifest.
    pub(crate) fn snapshot(&self) -> Vec<Edit> {
        let mut edits: Vec<Edit> = self.meta.snapshot().into_iter().map(Edit::Change).collect();
        for ((relation, kind), history) in &self.histories {
            edits.extend(history.segments.iter().map(|segment| Edit::Add(segment.meta.clone())));
            edits.push(Edit::Sealed(*relation, *kind, history.sealed_lsn));
        }
        edits.push(Edit::Replay {
            lsn: self.replay_lsn,
            durable_lsn: self.durable_lsn,
            durable_time: self.durable_time,
        });
        edits
    }

    /// Names of all files that are part of the history, with their relation.
    pub(crate) fn files(&self) -> HashSet<(RelationId, String)> {
        let sealed = self.histories.values().flat_map(|history| history.segments.iter());
        let attached = self.histories.values().flat_map(|history| {
            history.unsealed.iter().flat_map(|unsealed| match &unsealed.entry.source {
                Source::Segments(segments) => segments.as_slice(),
                Source::Memory { .. } => &[],
            })
        });
        let buried = self.graveyard.iter().map(|(_, segment)| segment);
        sealed
            .chain(attached)
            .chain(buried)
            .map(|segment| (segment.meta.relation, segment.meta.name.clone()))
            .collect()
    }
}

/// Joins small neighbours of one relation. Their rows get buffers of their own, so that a row does
/// not keep the batch alive that it was cut from.
fn join(entries: Vec<Entry>) -> Vec<Entry> {
    let mut joined: Vec<Entry> = Vec::with_capacity(entries.len());
    let mut run: Vec<Entry> = Vec::new();
    for entry in entries {
        let continues = run.first().is_some_and(|first| {
            let count = run.iter().map(|entry| entry.row_count).sum::<u64>();
            first.key == entry.key
                && first.schema.version == entry.schema.version
                && first.seq + count == entry.seq
                && count + entry.row_count <= JOIN_ROW_COUNT
                && matches!(entry.source, Source::Memory { .. })
                && matches!(first.source, Source::Memory { .. })
        });
        if !continues {
            joined.extend(join_run(std::mem::take(&mut run)));
        }
        run.push(entry);
    }
    joined.extend(join_run(run));
    joined
}

fn join_run(mut run: Vec<Entry>) -> Vec<Entry> {
    if run.len() < 2 {
        return run;
    }
    let mut batches = Vec::with_capacity(run.len());
    let has_diffs =
        run.iter().any(|entry| matches!(&entry.source, Source::Memory { diffs: Some(_), .. }));
    let mut all_diffs: Vec<i64> = Vec::new();
    for entry in &run {
        let Source::Memory { rows, diffs } = &entry.source else { return run };
        batches.push(rows);
        match diffs {
            Some(diffs) => all_diffs.extend_from_slice(diffs.values()),
            None => all_diffs.extend(std::iter::repeat_n(1, rows.num_rows())),
        }
    }
    let Ok(rows) = concat_batches(&batches[0].schema(), batches.iter().copied()) else {
        return run;
    };
    let watermark = run.iter().filter_map(|entry| entry.watermark).max();
    let row_count = run.iter().map(|entry| entry.row_count).sum();
    let size_bytes = run.iter().map(|entry| entry.size_bytes).sum();
    let first = run.swap_remove(0);
    let diffs = has_diffs.then(|| Int64Array::from(all_diffs));
    let source = Source::Memory { rows, diffs };
    vec![Entry { watermark, row_count, size_bytes, source, ..first }]
}

fn group_entry(entry: Entry, time: Timestamp) -> GroupEntry {
    let rows = match entry.source {
        Source::Memory { rows, diffs } => EntryRows::Memory { rows, diffs },
        Source::Segments(segments) => {
            EntryRows::Parts(segments.iter().map(|segment| Part::whole(segment, time)).collect())
        }
    };
    GroupEntry {
        relation: entry.key.0,
        schema_version: entry.schema.version,
        kind: entry.key.1,
        watermark: entry.watermark,
        seq: entry.seq,
        row_count: entry.row_count,
        rows,
    }
}
