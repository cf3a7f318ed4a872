//! [`ParquetFile`]: a Parquet file, read from a row on.
//!
//! The one idea: a Parquet file does not grow. It is whole once its footer can be read, and what
//! stands at the same path with another footer is another file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use kappa_types::{Schema, SqlError, SqlState};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use super::chunk::Chunk;
use super::listing::io_error;
use super::position::{CHECK_SIZE_BYTES, Place, Position};
use crate::Reject;
use crate::format::parquet::Conversion;

/// A Parquet file at a row.
pub(super) struct ParquetFile {
    path: String,
    check: u32,
    /// Rows before the position.
    rows: u64,
    conversion: Conversion,
    reader: ParquetRecordBatchReader,
}

/// What opening finds.
pub(super) enum Opened {
    /// A file with rows to read.
    File(Box<ParquetFile>),
    /// The position is at the end of the file.
    Finished,
    /// Not a Parquet file, or not a whole one yet, or one that cannot fill the columns; the
    /// position stands for leaving it alone.
    Foreign { position: Position, reason: String },
}

impl ParquetFile {
    /// Opens a file at a position, or at its beginning if it is not the file that the position was
    /// taken in.
    pub(super) fn open(
        path: &str,
        schema: &Schema,
        position: &Position,
        batch_row_count: usize,
    ) -> Result<Opened, SqlError> {
        let file = File::open(path).map_err(|error| io_error(path, &error))?;
        let check = checksum(&file).map_err(|error| io_error(path, &error))?;
        let is_known = position.check == check;
        if is_known && position.is_foreign {
            return Ok(Opened::Finished);
        }
        let rows = match position.place {
            Place::Parquet { rows } if is_known => rows,
            _ => 0,
        };
        let foreign = |reason: String| {
            let place = Place::Parquet { rows: 0 };
            Ok(Opened::Foreign { position: Position { is_foreign: true, place, check }, reason })
        };
        let builder = match ParquetRecordBatchReaderBuilder::try_new(file) {
            Ok(builder) => builder,
            Err(error) => return foreign(format!("not a Parquet file: {error}")),
        };
        if rows > 0 && rows >= row_count(&builder) {
            return Ok(Opened::Finished);
        }
        let conversion = match Conversion::new(builder.schema(), schema) {
            Ok(conversion) => conversion,
            Err(error) => return foreign(error.message),
        };
        let mask = ProjectionMask::roots(builder.parquet_schema(), conversion.projection());
        let (groups, skipped) = groups_from(&builder, rows);
        let reader = builder
            .with_projection(mask)
            .with_row_groups(groups)
            .with_offset(usize::try_from(rows - skipped).unwrap_or(usize::MAX))
            .with_batch_size(batch_row_count)
            .build();
        match reader {
            Ok(reader) => Ok(Opened::File(Box::new(Self {
                path: path.to_owned(),
                check,
                rows,
                conversion,
                reader,
            }))),
            Err(error) => foreign(format!("not a Parquet file: {error}")),
        }
    }

    /// Reads the next rows; nothing at the end of the file.
    ///
    /// # Errors
    /// The reason why the rows from here on cannot be read: the file is damaged.
    pub(super) fn read(&mut self) -> Result<Option<Chunk>, String> {
        let damaged = |error| format!("not readable after row {}: {error}", self.rows);
        let Some(batch) = self.reader.next() else { return Ok(None) };
        let (rows, reasons) =
            batch.and_then(|batch| self.conversion.convert(&batch)).map_err(damaged)?;
        let (mut ends, mut rejects) = (Vec::with_capacity(rows.num_rows()), Vec::new());
        for reason in reasons {
            self.rows += 1;
            match reason {
                None => ends.push(self.position()),
                Some(reason) => {
                    let position = format!("{} row {}", self.path, self.rows);
                    let row = format!("row {} of a Parquet file", self.rows);
                    rejects.push((ends.len(), Reject::new(position, reason, row.as_bytes())));
                }
            }
        }
        Ok(Some(Chunk { path: self.path.clone(), rows, ends, rejects, end: self.position() }))
    }

    /// Where it is.
    pub(super) const fn position(&self) -> Position {
        Position { is_foreign: false, place: Place::Parquet { rows: self.rows }, check: self.check }
    }
}

/// Checks that a file is Parquet and can fill the columns, without reading rows.
pub(super) fn check(path: &str, schema: &Schema) -> Result<(), SqlError> {
    let file = File::open(path).map_err(|error| io_error(path, &error))?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error: ParquetError| {
            let message = format!("file \"{path}\" is not a Parquet file: {error}");
            SqlError::new(SqlState::DataException, message)
        })?;
    Conversion::new(builder.schema(), schema).map(|_| ())
}

fn row_count(builder: &ParquetRecordBatchReaderBuilder<File>) -> u64 {
    u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0)
}

/// The row groups from the one with row `rows` on, and the rows before the first of them.
fn groups_from(builder: &ParquetRecordBatchReaderBuilder<File>, rows: u64) -> (Vec<usize>, u64) {
    let mut skipped = 0;
    for (index, group) in builder.metadata().row_groups().iter().enumerate() {
        let count = u64::try_from(group.num_rows()).unwrap_or(0);
        if skipped + count > rows {
            return ((index..builder.metadata().num_row_groups()).collect(), skipped);
        }
        skipped += count;
    }
    (Vec::new(), rows)
}

/// A checksum of the file's size and its last bytes, which hold the end of the footer.
fn checksum(file: &File) -> io::Result<u32> {
    let size = file.metadata()?.len();
    let length = usize::try_from(size).unwrap_or(usize::MAX).min(CHECK_SIZE_BYTES);
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, size - length as u64)?;
    Ok(crc32c::crc32c_append(crc32c::crc32c(&size.to_le_bytes()), &bytes))
}
