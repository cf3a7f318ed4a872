//! CSV: where a line ends, what its fields are, and which column each field belongs to.
//!
//! The one idea: the rules are those of Postgres' `COPY … (FORMAT csv)`. A quote opens and closes
//! anywhere in a field, an escape only counts inside quotes, and only an unquoted field can be NULL.
//!
//! It does not read values: fields are bytes.

use std::borrow::Cow;

use kappa_types::Schema;

use super::CsvFormat;

/// One record, its fields unescaped. Reused from record to record.
#[derive(Debug, Default)]
pub(super) struct Record {
    data: Vec<u8>,
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    /// Where the field ends in `data`; it begins where the one before ends.
    end: usize,
    /// Whether any of it was quoted.
    quoted: bool,
}

/// How far a record reaches.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// The record has so many bytes, its line end included, over so many lines.
    Whole { size_bytes: usize, line_count: u64 },
    /// More bytes are needed to tell.
    Partial,
}

impl Record {
    /// Reads the record at the beginning of `bytes`. At the end of a file (`at_end`) the last line
    /// may lack its line end.
    pub(super) fn read(&mut self, bytes: &[u8], format: &CsvFormat, at_end: bool) -> Extent {
        self.data.clear();
        self.fields.clear();
        let (mut in_quotes, mut quoted, mut line_count) = (false, false, 0);
        let mut index = 0;
        while let Some(&byte) = bytes.get(index) {
            index += 1;
            line_count += u64::from(byte == b'\n');
            if in_quotes {
                let next = bytes.get(index).copied();
                if byte == format.escape && (next == Some(format.quote) || next == Some(byte)) {
                    self.data.extend(next);
                    index += 1;
                } else if byte == format.quote {
                    in_quotes = false;
                } else {
                    self.data.push(byte);
                }
            } else if byte == format.quote {
                (in_quotes, quoted) = (true, true);
            } else if byte == format.delimiter {
                self.end_field(&mut quoted);
            } else if byte == b'\n' {
                self.end_record(&mut quoted, index >= 2 && bytes[index - 2] == b'\r');
                return Extent::Whole { size_bytes: index, line_count };
            } else {
                self.data.push(byte);
            }
        }
        if !at_end || in_quotes || bytes.is_empty() {
            return Extent::Partial;
        }
        self.end_record(&mut quoted, bytes.ends_with(b"\r"));
        Extent::Whole { size_bytes: bytes.len(), line_count: line_count + 1 }
    }

    fn end_field(&mut self, quoted: &mut bool) {
        self.fields.push(Field { end: self.data.len(), quoted: std::mem::take(quoted) });
    }

    /// Ends the last field, without the carriage return of a Windows line end.
    fn end_record(&mut self, quoted: &mut bool, after_return: bool) {
        if after_return && self.data.last() == Some(&b'\r') {
            self.data.pop();
        }
        self.end_field(quoted);
    }

    /// Whether the line is empty.
    pub(super) fn is_blank(&self) -> bool {
        matches!(self.fields.as_slice(), [Field { end: 0, quoted: false }])
    }

    /// How many fields it has.
    pub(super) const fn len(&self) -> usize {
        self.fields.len()
    }

    /// The bytes of a field; `None` where it is NULL.
    pub(super) fn field(&self, index: usize, format: &CsvFormat) -> Option<&[u8]> {
        let field = &self.fields[index];
        let begin = index.checked_sub(1).map_or(0, |before| self.fields[before].end);
        let bytes = &self.data[begin..field.end];
        (field.quoted || bytes != format.null.as_bytes()).then_some(bytes)
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        let begins = std::iter::once(0).chain(self.fields.iter().map(|field| field.end));
        let ranges = begins.zip(self.fields.iter().map(|field| field.end));
        ranges.map(|(begin, end)| String::from_utf8_lossy(&self.data[begin..end])).collect()
    }
}

/// Which field of a record each column of the source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    /// For each column its field; `None` where the file does not have it.
    pub(super) fields: Vec<Option<usize>>,
    /// How many fields each record must have.
    pub(super) field_count: usize,
}

impl Mapping {
    /// Without a header: fields are the columns in order.
    pub(super) fn by_position(schema: &Schema) -> Self {
        let count = schema.columns.len();
        Self { fields: (0..count).map(Some).collect(), field_count: count }
    }

    /// With a header: by name, exactly or else with letter case ignored. A reason if the header
    /// names none of the columns, for then it is the header of something else.
    pub(super) fn by_name(header: &Record, schema: &Schema) -> Result<Self, String> {
        let names = header.names();
        let find = |name: &str| {
            let exact = names.iter().position(|field| field.trim() == name);
            exact.or_else(|| names.iter().position(|f| f.trim().eq_ignore_ascii_case(name)))
        };
        let fields: Vec<_> = schema.columns.iter().map(|column| find(&column.name)).collect();
        if fields.iter().all(Option::is_none) {
            return Err("the header names none of the source's columns".to_owned());
        }
        Ok(Self { fields, field_count: names.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All records of `text`, fields joined by `|`, NULL as `-`; then how the rest is.
    fn read(text: &str, format: &CsvFormat, at_end: bool) -> String {
        let (mut rest, mut record, mut out) = (text.as_bytes(), Record::default(), String::new());
        loop {
            match record.read(rest, format, at_end) {
                Extent::Whole { size_bytes, line_count } => {
                    let fields = (0..record.len()).map(|index| {
                        record.field(index, format).map_or("-".to_owned(), |bytes| {
                            format!("{:?}", String::from_utf8_lossy(bytes))
                        })
                    });
                    out += &fields.collect::<Vec<_>>().join("|");
                    out += &format!(" {line_count}\n");
                    rest = &rest[size_bytes..];
                }
                Extent::Partial => return out + &format!("{:?}", String::from_utf8_lossy(rest)),
            }
        }
    }

    #[test]
    fn quotes_are_postgres() {
        let format = CsvFormat::default();
        let text = "a,\"b\"\"c\",\r\n\"x\ny\",d\"e\"f,\"\"\npart";
        let expected = "\"a\"|\"b\\\"c\"|- 1\n\"x\\ny\"|\"def\"|\"\" 2\n\"part\"";
        assert_eq!(read(text, &format, false), expected);
        assert_eq!(read("a,b", &format, true), "\"a\"|\"b\" 1\n\"\"");
        assert_eq!(read("a,\"b\n", &format, true), "\"a,\\\"b\\n\"");
    }

    #[test]
    fn an_own_escape_and_null() {
        let format = CsvFormat { escape: b'\\', null: "NA".into(), ..CsvFormat::default() };
        let expected = "-|\"NA\"|\"\"|\"a\\\"b\" 1\n\"\"";
        assert_eq!(read("NA,\"NA\",,\"a\\\"b\"\n", &format, false), expected);
    }
}
