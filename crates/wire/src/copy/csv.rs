//! Rows of the CSV form: fields between delimiters, quotes anywhere in a field.

use kappa_types::SqlError;

use super::field::{Fields, Place, Split, bad_format};
use super::format::CopyCsv;

/// The message for a quote without an end.
pub(super) const UNTERMINATED: &str = "unterminated CSV quoted field";

/// Splits rows of the CSV form.
#[derive(Debug)]
pub(super) struct CsvSplitter {
    delimiter: u8,
    quote: u8,
    escape: u8,
    null: Vec<u8>,
    /// Per column: whether a quoted NULL is NULL, and whether nothing is.
    force_null: Vec<bool>,
    force_not_null: Vec<bool>,
    /// Bytes that end the quick scan of a field.
    stops: Box<[bool; 256]>,
}

impl CsvSplitter {
    pub(super) fn new(format: &CopyCsv, column_count: usize) -> Self {
        let mut stops = Box::new([false; 256]);
        for byte in [format.delimiter, format.quote, b'\n', b'\r'] {
            stops[usize::from(byte)] = true;
        }
        let marked =
            |columns: &[usize]| (0..column_count).map(|column| columns.contains(&column)).collect();
        Self {
            delimiter: format.delimiter,
            quote: format.quote,
            escape: format.escape,
            null: format.null.clone().into_bytes(),
            force_null: marked(&format.force_null),
            force_not_null: marked(&format.force_not_null),
            stops,
        }
    }

    /// Finds the fields of the row at the start of `input`; `is_last` says that nothing follows it.
    pub(super) fn split(
        &self,
        input: &[u8],
        is_last: bool,
        fields: &mut Fields,
    ) -> Result<Split, SqlError> {
        fields.clear();
        if let [b'\\', b'.', rest @ ..] = input
            && (rest.starts_with(b"\n")
                || rest.starts_with(b"\r\n")
                || (is_last && rest.is_empty()))
        {
            return Ok(Split::End);
        }
        let mut start = 0;
        let mut at = 0;
        let mut line_count = 1;
        loop {
            while at < input.len() && !self.stops[usize::from(input[at])] {
                at += 1;
            }
            if input.get(at) == Some(&self.quote) {
                let from = fields.scratch.len();
                fields.scratch.extend_from_slice(&input[start..at]);
                match self.quoted(input, at, &mut fields.scratch, &mut line_count) {
                    Some(end) => at = end,
                    None if is_last => return Err(bad_format(UNTERMINATED)),
                    None => return Ok(Split::Incomplete),
                }
                self.push_quoted(from, fields);
            } else if at == input.len() && !is_last {
                return Ok(Split::Incomplete);
            } else {
                self.push_plain(input, start, at, fields);
            }
            match end_of_line(input, at, is_last)? {
                End::Line(size) => return Ok(Split::Row { size_bytes: at + size, line_count }),
                End::Unknown => return Ok(Split::Incomplete),
                End::None => {}
            }
            at += 1;
            start = at;
        }
    }

    /// Reads the rest of a field from its first quote on. Returns where it ends, or nothing where
    /// the input ends before.
    fn quoted(
        &self,
        input: &[u8],
        from: usize,
        out: &mut Vec<u8>,
        line_count: &mut u64,
    ) -> Option<usize> {
        let mut at = from;
        let mut in_quotes = false;
        loop {
            let Some(byte) = input.get(at).copied() else {
                return (!in_quotes).then_some(at);
            };
            if !in_quotes {
                match byte {
                    byte if byte == self.quote => in_quotes = true,
                    byte if byte == self.delimiter || byte == b'\n' || byte == b'\r' => {
                        return Some(at);
                    }
                    byte => out.push(byte),
                }
                at += 1;
                continue;
            }
            if byte == self.escape {
                match input.get(at + 1).copied() {
                    Some(next) if next == self.quote || next == self.escape => {
                        out.push(next);
                        at += 2;
                        continue;
                    }
                    // It may be followed by one; only more input can tell.
                    None if self.escape != self.quote => return None,
                    _ => {}
                }
            }
            if byte == self.quote {
                in_quotes = false;
            } else {
                *line_count += u64::from(byte == b'\n');
                out.push(byte);
            }
            at += 1;
        }
    }

    #[inline]
    fn push_plain(&self, input: &[u8], start: usize, end: usize, fields: &mut Fields) {
        let column = fields.ranges.len();
        let is_null = end - start == self.null.len()
            && input[start..end] == self.null[..]
            && !self.force_not_null.get(column).copied().unwrap_or(false);
        fields.push(start, end, if is_null { Place::Null } else { Place::Input });
    }

    fn push_quoted(&self, from: usize, fields: &mut Fields) {
        let column = fields.ranges.len();
        let is_null = self.force_null.get(column).copied().unwrap_or(false)
            && fields.scratch[from..] == self.null[..];
        let to = fields.scratch.len();
        fields.push(from, to, if is_null { Place::Null } else { Place::Scratch });
    }
}

/// What stands behind a field.
enum End {
    /// An end of line of so many bytes, or the end of the data.
    Line(usize),
    /// A delimiter.
    None,
    /// More input is needed to tell.
    Unknown,
}

fn end_of_line(input: &[u8], at: usize, is_last: bool) -> Result<End, SqlError> {
    Ok(match input.get(at) {
        None if is_last => End::Line(0),
        None => End::Unknown,
        Some(b'\n') => End::Line(1),
        Some(b'\r') => match input.get(at + 1) {
            Some(b'\n') => End::Line(2),
            None if is_last => End::Line(1),
            None => End::Unknown,
            Some(_) => {
                return Err(bad_format("unquoted carriage return found in data")
                    .with_hint("Use quoted CSV field to represent carriage return."));
            }
        },
        Some(_) => End::None,
    })
}
