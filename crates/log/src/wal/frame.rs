//! Frames: the parts of a commit in the WAL.
//!
//! ```text
//! payload_size u32 │ kind u8 │ row kind u8 │ flags u16 │ relation u32 │ schema version u32
//! │ row_count u64 │ seq u64 │ watermark i64 │ payload crc u32 │ head crc u32 │ payload
//! ```
//!
//! A frame is encoded and its payload's CRC taken by the committing thread, outside of every lock;
//! only `seq` and the head's CRC wait for the place. `flags` bit 0: `watermark` is present.

use kappa_types::{RelationId, SchemaVersionId};

use super::header::{GROUP_HEADER_SIZE_BYTES, GroupHeader, padded};
use crate::RowKind;
use crate::encoding::{Malformed, Put, Take, row_kind_code, row_kind_of};

/// Size of an encoded [`FrameHead`].
pub(crate) const FRAME_HEAD_SIZE_BYTES: usize = 48;

const FLAG_WATERMARK: u16 = 1;

/// What a frame's payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// Rows, as `rows::encode` writes them.
    Rows = 1,
    /// Segment files that become rows: count and `SegmentMeta` each.
    Attach = 2,
    /// Catalogue edits.
    Ddl = 3,
    /// A schema version.
    Schema = 4,
    /// External offset: partition, offset.
    Offset = 5,
    /// The relation is gone; no payload.
    Drop = 6,
    /// Producer: name, epoch, sequence.
    Producer = 7,
}

impl FrameKind {
    const ALL: [Self; 7] = [
        Self::Rows,
        Self::Attach,
        Self::Ddl,
        Self::Schema,
        Self::Offset,
        Self::Drop,
        Self::Producer,
    ];
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHead {
    /// What the payload is.
    pub(crate) kind: FrameKind,
    /// For rows and attachments.
    pub(crate) row_kind: RowKind,
    /// Zero where it does not apply.
    pub(crate) relation: RelationId,
    /// Zero where it does not apply.
    pub(crate) schema_version: SchemaVersionId,
    /// Rows in it.
    pub(crate) row_count: u64,
    /// `_seq` of the first row.
    pub(crate) seq: u64,
    /// Largest watermark candidate.
    pub(crate) watermark: Option<i64>,
}

/// A frame that waits for its place.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Its head; `seq` counts from the start of the commit until the commit has its place.
    pub(crate) head: FrameHead,
    /// Its payload.
    pub(crate) payload: Vec<u8>,
    /// CRC32C of the payload.
    payload_crc: u32,
}

impl Frame {
    pub(crate) fn new(head: FrameHead, payload: Vec<u8>) -> Self {
        let payload_crc = crc32c::crc32c(&payload);
        Self { head, payload, payload_crc }
    }

    /// Bytes in the file.
    pub(crate) fn size_bytes(&self) -> u64 {
        (FRAME_HEAD_SIZE_BYTES + self.payload.len()) as u64
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let head = &self.head;
        out.put_u32(u32::try_from(self.payload.len()).expect("groups are far below 4 GiB"));
        out.put_u8(head.kind as u8);
        out.put_u8(row_kind_code(head.row_kind));
        out.put_u16(if head.watermark.is_some() { FLAG_WATERMARK } else { 0 });
        out.put_u32(head.relation.0);
        out.put_u32(head.schema_version.0);
        out.put_u64(head.row_count);
        out.put_u64(head.seq);
        out.put_i64(head.watermark.unwrap_or(0));
        out.put_u32(self.payload_crc);
        let crc = crc32c::crc32c(&out[start..]);
        out.put_u32(crc);
        assert_eq!(out.len() - start, FRAME_HEAD_SIZE_BYTES, "frame head layout");
        out.put(&self.payload);
    }
}

/// Makes `out` a whole group as it is written: header, frames, zeros up to the next block.
pub(crate) fn group_bytes(header: &GroupHeader, frames: &[Frame], out: &mut Vec<u8>) {
    let size_bytes = padded(GROUP_HEADER_SIZE_BYTES as u64 + header.body_size_bytes) as usize;
    out.clear();
    out.reserve(size_bytes);
    header.encode(out);
    for frame in frames {
        frame.encode(out);
    }
    assert_eq!(
        out.len() as u64,
        GROUP_HEADER_SIZE_BYTES as u64 + header.body_size_bytes,
        "the size of a group is known when it is placed"
    );
    out.resize(size_bytes, 0);
}

/// The frames of a group's body, each checked against its CRC before anything else reads it.
/// `None` if the body is not what was written.
pub(crate) fn read_frames(header: &GroupHeader, body: &[u8]) -> Option<Vec<(FrameHead, Vec<u8>)>> {
    let mut from = Take::new(body);
    let mut frames = Vec::new();
    for _ in 0..header.frame_count {
        frames.push(read_frame(&mut from).ok()?);
    }
    from.is_empty().then_some(frames)
}

fn read_frame(from: &mut Take<'_>) -> Result<(FrameHead, Vec<u8>), Malformed> {
    let bytes = from.take(FRAME_HEAD_SIZE_BYTES)?;
    let mut head = Take::new(bytes);
    let payload_size = head.u32()?;
    let (kind, row_kind, flags) = (head.u8()?, head.u8()?, head.u16()?);
    let (relation, schema_version) = (RelationId(head.u32()?), SchemaVersionId(head.u32()?));
    let (row_count, seq, watermark) = (head.u64()?, head.u64()?, head.i64()?);
    let payload_crc = head.u32()?;
    if crc32c::crc32c(&bytes[..FRAME_HEAD_SIZE_BYTES - 4]) != head.u32()? {
        return Err(Malformed("frame head checksum"));
    }
    let payload = from.take(payload_size as usize)?;
    if crc32c::crc32c(payload) != payload_crc {
        return Err(Malformed("frame payload checksum"));
    }
    let kind = *FrameKind::ALL
        .iter()
        .find(|known| **known as u8 == kind)
        .ok_or(Malformed("frame kind that is not known"))?;
    let head = FrameHead {
        kind,
        row_kind: row_kind_of(row_kind)?,
        relation,
        schema_version,
        row_count,
        seq,
        watermark: (flags & FLAG_WATERMARK != 0).then_some(watermark),
    };
    Ok((head, payload.to_vec()))
}
