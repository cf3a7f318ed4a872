//! [`Format`]: the list of formats with their options.

use std::collections::BTreeMap;

use kappa_types::{SqlError, SqlState};

use crate::OptionInfo;
use crate::option::{Options, invalid_value};

/// What the bytes of a source mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// The connector makes rows itself.
    None,
    /// Comma-separated values as `COPY … (FORMAT csv)` reads them.
    Csv(CsvFormat),
    /// One JSON object per line, read as `jsonb_populate_record` reads it.
    Json,
    /// Parquet files.
    Parquet,
}

/// The dialect of CSV. The characters are single bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvFormat {
    /// Whether the first line of a file names its columns.
    pub header: bool,
    /// Between fields.
    pub delimiter: u8,
    /// Around fields that hold delimiters, quotes or line ends.
    pub quote: u8,
    /// Before a quote inside a quoted field.
    pub escape: u8,
    /// An unquoted field of this text is NULL.
    pub null: String,
}

impl Default for CsvFormat {
    fn default() -> Self {
        Self { header: true, delimiter: b',', quote: b'"', escape: b'"', null: String::new() }
    }
}

/// A format, for the reference and for checks.
#[derive(Debug)]
pub struct FormatInfo {
    /// What ENCODE says.
    pub name: &'static str,
    /// One or two sentences.
    pub doc: &'static str,
    /// What may stand in WITH when the source has this format.
    pub options: &'static [OptionInfo],
}

/// Options of CSV.
static CSV_OPTIONS: [OptionInfo; 5] = [
    OptionInfo {
        name: "csv.header",
        doc: "Whether the first line of each file names its columns, which are then found by \
              name. Without it, fields are taken in the order of the source's columns.",
        default: Some("true"),
        unit: Some("'true' or 'false'"),
    },
    OptionInfo {
        name: "csv.delimiter",
        doc: "The character between fields.",
        default: Some(","),
        unit: Some("one ASCII character, or '\\t'"),
    },
    OptionInfo {
        name: "csv.quote",
        doc: "The character around fields that hold delimiters, quotes or line ends.",
        default: Some("\""),
        unit: Some("one ASCII character"),
    },
    OptionInfo {
        name: "csv.escape",
        doc: "The character before a quote inside a quoted field; by default the quote itself.",
        default: None,
        unit: Some("one ASCII character"),
    },
    OptionInfo {
        name: "csv.null",
        doc: "An unquoted field of this text is NULL.",
        default: Some(""),
        unit: Some("text"),
    },
];

/// The formats, in the order of the reference.
static FORMATS: [FormatInfo; 3] = [
    FormatInfo {
        name: "CSV",
        doc: "Comma-separated values, read as COPY (FORMAT csv) reads them.",
        options: &CSV_OPTIONS,
    },
    FormatInfo {
        name: "JSON",
        doc: "One JSON object per line (NDJSON). Fields are found by name and read as \
              jsonb_populate_record reads them; objects and arrays in a text column are kept as \
              JSON text.",
        options: &[],
    },
    FormatInfo {
        name: "PARQUET",
        doc: "Parquet files, uncompressed or compressed with zstd.",
        options: &[],
    },
];

/// What can stand after ENCODE.
#[must_use]
pub fn formats() -> &'static [FormatInfo] {
    &FORMATS
}

impl Format {
    /// The format that `ENCODE encode` with the format's options among `options` describes.
    ///
    /// # Errors
    /// 0A000 for an unknown format, 22023 for a bad value.
    pub fn from_options(
        encode: Option<&str>,
        options: &BTreeMap<String, String>,
    ) -> Result<Self, SqlError> {
        let Some(encode) = encode else { return Ok(Self::None) };
        match encode.to_ascii_uppercase().as_str() {
            "CSV" => Ok(Self::Csv(CsvFormat::from_options(options)?)),
            "JSON" => Ok(Self::Json),
            "PARQUET" => Ok(Self::Parquet),
            _ => Err(SqlError::unsupported(
                format!("ENCODE {encode} is not supported"),
                "Formats are: CSV, JSON, PARQUET.",
            )),
        }
    }

    /// What ENCODE says.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Csv(_) => Some("CSV"),
            Self::Json => Some("JSON"),
            Self::Parquet => Some("PARQUET"),
        }
    }

    /// The options that this format understands.
    pub(crate) fn options(&self) -> &'static [OptionInfo] {
        let info = FORMATS.iter().find(|info| Some(info.name) == self.name());
        info.map_or(&[], |info| info.options)
    }
}

impl CsvFormat {
    fn from_options(given: &BTreeMap<String, String>) -> Result<Self, SqlError> {
        let options = Options::new(&CSV_OPTIONS, given);
        let plain = Self::default();
        let quote = character(&options, "csv.quote")?.unwrap_or(plain.quote);
        let format = Self {
            header: options.flag("csv.header")?.unwrap_or(plain.header),
            delimiter: character(&options, "csv.delimiter")?.unwrap_or(plain.delimiter),
            quote,
            escape: character(&options, "csv.escape")?.unwrap_or(quote),
            null: options.text("csv.null").unwrap_or_default().to_owned(),
        };
        if format.delimiter == format.quote {
            let message = "CSV delimiter and quote must be different";
            return Err(SqlError::new(SqlState::InvalidParameterValue, message));
        }
        Ok(format)
    }
}

/// The single byte that an option names.
fn character(options: &Options<'_>, name: &str) -> Result<Option<u8>, SqlError> {
    let Some(text) = options.text(name) else { return Ok(None) };
    match text.as_bytes() {
        b"\\t" => Ok(Some(b'\t')),
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Ok(Some(*byte)),
        _ => Err(invalid_value(name, text, "one ASCII character")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(encode: &str, options: &[(&str, &str)]) -> Result<Format, SqlError> {
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Format::from_options(Some(encode), &options)
    }

    #[test]
    fn options_choose_the_dialect() {
        assert_eq!(read("csv", &[]).unwrap(), Format::Csv(CsvFormat::default()));
        let given = [
            ("csv.header", "off"),
            ("csv.delimiter", "\\t"),
            ("csv.quote", "'"),
            ("csv.null", "NA"),
        ];
        let expected = CsvFormat {
            header: false,
            delimiter: b'\t',
            quote: b'\'',
            escape: b'\'',
            null: "NA".into(),
        };
        assert_eq!(read("CSV", &given).unwrap(), Format::Csv(expected));
    }

    #[test]
    fn bad_options_are_refused() {
        let state = |encode, options| read(encode, options).unwrap_err().state.code();
        assert_eq!(state("AVRO", &[]), "0A000");
        assert_eq!(state("CSV", &[("csv.delimiter", "ab")]), "22023");
        assert_eq!(state("CSV", &[("csv.delimiter", "\"")]), "22023");
        assert_eq!(state("CSV", &[("csv.header", "maybe")]), "22023");
    }
}
