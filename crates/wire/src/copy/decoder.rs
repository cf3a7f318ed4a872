//! [`CopyDecoder`]: COPY data in, record batches out.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use kappa_types::text::{ColumnParser, TextOptions, utf8};
use kappa_types::{SqlError, SqlState};

use super::binary;
use super::csv::{CsvSplitter, UNTERMINATED};
use super::field::{Fields, Split, bad_format};
use super::format::{CopyFormat, CopyHeader};
use super::text::TextSplitter;
use crate::backend::CopyTarget;
use crate::binary::BinaryParser;
use crate::failure::Report;

/// Bytes of a value or line shown in an error's context.
const SHOWN_SIZE_BYTES_MAX: usize = 100;

/// How much a decoder holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecoderLimits {
    /// Rows of a batch.
    pub(crate) batch_row_count: usize,
    /// Bytes of input behind a batch.
    pub(crate) batch_size_bytes: usize,
    /// Bytes of one row.
    pub(crate) row_size_bytes_max: usize,
}

/// Decodes COPY data.
pub(crate) struct CopyDecoder {
    target: CopyTarget,
    schema: SchemaRef,
    rows: RowDecoder,
    columns: Columns,
    limits: DecoderLimits,
    /// Input that is not yet decoded, from `start` on.
    input: Vec<u8>,
    start: usize,
    /// A row that is not whole is looked at again when so many bytes are there, so that a long row
    /// in many messages costs no more than twice its length.
    retry_size_bytes: usize,
    header: Header,
    /// The mark behind the last row has come.
    has_ended: bool,
    /// Rows and bytes since the last batch.
    row_count: usize,
    size_bytes: usize,
    /// Line of the row being decoded, from 1.
    line: u64,
    fields: Fields,
}

enum RowDecoder {
    Text(TextSplitter),
    Csv(CsvSplitter),
    Binary,
}

enum Columns {
    Text(Vec<ColumnParser>),
    Binary(Vec<BinaryParser>),
}

/// What is expected before the first row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    None,
    Names,
    Match,
    Binary,
}

impl CopyDecoder {
    /// A decoder for the columns of `target`.
    pub(crate) fn new(
        target: &CopyTarget,
        format: &CopyFormat,
        options: &TextOptions,
        limits: DecoderLimits,
    ) -> Self {
        let fields: Vec<_> =
            target.columns.iter().map(|(name, sql_type)| sql_type.field(name, true)).collect();
        let types = || target.columns.iter().map(|(_, sql_type)| sql_type);
        let columns = match format {
            CopyFormat::Binary => Columns::Binary(types().map(BinaryParser::new).collect()),
            _ => Columns::Text(types().map(|t| ColumnParser::new(t, options)).collect()),
        };
        let (rows, header) = match format {
            CopyFormat::Text(text) => {
                (RowDecoder::Text(TextSplitter::new(text)), text.header.into())
            }
            CopyFormat::Csv(csv) => {
                (RowDecoder::Csv(CsvSplitter::new(csv, target.columns.len())), csv.header.into())
            }
            CopyFormat::Binary => (RowDecoder::Binary, Header::Binary),
        };
        Self {
            target: target.clone(),
            schema: Arc::new(Schema::new(fields)),
            rows,
            columns,
            limits,
            input: Vec::new(),
            start: 0,
            retry_size_bytes: 0,
            header,
            has_ended: false,
            row_count: 0,
            size_bytes: 0,
            line: 1,
            fields: Fields::default(),
        }
    }

    /// Takes more data.
    pub(crate) fn feed(&mut self, data: &[u8]) {
        if self.has_ended {
            return;
        }
        self.input.drain(..self.start);
        self.start = 0;
        self.input.extend_from_slice(data);
    }

    /// The next batch of the data taken so far; nothing where there are too few rows for one.
    /// `is_last` says that no data follows: then the last batch may be small.
    ///
    /// # Errors
    /// 22P04 where the data is malformed, and what the types' input functions answer.
    pub(crate) fn next_batch(&mut self, is_last: bool) -> Result<Option<RecordBatch>, Report> {
        loop {
            if self.row_count >= self.limits.batch_row_count
                || (self.size_bytes >= self.limits.batch_size_bytes && self.row_count > 0)
            {
                return self.finish_batch().map(Some);
            }
            if !self.next_row(is_last)? {
                break;
            }
        }
        if is_last && self.row_count > 0 { self.finish_batch().map(Some) } else { Ok(None) }
    }

    /// Decodes one row (or header); false where there is none.
    fn next_row(&mut self, is_last: bool) -> Result<bool, Report> {
        let waiting = self.input.len() - self.start;
        let at_end = waiting == 0 && !(is_last && self.header == Header::Binary);
        if self.has_ended || at_end || (waiting < self.retry_size_bytes && !is_last) {
            return Ok(false);
        }
        if self.header == Header::Binary {
            let size = binary::header(&self.input, is_last)
                .map_err(|error| Report { error, context: None })?;
            let Some(size) = size else { return Ok(false) };
            self.start = size;
            self.header = Header::None;
            return Ok(true);
        }
        let input = &self.input[self.start..];
        let split = match &self.rows {
            RowDecoder::Text(splitter) => splitter.split(input, is_last, &mut self.fields),
            RowDecoder::Csv(splitter) => splitter.split(input, is_last, &mut self.fields),
            RowDecoder::Binary => {
                binary::split(input, is_last, self.target.columns.len(), &mut self.fields)
            }
        };
        match split.map_err(|error| self.split_report(error))? {
            Split::Row { size_bytes, line_count } => {
                match std::mem::replace(&mut self.header, Header::None) {
                    Header::None => self.append(size_bytes)?,
                    Header::Match => self.match_names(size_bytes)?,
                    Header::Names | Header::Binary => {}
                }
                self.start += size_bytes;
                self.size_bytes += size_bytes;
                self.line += line_count;
                self.retry_size_bytes = 0;
                Ok(true)
            }
            Split::Incomplete if waiting > self.limits.row_size_bytes_max => {
                let bound = self.limits.row_size_bytes_max;
                Err(self.report(
                    SqlError::new(SqlState::ProgramLimitExceeded, "row is too long")
                        .with_detail(format!("A row of COPY data has at most {bound} bytes.")),
                ))
            }
            Split::Incomplete => {
                self.retry_size_bytes = waiting * 2;
                Ok(false)
            }
            Split::End => {
                self.has_ended = true;
                self.start = self.input.len();
                Ok(false)
            }
        }
    }

    fn append(&mut self, size_bytes: usize) -> Result<(), Report> {
        let (count, found) = (self.target.columns.len(), self.fields.ranges.len());
        if found > count {
            let error = bad_format("extra data after last expected column");
            return Err(self.line_report(error, size_bytes));
        }
        let input = &self.input[self.start..];
        for column in 0..count {
            let Some(field) = self.fields.ranges.get(column) else {
                let name = &self.target.columns[column].0;
                let error = bad_format(format!("missing data for column \"{name}\""));
                return Err(self.line_report(error, size_bytes));
            };
            let field = self.fields.get(*field, input);
            let appended = match (&mut self.columns, field) {
                (Columns::Text(parsers), Some(field)) => parsers[column].append_bytes(field),
                (Columns::Binary(parsers), Some(field)) => parsers[column].append(field),
                (Columns::Text(parsers), None) => {
                    parsers[column].append_null();
                    Ok(())
                }
                (Columns::Binary(parsers), None) => {
                    parsers[column].append_null();
                    Ok(())
                }
            };
            if let Err(error) = appended {
                return Err(self.value_report(error, column));
            }
        }
        self.row_count += 1;
        Ok(())
    }

    fn finish_batch(&mut self) -> Result<RecordBatch, Report> {
        let arrays: Vec<ArrayRef> = match &mut self.columns {
            Columns::Text(parsers) => parsers.iter_mut().map(ColumnParser::finish).collect(),
            Columns::Binary(parsers) => parsers.iter_mut().map(BinaryParser::finish).collect(),
        };
        let options = RecordBatchOptions::new().with_row_count(Some(self.row_count));
        (self.row_count, self.size_bytes) = (0, 0);
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .map_err(|error| self.report(SqlError::new(SqlState::InternalError, error.to_string())))
    }

    /// The header must name the columns.
    fn match_names(&self, size_bytes: usize) -> Result<(), Report> {
        let input = &self.input[self.start..];
        let (found, expected) = (self.fields.ranges.len(), self.target.columns.len());
        if found != expected {
            let error = bad_format(format!(
                "wrong number of fields in header line: got {found}, expected {expected}"
            ));
            return Err(self.line_report(error, size_bytes));
        }
        for (index, (name, _)) in self.target.columns.iter().enumerate() {
            let field = self.fields.get(self.fields.ranges[index], input);
            if field != Some(name.as_bytes()) {
                let got = field.map_or("null value".into(), |field| {
                    format!("\"{}\"", String::from_utf8_lossy(field))
                });
                let error = bad_format(format!(
                    "column name mismatch in header line field {}: got {got}, expected \"{name}\"",
                    index + 1
                ));
                return Err(self.line_report(error, size_bytes));
            }
        }
        Ok(())
    }

    /// An error in a line as a whole.
    #[cold]
    fn line_report(&self, error: SqlError, size_bytes: usize) -> Report {
        let line = &self.input[self.start..self.start + size_bytes];
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Report { error, context: Some(format!("{}: \"{}\"", self.place(), shown(line))) }
    }

    #[cold]
    fn value_report(&self, error: SqlError, column: usize) -> Report {
        if error.state == SqlState::CharacterNotInRepertoire {
            return self.report(error);
        }
        let name = &self.target.columns[column].0;
        let field = self.fields.get(self.fields.ranges[column], &self.input[self.start..]);
        let value = match (&self.columns, field) {
            (Columns::Binary(_), _) => String::new(),
            (_, Some(field)) => format!(": \"{}\"", shown(field)),
            (_, None) => ": null input".into(),
        };
        Report { error, context: Some(format!("{}, column {name}{value}", self.place())) }
    }

    /// The row that comes next has no end or is malformed.
    #[cold]
    fn split_report(&self, error: SqlError) -> Report {
        let column = self.target.columns.get(self.fields.ranges.len());
        match (&self.rows, column) {
            _ if error.message == UNTERMINATED => {
                let rest = shown(&self.input[self.start..]);
                Report { error, context: Some(format!("{}: \"{rest}\"", self.place())) }
            }
            (RowDecoder::Binary, Some((name, _))) if error.message == binary::CUT_OFF => {
                Report { error, context: Some(format!("{}, column {name}", self.place())) }
            }
            _ => self.report(error),
        }
    }

    /// An error at the row that would come next.
    #[cold]
    pub(crate) fn report(&self, error: SqlError) -> Report {
        Report { error, context: Some(self.place()) }
    }

    fn place(&self) -> String {
        format!("COPY {}, line {}", self.target.relation, self.line)
    }
}

impl From<CopyHeader> for Header {
    fn from(header: CopyHeader) -> Self {
        match header {
            CopyHeader::None => Self::None,
            CopyHeader::Names => Self::Names,
            CopyHeader::Match => Self::Match,
        }
    }
}

/// Input as it can be shown.
fn shown(bytes: &[u8]) -> String {
    let text =
        utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes).into_owned(), str::to_owned);
    match text.len() > SHOWN_SIZE_BYTES_MAX {
        true => format!("{}...", &text[..text.floor_char_boundary(SHOWN_SIZE_BYTES_MAX)]),
        false => text,
    }
}
