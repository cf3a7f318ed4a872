//! [`CopyFormat`]: the options of a COPY that change what its data looks like.

/// The form of COPY data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyFormat {
    /// Columns between tabs, `\N` for NULL.
    Text(CopyText),
    /// Comma-separated values.
    Csv(CopyCsv),
    /// PostgreSQL's binary form.
    Binary,
}

/// What the first line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CopyHeader {
    /// A row.
    #[default]
    None,
    /// The columns' names; not looked at when reading.
    Names,
    /// The columns' names; compared with the target's when reading (22P04).
    Match,
}

/// Options of the text form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyText {
    /// Between columns.
    pub delimiter: u8,
    /// What stands for NULL.
    pub null: String,
    /// What the first line is.
    pub header: CopyHeader,
}

impl Default for CopyText {
    fn default() -> Self {
        Self { delimiter: b'\t', null: "\\N".into(), header: CopyHeader::None }
    }
}

/// Options of the CSV form. The columns in the lists are numbers from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyCsv {
    /// Between columns.
    pub delimiter: u8,
    /// What stands for NULL where it is not quoted.
    pub null: String,
    /// What the first line is.
    pub header: CopyHeader,
    /// Around values.
    pub quote: u8,
    /// Before a quote inside quotes; SQL takes `quote` where none is given.
    pub escape: u8,
    /// Reading: columns in which a quoted `null` is NULL too.
    pub force_null: Vec<usize>,
    /// Reading: columns in which nothing is NULL.
    pub force_not_null: Vec<usize>,
    /// Writing: columns whose values are always quoted.
    pub force_quote: Vec<usize>,
}

impl Default for CopyCsv {
    fn default() -> Self {
        Self {
            delimiter: b',',
            null: String::new(),
            header: CopyHeader::None,
            quote: b'"',
            escape: b'"',
            force_null: Vec::new(),
            force_not_null: Vec::new(),
            force_quote: Vec::new(),
        }
    }
}
