//! [`Prepared`]: a commit as it will stand in the WAL, made by the committing thread outside of every
//! lock; and the way back, from frames to entries.

use std::sync::Arc;

use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use bytes::Bytes;
use kappa_types::{RelationId, Schema, SchemaVersionId, Timestamp};

use crate::encoding::{Malformed, Put, Take, put_schema, take_schema};
use crate::history::{Entry, Source};
use crate::meta::Change;
use crate::segment::{Segment, SegmentMeta};
use crate::spool::check_types;
use crate::wal::{Frame, FrameHead, FrameKind};
use crate::{Attachment, Commit, Error, Producer, RelationRows, RowKind, rows};

/// A commit that waits for its place.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Its frames; `seq` counts from the commit's start.
    pub(crate) frames: Vec<Frame>,
    /// Its rows; `seq` counts from the commit's start.
    pub(crate) entries: Vec<Entry>,
    /// How many `_seq` it takes: one for each row, and one if it has none.
    pub(crate) seq_count: u64,
    /// Bytes of its frames.
    pub(crate) size_bytes: u64,
}

const fn head(kind: FrameKind, relation: RelationId) -> FrameHead {
    FrameHead {
        kind,
        row_kind: RowKind::Rows,
        relation,
        schema_version: SchemaVersionId(0),
        row_count: 0,
        seq: 0,
        watermark: None,
    }
}

/// Encodes a commit; `known` finds schema versions that are in the log already.
pub(crate) fn prepare(
    commit: &Commit,
    known: impl Fn(RelationId, SchemaVersionId) -> Option<Arc<Schema>>,
    reject_schema: &Arc<Schema>,
) -> Result<Prepared, Error> {
    let mut prepared =
        Prepared { frames: Vec::new(), entries: Vec::new(), seq_count: 0, size_bytes: 0 };
    let mut own: Vec<(RelationId, Arc<Schema>)> = Vec::new();
    for (relation, schema) in &commit.schemas {
        let mut payload = Vec::new();
        put_schema(&mut payload, schema);
        prepared.push(Frame::new(head(FrameKind::Schema, *relation), payload));
        own.push((*relation, Arc::new(schema.clone())));
    }
    let schema_of = |relation, version| {
        let new = own.iter().find(|(of, schema)| *of == relation && schema.version == version);
        new.map(|(_, schema)| Arc::clone(schema))
            .or_else(|| known(relation, version))
            .ok_or_else(|| Error::Invalid(format!("schema version {version} is not in the log")))
    };
    if let Some(ddl) = &commit.ddl {
        prepared.push(Frame::new(head(FrameKind::Ddl, RelationId(0)), ddl.to_vec()));
    }
    for rows in &commit.rows {
        let schema = match rows.kind {
            RowKind::Rows => schema_of(rows.relation, rows.schema_version)?,
            RowKind::Rejects => Arc::clone(reject_schema),
        };
        prepared.push_rows(rows, schema)?;
    }
    for attachment in &commit.attachments {
        schema_of(attachment.relation, attachment.schema.version)?;
        prepared.push_attachment(attachment);
    }
    for (relation, partition, offset) in &commit.offsets {
        let mut payload = Vec::new();
        payload.put_bytes(partition.as_bytes());
        payload.put_bytes(offset.as_bytes());
        prepared.push(Frame::new(head(FrameKind::Offset, *relation), payload));
    }
    for relation in &commit.drops {
        prepared.push(Frame::new(head(FrameKind::Drop, *relation), Vec::new()));
    }
    if let Some(producer) = &commit.producer {
        let mut payload = Vec::new();
        payload.put_bytes(producer.name.as_bytes());
        payload.put_u64(producer.epoch);
        payload.put_u64(producer.sequence);
        prepared.push(Frame::new(head(FrameKind::Producer, RelationId(0)), payload));
    }
    prepared.seq_count = prepared.seq_count.max(1);
    Ok(prepared)
}

impl Prepared {
    fn push(&mut self, frame: Frame) {
        self.size_bytes += frame.size_bytes();
        self.frames.push(frame);
    }

    fn push_rows(&mut self, rows: &RelationRows, schema: Arc<Schema>) -> Result<(), Error> {
        check_types(&schema, &rows.rows)?;
        if rows.diffs.as_ref().is_some_and(|diffs| diffs.len() != rows.rows.num_rows()) {
            return Err(Error::Invalid("there must be one diff for each row".to_owned()));
        }
        if let Some(column) =
            schema.columns.iter().find(|column| !rows::is_supported(&column.sql_type.arrow()))
        {
            return Err(Error::Invalid(format!("column \"{}\" cannot be stored", column.name)));
        }
        if rows.rows.num_rows() == 0 && rows.watermark.is_none() {
            return Ok(());
        }
        let mut payload = Vec::new();
        rows::encode(&rows.rows, rows.diffs.as_ref(), &mut payload);
        let (seq, row_count) = (self.seq_count, rows.rows.num_rows() as u64);
        let head = FrameHead {
            kind: FrameKind::Rows,
            row_kind: rows.kind,
            relation: rows.relation,
            schema_version: schema.version,
            row_count,
            seq,
            watermark: rows.watermark,
        };
        // The batch is made anew with the schema's own names, so that readers see one schema.
        let own = renamed(&rows.rows, &schema)?;
        let frame = Frame::new(head, payload);
        self.entries.push(Entry {
            key: (rows.relation, rows.kind),
            schema,
            watermark: rows.watermark,
            seq,
            row_count,
            size_bytes: frame.size_bytes() as usize,
            source: Source::Memory { rows: own, diffs: rows.diffs.clone() },
        });
        self.push(frame);
        self.seq_count += row_count;
        Ok(())
    }

    fn push_attachment(&mut self, attachment: &Attachment) {
        let mut payload = Vec::new();
        payload.put_varint(attachment.segments.len() as u64);
        attachment.segments.iter().for_each(|segment| segment.meta.encode(&mut payload));
        let (seq, row_count) = (self.seq_count, attachment.row_count);
        let frame = Frame::new(
            FrameHead {
                kind: FrameKind::Attach,
                row_kind: RowKind::Rows,
                relation: attachment.relation,
                schema_version: attachment.schema.version,
                row_count,
                seq,
                watermark: attachment.watermark,
            },
            payload,
        );
        self.entries.push(Entry {
            key: (attachment.relation, RowKind::Rows),
            schema: Arc::clone(&attachment.schema),
            watermark: attachment.watermark,
            seq,
            row_count,
            size_bytes: frame.size_bytes() as usize,
            source: Source::Segments(attachment.segments.clone()),
        });
        self.push(frame);
        self.seq_count += row_count;
    }

    /// Gives the rows their place.
    pub(crate) fn put_at(&mut self, time: Timestamp, seq: u64) {
        for frame in &mut self.frames {
            frame.head.seq += seq;
        }
        for entry in &mut self.entries {
            entry.seq += seq;
            place_segments(entry, time);
        }
    }
}

/// Gives the segments of an entry the place of its commit.
fn place_segments(entry: &mut Entry, time: Timestamp) {
    let Source::Segments(segments) = &mut entry.source else { return };
    let mut seq = entry.seq;
    for segment in segments {
        let mut meta = segment.meta.clone();
        meta.put_at(time, seq);
        seq += meta.row_count;
        *segment = Arc::new(segment.with_meta(meta));
    }
}

/// The changes of a commit, rows and watermarks aside.
pub(crate) fn changes_of(commit: &Commit, time: Timestamp) -> Vec<Change> {
    let mut changes = Vec::new();
    for (relation, schema) in &commit.schemas {
        changes.push(Change::Schema(*relation, Arc::new(schema.clone())));
    }
    changes.extend(commit.ddl.clone().map(|ddl| Change::Ddl(time, ddl)));
    for (relation, partition, offset) in &commit.offsets {
        changes.push(Change::Offset(*relation, partition.clone(), offset.clone()));
    }
    changes.extend(commit.drops.iter().copied().map(Change::Drop));
    changes.extend(commit.producer.clone().map(|producer| Change::Producer(producer, time)));
    changes
}

/// What a frame says, read back.
pub(crate) enum Reread {
    /// Rows.
    Entry(Entry),
    /// Something else.
    Change(Change),
}

/// Reads a frame back; `known` finds schema versions, `open` opens attached files.
pub(crate) fn reread(
    head: &FrameHead,
    payload: &[u8],
    time: Timestamp,
    known: impl Fn(RelationId, SchemaVersionId) -> Option<Arc<Schema>>,
    open: impl Fn(SegmentMeta, Arc<Schema>) -> Segment,
) -> Result<Reread, Malformed> {
    let mut from = Take::new(payload);
    let schema = || {
        let schema = known(head.relation, head.schema_version);
        schema.ok_or(Malformed("schema version that is not in the log"))
    };
    let entry = |schema: Arc<Schema>, source| Entry {
        key: (head.relation, head.row_kind),
        schema,
        watermark: head.watermark,
        seq: head.seq,
        row_count: head.row_count,
        size_bytes: payload.len(),
        source,
    };
    Ok(match head.kind {
        FrameKind::Rows => {
            let schema = schema()?;
            let (rows, diffs) = rows::decode(&schema.arrow(), payload)?;
            Reread::Entry(entry(schema, Source::Memory { rows, diffs }))
        }
        FrameKind::Attach => {
            let schema = schema()?;
            let mut segments = Vec::new();
            for _ in 0..from.count()? {
                let meta = SegmentMeta::decode(&mut from)?;
                segments.push(Arc::new(open(meta, Arc::clone(&schema))));
            }
            let mut entry = entry(schema, Source::Segments(segments));
            place_segments(&mut entry, time);
            Reread::Entry(entry)
        }
        FrameKind::Ddl => Reread::Change(Change::Ddl(time, Bytes::copy_from_slice(payload))),
        FrameKind::Schema => {
            Reread::Change(Change::Schema(head.relation, Arc::new(take_schema(&mut from)?)))
        }
        FrameKind::Offset => {
            Reread::Change(Change::Offset(head.relation, from.string()?, from.string()?))
        }
        FrameKind::Drop => Reread::Change(Change::Drop(head.relation)),
        FrameKind::Producer => {
            let (name, epoch, sequence) = (from.string()?, from.u64()?, from.u64()?);
            Reread::Change(Change::Producer(Producer { name, epoch, sequence }, time))
        }
    })
}

/// The batch with the field names and metadata of its schema.
fn renamed(rows: &RecordBatch, schema: &Schema) -> Result<RecordBatch, Error> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(schema.arrow(), rows.columns().to_vec(), &options)
        .map_err(|error| Error::Invalid(format!("rows do not fit their schema: {error}")))
}
