//! What a log should hold: a journal of commits as they were placed, and the check of a log against
//! it. The oracle of every fault test.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringViewArray};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use kappa_log::{
    Commit, Error, Fs, Log, LogOptions, Placed, Producer, RelationRows, RowKind, Scan,
    reject_schema,
};
use kappa_types::{
    Column, ColumnId, ManualClock, RelationId, Schema, SchemaVersionId, SqlType, Timestamp,
};

/// The relations of a run.
pub(crate) const RELATIONS: [RelationId; 3] = [RelationId(1), RelationId(2), RelationId(7)];

/// Columns: id, name; and from version 2 on, extra.
pub(crate) fn schema(relation: RelationId, version: u32) -> Schema {
    let column = |id, name: &str, sql_type| Column {
        id: ColumnId(id),
        name: name.to_owned(),
        sql_type,
        nullable: true,
    };
    let mut columns = vec![column(1, "id", SqlType::BigInt), column(2, "name", SqlType::Text)];
    if version > 1 {
        columns.push(column(3, "extra", SqlType::Interval));
    }
    Schema { version: SchemaVersionId(relation.0 * 10 + version), columns }
}

/// Rows with consecutive ids.
pub(crate) fn rows(relation: RelationId, version: u32, first: i64, count: i64) -> RecordBatch {
    let ids = first..first + count;
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids.clone())),
        Arc::new(StringViewArray::from_iter_values(ids.clone().map(name_of))),
    ];
    if version > 1 {
        let extra = ids.map(|id| arrow::datatypes::IntervalMonthDayNano::new(1, 2, id));
        columns.push(Arc::new(arrow::array::IntervalMonthDayNanoArray::from_iter_values(extra)));
    }
    RecordBatch::try_new(schema(relation, version).arrow(), columns).unwrap()
}

fn name_of(id: i64) -> String {
    // Some are longer than what a view holds inline.
    if id % 3 == 0 { format!("a row with the long name {id}") } else { format!("row {id}") }
}

/// Rejects with consecutive ids as their position.
pub(crate) fn rejects(first: i64, count: i64) -> RecordBatch {
    let text = |prefix: &str| -> ArrayRef {
        let values = (first..first + count).map(|id| format!("{prefix}{id}"));
        Arc::new(StringViewArray::from_iter_values(values))
    };
    let columns = vec![text(""), text("bad row "), text("{")];
    RecordBatch::try_new(reject_schema().arrow(), columns).unwrap()
}

/// Small bounds, so that a short run meets all of them; nothing in the background.
pub(crate) fn options(seed: u64) -> LogOptions {
    LogOptions {
        wal_file_size_bytes_min: 16 << 10,
        wal_file_size_bytes_max: 64 << 10,
        row_group_row_count: 24,
        // Most runs without: making and clearing its tables takes longer than all the rest.
        segment_zstd_level: i32::from(seed.is_multiple_of(16)),
        part_row_count: 20,
        merge_row_count: 200,
        merge_fan_in: 3,
        group_bytes_max: 8 << 10,
        recent_bytes_max: 4 << 10,
        background: false,
        seed: Some(seed),
        ..LogOptions::default()
    }
}

/// Opens the log of a simulated disk.
pub(crate) fn open(fs: &Arc<dyn Fs>, clock: &Arc<ManualClock>, seed: u64) -> Result<Log, Error> {
    Log::open(Arc::clone(fs), Path::new("/data"), Arc::clone(clock) as _, options(seed))
}

/// A row as it should come back: time, seq, id, diff, whether it has `extra`.
type Row = (u64, u64, i64, i64, bool);

/// A commit as it was placed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) time: u64,
    pub(crate) seq: u64,
    pub(crate) rows: Vec<(RelationId, RowKind, i64, bool, Option<i64>)>,
    pub(crate) watermark: Option<(RelationId, i64)>,
    pub(crate) ddl: Option<String>,
    pub(crate) offset: Option<(RelationId, String)>,
    pub(crate) producer: Option<(String, u64)>,
    pub(crate) dropped: Option<RelationId>,
}

impl Entry {
    /// The commit that says this; attached rows come extra.
    pub(crate) fn add_rows(
        &mut self,
        commit: &mut Commit,
        (relation, version, kind): (RelationId, u32, RowKind),
        (first, count): (i64, i64),
        diffs: Option<i64>,
    ) {
        let batch = match kind {
            RowKind::Rows => rows(relation, version, first, count),
            RowKind::Rejects => rejects(first, count),
        };
        let watermark = (kind == RowKind::Rows && first % 2 == 0).then_some(first);
        if let Some(value) = watermark {
            self.watermark = Some((relation, value));
        }
        commit.rows.push(RelationRows {
            relation,
            schema_version: schema(relation, version).version,
            kind,
            rows: batch,
            diffs: diffs.map(|diff| Int64Array::from_value(diff, count as usize)),
            watermark,
        });
        self.note_rows(relation, kind, (first, count), version > 1, diffs);
    }

    /// Rows that the commit has.
    pub(crate) fn note_rows(
        &mut self,
        relation: RelationId,
        kind: RowKind,
        (first, count): (i64, i64),
        has_extra: bool,
        diffs: Option<i64>,
    ) {
        let extra = has_extra && kind == RowKind::Rows;
        self.rows.extend((first..first + count).map(|id| (relation, kind, id, extra, diffs)));
    }

    /// Sets what else the commit says.
    pub(crate) fn finish(&self, commit: &mut Commit) {
        commit.ddl = self.ddl.clone().map(Into::into);
        if let Some((relation, offset)) = &self.offset {
            commit.offsets.push((*relation, "p0".to_owned(), offset.clone()));
        }
        if let Some((name, sequence)) = &self.producer {
            commit.producer = Some(Producer { name: name.clone(), epoch: 1, sequence: *sequence });
        }
        commit.drops.extend(self.dropped);
    }
}

/// Commits in the order of their places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    pub(crate) placed: Vec<Entry>,
    /// Newest time that was acknowledged.
    pub(crate) acknowledged: u64,
}

impl Journal {
    pub(crate) fn place(&mut self, mut entry: Entry, placed: &Placed) {
        (entry.time, entry.seq) = (placed.time.0, placed.seq);
        if let Some(last) = self.placed.last() {
            assert!((last.time, last.seq) < (entry.time, entry.seq), "places ascend");
        }
        self.placed.push(entry);
    }

    /// What the log says is durable is all there is from here on.
    pub(crate) fn restart(&mut self, log: &Log) {
        let durable = log.durable_time().0;
        self.placed.retain(|entry| entry.time <= durable);
        self.acknowledged = durable;
    }
}

/// What a log should say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Content {
    rows: BTreeMap<(RelationId, bool), Vec<Row>>,
    steps: BTreeMap<RelationId, Vec<(u64, i64)>>,
    ddl: Vec<(u64, String)>,
    offsets: BTreeMap<RelationId, String>,
    producers: BTreeMap<String, (u64, u64)>,
}

fn expected(entries: &[Entry]) -> Content {
    let mut content = Content::default();
    // A group's watermark is the largest of its commits.
    let mut high: BTreeMap<RelationId, i64> = BTreeMap::new();
    for entry in entries {
        for (seq, (relation, kind, id, extra, diff)) in (entry.seq..).zip(&entry.rows) {
            let rows = content.rows.entry((*relation, *kind == RowKind::Rejects)).or_default();
            rows.push((entry.time, seq, *id, diff.unwrap_or(1), *extra));
        }
        if let Some((relation, value)) = entry.watermark
            && high.get(&relation).is_none_or(|last| *last < value)
        {
            high.insert(relation, value);
            let steps = content.steps.entry(relation).or_default();
            match steps.last_mut() {
                Some(last) if last.0 == entry.time => last.1 = value,
                _ => steps.push((entry.time, value)),
            }
        }
        content.ddl.extend(entry.ddl.clone().map(|ddl| (entry.time, ddl)));
        content.offsets.extend(entry.offset.clone());
        content.producers.extend(entry.producer.clone().map(|(name, at)| (name, (at, entry.time))));
        if let Some(relation) = entry.dropped {
            content.rows.retain(|(of, _), _| *of != relation);
            content.steps.remove(&relation);
            content.offsets.remove(&relation);
            high.remove(&relation);
        }
    }
    content
}

fn found(log: &Log) -> Result<Content, Error> {
    let mut content = Content::default();
    for relation in RELATIONS {
        for kind in [RowKind::Rows, RowKind::Rejects] {
            let rows = scan(log, relation, kind, (0, u64::MAX))?;
            if !rows.is_empty() {
                content.rows.insert((relation, kind == RowKind::Rejects), rows);
            }
        }
        let steps = log.watermark_steps(relation, Timestamp::MIN);
        if !steps.is_empty() {
            let steps = steps.into_iter().map(|(time, value)| (time.0, value)).collect();
            content.steps.insert(relation, steps);
        }
        content
            .offsets
            .extend(log.offsets(relation).into_values().map(|offset| (relation, offset)));
    }
    for (time, ddl) in log.ddl(Timestamp::MIN)? {
        content.ddl.push((time.0, String::from_utf8(ddl.to_vec()).unwrap()));
    }
    for name in ["anna", "bert"] {
        let newest = log.producer(name).map(|(_, sequence, time)| (sequence, time.0));
        content.producers.extend(newest.map(|newest| (name.to_owned(), newest)));
    }
    Ok(content)
}

/// Reads a relation back, checking each value on the way.
pub(crate) fn scan(
    log: &Log,
    relation: RelationId,
    kind: RowKind,
    (after, until): (u64, u64),
) -> Result<Vec<Row>, Error> {
    let (schema, columns) = match kind {
        RowKind::Rows => (schema(relation, 2), vec![ColumnId(3), ColumnId(1), ColumnId(2)]),
        RowKind::Rejects => (reject_schema(), vec![ColumnId(1)]),
    };
    let parts = log.scan(&Scan {
        relation,
        kind,
        columns,
        schema,
        after: Timestamp(after),
        until: Timestamp(until),
        ranges: Vec::new(),
        batch_row_count_max: 10,
    })?;
    let mut rows = Vec::new();
    for part in parts {
        for batch in part.open()? {
            let batch = batch?;
            assert!(batch.times.len() <= 10, "a batch has no more rows than asked for");
            for at in 0..batch.times.len() {
                let (time, seq) = (batch.times.value(at), batch.seqs.value(at));
                assert!(part.time_min.0 <= time && time <= part.time_max.0, "bounds of the part");
                let diff = batch.diffs.as_ref().map_or(1, |diffs| diffs.value(at));
                let (id, extra) = match kind {
                    RowKind::Rejects => {
                        let id = batch.rows.column(0).as_string_view().value(at);
                        (id.parse().expect("positions are numbers"), false)
                    }
                    RowKind::Rows => {
                        let id = batch.rows.column(1).as_primitive::<Int64Type>().value(at);
                        assert_eq!(batch.rows.column(2).as_string_view().value(at), name_of(id));
                        (id, batch.rows.column(0).is_valid(at))
                    }
                };
                rows.push((time, seq, id, diff, extra));
            }
        }
    }
    Ok(rows)
}

/// Every acknowledged commit is there once and in order; the others as whole groups or not at all.
pub(crate) fn check(log: &Log, journal: &Journal) {
    let durable = log.durable_time().0;
    assert!(
        durable >= journal.acknowledged,
        "acknowledged {} is gone, the log ends at {durable}",
        journal.acknowledged
    );
    let count = journal.placed.partition_point(|entry| entry.time <= durable);
    let found = found(log).unwrap();
    assert_eq!(found, expected(&journal.placed[..count]));
}

/// The groups of the log are the journal's commits too, from wherever they are served.
pub(crate) fn check_groups(log: &Log, journal: &Journal, after: u64) {
    let durable = log.durable_time().0;
    let kept = |entry: &&Entry| entry.time <= durable;
    let content = expected(&journal.placed.iter().filter(kept).cloned().collect::<Vec<_>>());
    let mut rows: BTreeMap<u64, Vec<(RelationId, bool, u64)>> = BTreeMap::new();
    for ((relation, rejects), of) in &content.rows {
        for (time, seq, ..) in of.iter().filter(|row| row.0 > after) {
            rows.entry(*time).or_default().push((*relation, *rejects, *seq));
        }
    }
    let mut at = Timestamp(after);
    let mut found: BTreeMap<u64, Vec<(RelationId, bool, u64)>> = BTreeMap::new();
    let mut ddl = Vec::new();
    loop {
        let groups = log.groups(at, 7).unwrap();
        let Some(last) = groups.last() else { break };
        assert!(groups[0].time > at, "groups go on after the last");
        at = last.time;
        for group in groups {
            ddl.extend(group.ddl.clone().map(|text| (group.time.0, text)));
            for entry in &group.entries {
                let of = found.entry(group.time.0).or_default();
                let rejects = entry.kind == RowKind::Rejects;
                of.extend(
                    (0..entry.row_count).map(|row| (entry.relation, rejects, entry.seq + row)),
                );
            }
        }
    }
    assert_eq!(at.0.max(after), durable.max(after), "groups reach the newest time");
    // A dropped relation's rows may still be served from memory, and no longer from histories.
    let dropped: Vec<RelationId> =
        journal.placed.iter().filter_map(|entry| entry.dropped).collect();
    for of in found.values_mut().chain(rows.values_mut()) {
        of.retain(|(relation, ..)| !dropped.contains(relation));
        of.sort_unstable();
    }
    found.retain(|_, of| !of.is_empty());
    rows.retain(|_, of| !of.is_empty());
    assert_eq!(found, rows);
    let expected: Vec<_> = content.ddl.into_iter().filter(|(time, _)| *time > after).collect();
    let ddl: Vec<_> = ddl
        .into_iter()
        .map(|(time, text)| (time, String::from_utf8(text.to_vec()).unwrap()))
        .collect();
    assert_eq!(ddl, expected);
}
