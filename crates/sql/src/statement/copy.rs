//! COPY.

use super::{ColumnName, Name, QueryText};

/// `COPY {t [(columns)] | (query)} {FROM STDIN | TO STDOUT} [WITH] (options)`
#[derive(Clone, Debug, PartialEq)]
pub struct Copy {
    /// What is copied.
    pub subject: CopySubject,
    /// FROM STDIN; otherwise TO STDOUT.
    pub from_stdin: bool,
    /// How rows are written.
    pub options: CopyOptions,
}

/// What is copied.
#[derive(Clone, Debug, PartialEq)]
pub enum CopySubject {
    /// A relation.
    Relation {
        /// Which.
        name: Name,
        /// Which columns; empty means all that are not generated.
        columns: Vec<ColumnName>,
    },
    /// The result of a query; only TO STDOUT.
    Query(QueryText),
}

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CopyFormat {
    /// Tab-separated with backslash escapes.
    #[default]
    Text,
    /// Comma-separated.
    Csv,
    /// PostgreSQL's binary format.
    Binary,
}

/// The options of COPY, with the defaults of the format filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyOptions {
    /// FORMAT
    pub format: CopyFormat,
    /// DELIMITER, one ASCII character.
    pub delimiter: u8,
    /// NULL
    pub null: String,
    /// HEADER
    pub header: bool,
    /// HEADER MATCH: the first line must name the columns.
    pub header_match: bool,
    /// QUOTE, one ASCII character; CSV only.
    pub quote: u8,
    /// ESCAPE, one ASCII character; CSV only.
    pub escape: u8,
    /// FORCE_QUOTE; `*` is all columns.
    pub force_quote: Vec<String>,
    /// FORCE_NOT_NULL
    pub force_not_null: Vec<String>,
    /// FORCE_NULL
    pub force_null: Vec<String>,
}

impl CopyOptions {
    /// The defaults of a format.
    #[must_use]
    pub fn of(format: CopyFormat) -> Self {
        let (delimiter, null) = match format {
            CopyFormat::Csv => (b',', ""),
            CopyFormat::Text | CopyFormat::Binary => (b'\t', "\\N"),
        };
        Self {
            format,
            delimiter,
            null: null.to_owned(),
            header: false,
            header_match: false,
            quote: b'"',
            escape: b'"',
            force_quote: Vec::new(),
            force_not_null: Vec::new(),
            force_null: Vec::new(),
        }
    }
}
