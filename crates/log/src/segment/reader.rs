//! [`Segment`] and [`SegmentReader`]: rows back out of a Parquet file.
//!
//! A row group's wanted column chunks are read whole and checked against their CRC32C before Parquet
//! sees a byte: few large reads, no copies, and a flipped bit is an error and never a wrong row.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use arrow::record_batch::RecordBatch;
use bytes::{Buf, Bytes, buf::Reader};
use kappa_types::Schema;
use parking_lot::Mutex;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::{ChunkReader, Length};

use super::meta::SegmentMeta;
use super::storage_type::storage_schema;
use crate::{Error, File, Fs};

/// Bytes behind the thrift part of a footer: its length and the magic.
const FOOTER_TAIL_BYTES: u64 = 8;

/// A sealed segment. The file goes when the segment was marked dead and the last reader is gone.
#[derive(Debug)]
pub(crate) struct Segment {
    /// What the manifest says.
    pub(crate) meta: SegmentMeta,
    /// Its columns.
    pub(crate) schema: Arc<Schema>,
    fs: Arc<dyn Fs>,
    path: PathBuf,
    dead: AtomicBool,
    /// Alive while a reader uses it.
    metadata: Mutex<Weak<ArrowReaderMetadata>>,
}

impl Segment {
    pub(crate) fn new(fs: Arc<dyn Fs>, dir: &Path, meta: SegmentMeta, schema: Arc<Schema>) -> Self {
        let path = dir.join(&meta.name);
        let (dead, metadata) = (AtomicBool::new(false), Mutex::new(Weak::new()));
        Self { meta, schema, fs, path, dead, metadata }
    }

    /// Sets whether the file goes with the last reader.
    pub(crate) fn set_dead(&self, dead: bool) {
        self.dead.store(dead, Ordering::SeqCst);
    }

    /// The same file, with other words about it. This one keeps the file alive no longer.
    pub(crate) fn with_meta(&self, meta: SegmentMeta) -> Self {
        self.set_dead(false);
        Self {
            meta,
            schema: Arc::clone(&self.schema),
            fs: Arc::clone(&self.fs),
            path: self.path.clone(),
            dead: AtomicBool::new(false),
            metadata: Mutex::new(Weak::new()),
        }
    }

    /// Checks that the file is there and as large as it should be.
    pub(crate) fn check_present(&self) -> Result<(), Error> {
        let size = self.fs.open(&self.path).and_then(|file| file.size_bytes());
        match size {
            Ok(size) if size == self.meta.size_bytes => Ok(()),
            Ok(size) => {
                Err(self
                    .corrupt(format!("it has {size} bytes instead of {}", self.meta.size_bytes)))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(self.corrupt("the file is missing"))
            }
            Err(error) => Err(Error::io("open a segment", error)),
        }
    }

    fn corrupt(&self, what: impl Into<String>) -> Error {
        Error::corrupt(&self.path, what)
    }

    fn metadata(&self, file: &dyn File) -> Result<Arc<ArrowReaderMetadata>, Error> {
        let mut cached = self.metadata.lock();
        if let Some(metadata) = cached.upgrade() {
            return Ok(metadata);
        }
        let size = self.meta.size_bytes.saturating_sub(self.meta.footer_offset);
        let footer = read(file, self.meta.footer_offset, size)?;
        // segment_footer_crc
        if crc32c::crc32c(&footer) != self.meta.footer_crc {
            return Err(self.corrupt("the footer's checksum does not match"));
        }
        let options = ArrowReaderOptions::new()
            .with_skip_arrow_metadata(true)
            .with_schema(storage_schema(&self.schema.arrow(), self.meta.hidden));
        let metadata = decode_footer(&footer)
            .and_then(|metadata| {
                ArrowReaderMetadata::try_new(Arc::new(metadata), options)
                    .map_err(|error| error.to_string())
            })
            .map_err(|what| self.corrupt(what))?;
        let metadata = Arc::new(metadata);
        *cached = Arc::downgrade(&metadata);
        Ok(metadata)
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if self.dead.load(Ordering::SeqCst)
            && let Err(error) = self.fs.remove(&self.path)
        {
            // What is left is collected at the next start.
            tracing::warn!(%error, path = %self.path.display(), "could not remove a segment");
        }
    }
}

fn read(file: &dyn File, offset: u64, size: u64) -> Result<Bytes, Error> {
    let mut buffer = vec![0; size as usize];
    file.read_exact_at(&mut buffer, offset).map_err(|error| Error::io("read a segment", error))?;
    Ok(Bytes::from(buffer))
}

/// The Parquet footer and the offset at which the last column chunk ends.
pub(crate) fn read_footer(
    file: &dyn File,
    size_bytes: u64,
) -> Result<(ParquetMetaData, u64), String> {
    let read = |offset, size| read(file, offset, size).map_err(|error| error.to_string());
    let tail_offset = size_bytes.checked_sub(FOOTER_TAIL_BYTES).ok_or("it has no footer")?;
    let mut tail = read(tail_offset, FOOTER_TAIL_BYTES)?;
    let size = u64::from(tail.get_u32_le()) + FOOTER_TAIL_BYTES;
    let offset = size_bytes.checked_sub(size).ok_or("its footer is longer than the file")?;
    let metadata = decode_footer(&read(offset, size)?)?;
    let chunks = metadata.row_groups().iter().flat_map(|group| group.columns());
    let end = chunks.map(|chunk| chunk.byte_range()).map(|(offset, size)| offset + size).max();
    Ok((metadata, end.unwrap_or(4)))
}

/// Decodes a footer that ends where `bytes` end.
fn decode_footer(bytes: &[u8]) -> Result<ParquetMetaData, String> {
    let (rest, tail) = bytes
        .len()
        .checked_sub(FOOTER_TAIL_BYTES as usize)
        .map(|at| bytes.split_at(at))
        .ok_or("its footer is too short")?;
    let size = u32::from_le_bytes(tail[..4].try_into().expect("the tail has eight bytes")) as usize;
    if &tail[4..] != b"PAR1" || size > rest.len() {
        return Err("its footer is not one of Parquet".to_owned());
    }
    ParquetMetaDataReader::decode_metadata(&rest[rest.len() - size..])
        .map_err(|error| error.to_string())
}

/// Reads some columns of some row groups, in order.
pub(crate) struct SegmentReader {
    segment: Arc<Segment>,
    file: Arc<dyn File>,
    metadata: Arc<ArrowReaderMetadata>,
    mask: ProjectionMask,
    row_groups: std::vec::IntoIter<usize>,
    batch_row_count_max: usize,
    current: Option<ParquetRecordBatchReader>,
}

impl SegmentReader {
    /// Opens the segment; `roots` are positions of columns in the file, which come back in ascending
    /// order whatever their order here.
    pub(crate) fn open(
        segment: Arc<Segment>,
        roots: &[usize],
        row_groups: Vec<usize>,
        batch_row_count_max: usize,
    ) -> Result<Self, Error> {
        let file =
            segment.fs.open(&segment.path).map_err(|error| Error::io("open a segment", error))?;
        let metadata = segment.metadata(file.as_ref())?;
        let mask = ProjectionMask::roots(metadata.parquet_schema(), roots.iter().copied());
        Ok(Self {
            segment,
            file,
            metadata,
            mask,
            row_groups: row_groups.into_iter(),
            batch_row_count_max,
            current: None,
        })
    }

    fn open_row_group(&self, index: usize) -> Result<ParquetRecordBatchReader, Error> {
        let group = self.metadata.metadata().row_group(index);
        let mut chunks = Vec::new();
        for (leaf, column) in group.columns().iter().enumerate() {
            if !self.mask.leaf_included(leaf) {
                continue;
            }
            let (offset, size) = column.byte_range();
            let bytes = read(self.file.as_ref(), offset, size)?;
            // segment_chunk_crc
            if Some(&crc32c::crc32c(&bytes))
                != self.segment.meta.row_groups[index].chunk_crcs.get(leaf)
            {
                let what =
                    format!("the checksum of row group {index}, column {leaf} does not match");
                return Err(self.segment.corrupt(what));
            }
            chunks.push((offset, bytes));
        }
        let chunks = Chunks { size_bytes: self.segment.meta.size_bytes, chunks };
        ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, (*self.metadata).clone())
            .with_projection(self.mask.clone())
            .with_row_groups(vec![index])
            .with_batch_size(self.batch_row_count_max)
            .build()
            .map_err(|error| self.segment.corrupt(error.to_string()))
    }

    /// The next batch.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            if let Some(current) = &mut self.current {
                match current.next() {
                    Some(batch) => {
                        return batch
                            .map(Some)
                            .map_err(|error| self.segment.corrupt(error.to_string()));
                    }
                    None => self.current = None,
                }
            }
            let Some(index) = self.row_groups.next() else { return Ok(None) };
            self.current = Some(self.open_row_group(index)?);
        }
    }
}

/// The checked column chunks of a row group, at their places in the file.
struct Chunks {
    size_bytes: u64,
    chunks: Vec<(u64, Bytes)>,
}

impl Chunks {
    /// What follows `offset` in the chunk that has it.
    fn from(&self, offset: u64) -> Result<Bytes, ParquetError> {
        let at = self.chunks.partition_point(|(start, _)| *start <= offset);
        let (start, bytes) = at
            .checked_sub(1)
            .and_then(|at| self.chunks.get(at))
            .filter(|(start, bytes)| offset - start <= bytes.len() as u64)
            .ok_or_else(|| ParquetError::EOF("read outside of the wanted columns".to_owned()))?;
        Ok(bytes.slice((offset - start) as usize..))
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.size_bytes
    }
}

impl ChunkReader for Chunks {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.from(start)?;
        if bytes.len() < length {
            return Err(ParquetError::EOF("read past the end of a column".to_owned()));
        }
        Ok(bytes.slice(..length))
    }
}
