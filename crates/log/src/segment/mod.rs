//! Segments: immutable Parquet files of one relation's rows.
//!
//! ```text
//! seg/<relation>/<time>-<time>-<id>.parquet     sealed: columns of the schema version, then
//!                                               _time, _seq and, if any differs from 1, _diff
//! seg/<relation>/attach-<id>.parquet            of one large statement: the columns alone; time and
//!                                               first seq stand in the manifest
//! ```
//!
//! What is needed to find and check a segment (bounds, CRC32C of each column chunk and of the
//! footer) stands in the manifest, so that a damaged, lost or exchanged file is noticed.

mod meta;
mod reader;
mod storage_type;
mod writer;

pub(crate) use meta::{Hidden, SegmentMeta, excludes};
pub(crate) use reader::{Segment, SegmentReader};
pub(crate) use storage_type::from_storage;
pub(crate) use writer::{SegmentTarget, SegmentWriter};
