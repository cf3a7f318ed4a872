//! [`SegmentWriter`]: rows into a Parquet file, synced and read back before anybody relies on it.
//!
//! zstd 1, delta encoding for integers, dates and times, dictionaries for strings, page index for
//! the former (statistics of strings are left out: nothing prunes by them and they cost a tenth of
//! the writing time).

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, UInt64Array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use kappa_types::{RelationId, Schema, Timestamp};
use parking_lot::Mutex;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::meta::{Hidden, RowGroupMeta, SegmentMeta, as_integers, merge_range, widen};
use super::reader::read_footer;
use super::storage_type::{storage_schema, to_storage};
use crate::{Error, File, Fs, RowKind};

/// Rows handed to the Parquet writer at once: small commits are joined up to this.
const WRITE_ROW_COUNT: usize = 16 << 10;

/// Bytes of distinct values up to which a column chunk is dictionary encoded.
const DICTIONARY_BYTES_MAX: usize = 2 << 20;

/// Where and as what a segment is written.
#[derive(Clone, Debug)]
pub(crate) struct SegmentTarget {
    /// The file system.
    pub(crate) fs: Arc<dyn Fs>,
    /// The relation's directory; it exists and its name is durable.
    pub(crate) dir: PathBuf,
    /// File name.
    pub(crate) name: String,
    /// Whose rows.
    pub(crate) relation: RelationId,
    /// Rows or rejects.
    pub(crate) kind: RowKind,
    /// Which columns.
    pub(crate) schema: Arc<Schema>,
    /// Rows of a row group.
    pub(crate) row_group_row_count: usize,
    /// Level of zstd; 0 is none.
    pub(crate) zstd_level: i32,
}

/// A segment being written.
pub(crate) struct SegmentWriter {
    target: SegmentTarget,
    hidden: Hidden,
    schema: SchemaRef,
    writer: ArrowWriter<Sink>,
    sink: Sink,
    /// Rows not yet handed to the Parquet writer.
    pending: Vec<RecordBatch>,
    pending_row_count: usize,
    row_groups: Vec<RowGroupMeta>,
    row_count: u64,
    seq_min: Option<u64>,
}

impl SegmentWriter {
    /// Creates the file.
    pub(crate) fn create(target: SegmentTarget, hidden: Hidden) -> Result<Self, Error> {
        let schema = storage_schema(&target.schema.arrow(), hidden);
        let path = target.dir.join(&target.name);
        let file = target
            .fs
            .create(&path)
            .map_err(|error| Error::io_or_full("create a segment", error))?;
        let sink = Sink { file, state: Arc::new(Mutex::new(SinkState::default())) };
        // Readers know the Arrow schema from the log, and files of few rows are many.
        let options = ArrowWriterOptions::new()
            .with_properties(properties(&schema, &target)?)
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(sink.clone(), Arc::clone(&schema), options)
            .map_err(|error| sink.error("create a segment", error))?;
        Ok(Self {
            target,
            hidden,
            schema,
            writer,
            sink,
            pending: Vec::new(),
            pending_row_count: 0,
            row_groups: Vec::new(),
            row_count: 0,
            seq_min: None,
        })
    }

    /// Rows so far.
    pub(crate) const fn row_count(&self) -> u64 {
        self.row_count
    }

    /// Adds rows that will get their place with their commit.
    pub(crate) fn append_attached(
        &mut self,
        rows: &RecordBatch,
        diffs: Option<&Int64Array>,
    ) -> Result<(), Error> {
        let hidden: Vec<ArrayRef> = match self.hidden {
            Hidden::AttachedWithDiffs => vec![diffs_of(rows, diffs)],
            Hidden::Attached => Vec::new(),
            Hidden::Placed | Hidden::PlacedWithDiffs => {
                unreachable!("rows without a place go into segments that will get one")
            }
        };
        self.append(rows, hidden, |_, _| (Timestamp::MIN, Timestamp::MIN))
    }

    /// Adds rows with their places, which must be later than those of all rows before.
    pub(crate) fn append_placed(
        &mut self,
        rows: &RecordBatch,
        times: &UInt64Array,
        seqs: &UInt64Array,
        diffs: Option<&Int64Array>,
    ) -> Result<(), Error> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let mut columns: Vec<ArrayRef> = vec![Arc::new(times.clone()), Arc::new(seqs.clone())];
        match self.hidden {
            Hidden::PlacedWithDiffs => columns.push(diffs_of(rows, diffs)),
            _ => assert!(diffs.is_none(), "a segment without diffs takes none"),
        }
        self.seq_min.get_or_insert(seqs.value(0));
        self.append(rows, columns, |from, to| {
            (Timestamp(times.value(from)), Timestamp(times.value(to - 1)))
        })
    }

    fn append(
        &mut self,
        rows: &RecordBatch,
        hidden: Vec<ArrayRef>,
        times: impl Fn(usize, usize) -> (Timestamp, Timestamp),
    ) -> Result<(), Error> {
        let mut from = 0;
        while from < rows.num_rows() {
            let filled = match self.row_groups.last() {
                Some(group) if (group.row_count as usize) < self.target.row_group_row_count => {
                    group.row_count as usize
                }
                _ => {
                    let (time_min, time_max) = times(from, from + 1);
                    let (chunk_crcs, ranges) = (Vec::new(), Vec::new());
                    let group =
                        RowGroupMeta { row_count: 0, time_min, time_max, chunk_crcs, ranges };
                    self.row_groups.push(group);
                    0
                }
            };
            let count = (rows.num_rows() - from).min(self.target.row_group_row_count - filled);
            let group = self.row_groups.last_mut().expect("one was made above");
            group.row_count += count as u64;
            group.time_max = times(from, from + count).1;
            for (column, values) in self.target.schema.columns.iter().zip(rows.columns()) {
                if let Some(values) = as_integers(&values.slice(from, count)) {
                    widen(&mut group.ranges, column.id, &values);
                }
            }
            from += count;
        }
        self.row_count += rows.num_rows() as u64;
        let columns: Vec<ArrayRef> = rows.columns().iter().map(to_storage).chain(hidden).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|error| Error::Invalid(format!("rows do not fit their schema: {error}")))?;
        self.pending_row_count += batch.num_rows();
        self.pending.push(batch);
        if self.pending_row_count >= WRITE_ROW_COUNT { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        let pending = std::mem::take(&mut self.pending);
        self.pending_row_count = 0;
        let joined = match pending.as_slice() {
            [] => return Ok(()),
            [only] => only.clone(),
            several => concat_batches(&self.schema, several)
                .map_err(|error| Error::Invalid(format!("rows do not fit together: {error}")))?,
        };
        self.writer.write(&joined).map_err(|error| self.sink.error("write a segment", error))
    }

    /// Writes the footer, syncs, and reads back what was written.
    ///
    /// # Errors
    /// As writing; the file stays, unfinished, for the caller to remove.
    pub(crate) fn finish(mut self) -> Result<SegmentMeta, Error> {
        self.flush()?;
        self.writer.finish().map_err(|error| self.sink.error("write a segment", error))?;
        self.sink
            .file
            .sync_data() // segment_sync
            .map_err(|error| Error::io_or_full("sync a segment", error))?;
        let mut meta = SegmentMeta {
            relation: self.target.relation,
            kind: self.target.kind,
            name: self.target.name.clone(),
            schema_version: self.target.schema.version,
            row_count: self.row_count,
            size_bytes: self.sink.state.lock().offset,
            time_min: self.row_groups.first().map_or(Timestamp::MIN, |group| group.time_min),
            time_max: self.row_groups.last().map_or(Timestamp::MIN, |group| group.time_max),
            seq_min: self.seq_min.unwrap_or(0),
            hidden: self.hidden,
            footer_offset: 0,
            footer_crc: 0,
            row_groups: std::mem::take(&mut self.row_groups),
            ranges: Vec::new(),
        };
        for group in &meta.row_groups {
            group.ranges.iter().for_each(|range| merge_range(&mut meta.ranges, *range));
        }
        self.seal(&mut meta)?;
        self.target
            .fs
            .sync_dir(&self.target.dir) // segment_sync_dir
            .map_err(|error| Error::io_or_full("sync a directory of segments", error))?;
        Ok(meta)
    }

    /// Reads the file back, and takes the checksums by which every later reader knows it.
    fn seal(&self, meta: &mut SegmentMeta) -> Result<(), Error> {
        let path = self.target.dir.join(&self.target.name);
        let io = |error| Error::io("read a segment back", error);
        let (written, footer_offset) = read_footer(self.sink.file.as_ref(), meta.size_bytes)
            .map_err(|what| Error::corrupt(&path, what))?;
        self.check(&written, meta).map_err(|what| Error::corrupt(&path, what))?;
        let mut buffer = Vec::new();
        for (group, columns) in meta.row_groups.iter_mut().zip(written.row_groups()) {
            for column in columns.columns() {
                let (offset, size) = column.byte_range();
                buffer.resize(size as usize, 0);
                self.sink.file.read_exact_at(&mut buffer, offset).map_err(io)?;
                group.chunk_crcs.push(crc32c::crc32c(&buffer));
            }
        }
        buffer.resize((meta.size_bytes - footer_offset) as usize, 0);
        self.sink.file.read_exact_at(&mut buffer, footer_offset).map_err(io)?;
        (meta.footer_offset, meta.footer_crc) = (footer_offset, crc32c::crc32c(&buffer));
        Ok(())
    }

    fn check(&self, written: &ParquetMetaData, meta: &SegmentMeta) -> Result<(), String> {
        let counts = written.row_groups().iter().map(|group| group.num_rows() as u64);
        if !counts.eq(meta.row_groups.iter().map(|group| group.row_count)) {
            return Err("its footer counts other rows than were written".to_owned());
        }
        Ok(())
    }
}

/// The column of diffs; `+1` each if there are none.
fn diffs_of(rows: &RecordBatch, diffs: Option<&Int64Array>) -> ArrayRef {
    match diffs {
        Some(diffs) => Arc::new(diffs.clone()),
        None => Arc::new(Int64Array::from_value(1, rows.num_rows())),
    }
}

fn properties(schema: &SchemaRef, target: &SegmentTarget) -> Result<WriterProperties, Error> {
    let compression = match target.zstd_level {
        0 => Compression::UNCOMPRESSED,
        level => Compression::ZSTD(
            ZstdLevel::try_new(level)
                .map_err(|_| Error::Invalid(format!("zstd has no level {level}")))?,
        ),
    };
    let mut builder = WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(Some(target.row_group_row_count))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_created_by("kappadb".to_owned());
    for field in schema.fields() {
        let path = ColumnPath::new(vec![field.name().clone()]);
        builder = match field.data_type() {
            DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt32
            | DataType::UInt64
            | DataType::Date32
            | DataType::Time64(_)
            | DataType::Timestamp(_, _) => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            _ => builder.set_column_statistics_enabled(path, EnabledStatistics::None),
        };
    }
    Ok(builder.build())
}

/// Appends to a file, and remembers what went wrong, which Parquet's error does not tell.
#[derive(Clone, Debug)]
struct Sink {
    file: Arc<dyn File>,
    state: Arc<Mutex<SinkState>>,
}

#[derive(Debug, Default)]
struct SinkState {
    offset: u64,
    error: Option<io::Error>,
}

impl Sink {
    fn error(&self, what: &str, error: ParquetError) -> Error {
        match self.state.lock().error.take() {
            Some(error) => Error::io_or_full(what, error),
            None => Error::Invalid(format!("could not {what}: {error}")),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut state = self.state.lock();
        if let Err(error) = self.file.write_all_at(data, state.offset) {
            let again = io::Error::from(error.kind());
            state.error = Some(error);
            return Err(again);
        }
        state.offset += data.len() as u64;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
