//! [`TextDecoder`]: lines of CSV or JSON into rows, one record after the other.
//!
//! The one idea: the decoder says how many bytes a record takes, so that whoever holds the bytes can
//! name a position after every row. It holds rows until [`TextDecoder::finish`], and no bytes.

use std::borrow::Cow;

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use kappa_types::Schema;

use super::csv::{Extent, Mapping, Record};
use super::rows::RowBuilder;
use super::{CsvFormat, json};

/// A record longer than this is rejected: it would have to be held in memory as a whole. For CSV
/// that is most often a quote that never closes.
pub(crate) const RECORD_SIZE_BYTES_MAX: usize = 4 << 20;

/// Why a record that does not end is rejected.
pub(crate) const NO_END: &str = "the record does not end: a quote is not closed, or it is too long";

/// What stood at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A row, now in the decoder.
    Row(Span),
    /// Nothing: an empty line, or the header.
    Nothing(Span),
    /// Something that is no row, and why.
    Bad(Span, String),
    /// The header is that of something else, and why: nothing in the file can be read.
    Foreign(Span, String),
    /// The beginning of a record whose end is not there yet.
    Partial,
    /// A line that is too long to be held in memory, and whose end is not there.
    Endless,
}

impl Found {
    /// The same, with so many bytes before it.
    pub(crate) fn widened(mut self, size_bytes: usize) -> Self {
        match &mut self {
            Self::Row(span) | Self::Nothing(span) | Self::Bad(span, _) | Self::Foreign(span, _) => {
                span.size_bytes += size_bytes
            }
            Self::Partial | Self::Endless => {}
        }
        self
    }
}

/// What a record takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Bytes with the line end.
    pub(crate) size_bytes: usize,
    /// Lines.
    pub(crate) line_count: u64,
}

/// Reads records of one file after the other.
#[derive(Debug)]
pub(crate) struct TextDecoder {
    schema: Schema,
    rows: RowBuilder,
    syntax: Syntax,
}

#[derive(Debug)]
enum Syntax {
    /// `mapping` is unknown until the header of the file was read.
    Csv {
        format: CsvFormat,
        mapping: Option<Mapping>,
        record: Record,
    },
    Json(json::Members),
}

impl TextDecoder {
    /// A decoder of CSV.
    pub(crate) fn csv(format: CsvFormat, schema: &Schema) -> Self {
        let syntax = Syntax::Csv { format, mapping: None, record: Record::default() };
        Self { schema: schema.clone(), rows: RowBuilder::new(schema), syntax }
    }

    /// A decoder of JSON.
    pub(crate) fn json(schema: &Schema) -> Self {
        let syntax = Syntax::Json(json::Members::new(schema));
        Self { schema: schema.clone(), rows: RowBuilder::new(schema), syntax }
    }

    /// Forgets the header: the next bytes begin a file.
    pub(crate) fn begin_file(&mut self) {
        if let Syntax::Csv { format, mapping, .. } = &mut self.syntax {
            *mapping = (!format.header).then(|| Mapping::by_position(&self.schema));
        }
    }

    /// Whether the bytes of a file must be read from their beginning before others make sense.
    pub(crate) const fn needs_header(&self) -> bool {
        matches!(&self.syntax, Syntax::Csv { mapping: None, .. })
    }

    /// Reads the record at the beginning of `bytes`; at the end of a file (`at_end`) the last line
    /// may lack its line end.
    pub(crate) fn read(&mut self, bytes: &[u8], at_end: bool) -> Found {
        let found = match &mut self.syntax {
            Syntax::Csv { format, mapping: Some(mapping), record } => {
                read_csv(record, format, mapping, bytes, at_end, &mut self.rows)
            }
            Syntax::Csv { format, mapping, record } => match record.read(bytes, format, at_end) {
                Extent::Partial => Found::Partial,
                Extent::Whole { size_bytes, line_count } => {
                    let span = Span { size_bytes, line_count };
                    match Mapping::by_name(record, &self.schema) {
                        Ok(by_name) => {
                            *mapping = Some(by_name);
                            Found::Nothing(span)
                        }
                        Err(reason) => Found::Foreign(span, reason),
                    }
                }
            },
            Syntax::Json(members) => read_json(members, bytes, at_end, &mut self.rows),
        };
        let is_hopeless = bytes.len() >= RECORD_SIZE_BYTES_MAX || (at_end && !bytes.is_empty());
        if found == Found::Partial && is_hopeless { give_up(bytes, at_end) } else { found }
    }

    /// The rows since the last call.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.rows.finish()
    }
}

fn read_csv(
    record: &mut Record,
    format: &CsvFormat,
    mapping: &Mapping,
    bytes: &[u8],
    at_end: bool,
    rows: &mut RowBuilder,
) -> Found {
    let Extent::Whole { size_bytes, line_count } = record.read(bytes, format, at_end) else {
        return Found::Partial;
    };
    let span = Span { size_bytes, line_count };
    if record.is_blank() && mapping.field_count != 1 {
        return Found::Nothing(span);
    }
    if record.len() != mapping.field_count {
        let reason = format!("{} fields where {} belong", record.len(), mapping.field_count);
        return Found::Bad(span, reason);
    }
    let value = |column: usize| {
        mapping.fields[column].and_then(|field| record.field(field, format)).map(Cow::Borrowed)
    };
    rows.append(value).map_or_else(|reason| Found::Bad(span, reason), |()| Found::Row(span))
}

fn read_json(members: &json::Members, bytes: &[u8], at_end: bool, rows: &mut RowBuilder) -> Found {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let size_bytes = match end {
        Some(end) => end + 1,
        None if at_end && !bytes.is_empty() => bytes.len(),
        None => return Found::Partial,
    };
    let span = Span { size_bytes, line_count: 1 };
    let line = bytes[..size_bytes].trim_ascii();
    if line.is_empty() {
        return Found::Nothing(span);
    }
    let outcome =
        json::parse(line).and_then(|object| rows.append(|column| members.text(&object, column)));
    outcome.map_or_else(|reason| Found::Bad(span, reason), |()| Found::Row(span))
}

/// Gives up on a record that does not end, and goes on at the next line.
fn give_up(bytes: &[u8], at_end: bool) -> Found {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    match end {
        None if !at_end => Found::Endless,
        _ => {
            let size_bytes = end.map_or(bytes.len(), |end| end + 1);
            let span = Span { size_bytes, line_count: u64::from(end.is_some()) };
            Found::Bad(span, NO_END.to_owned())
        }
    }
}
