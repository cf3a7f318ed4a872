//! [`Bench`]: a directory with files, a source over some of them, and what its reader said.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use kappa_types::text::{ColumnFormatter, TextOptions};
use kappa_types::{Column, ColumnId, RelationId, Schema, SchemaVersionId, SqlType};
use tempfile::TempDir;

use super::super::FileReader;
use crate::reader::{Reader, Step};
use crate::{ConnectorSpec, Format};

/// 2030-01-01, in microseconds since 1970 UTC.
pub(super) const NOW: i64 = 1_893_456_000_000_000;

/// A directory with files, and a source over some of them.
pub(super) struct Bench {
    directory: TempDir,
    /// The source.
    pub(super) spec: ConnectorSpec,
}

/// What a reader said until it waited or ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// Rows, values joined by `|`, NULL as `-`.
    pub(super) rows: Vec<String>,
    /// Rejects: `position: reason`, positions without their directory.
    pub(super) rejects: Vec<String>,
    /// All positions after the last batch.
    pub(super) offsets: BTreeMap<String, String>,
    /// Whether it ended.
    pub(super) ended: bool,
}

impl Bench {
    /// A source with columns (`name type [NOT NULL], …`), a format (`CSV` …), and options
    /// (`name=value, …`) whose `path` lies in the directory.
    pub(super) fn new(columns: &str, encode: &str, options: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let columns = columns.split(", ").enumerate().map(|(index, text)| {
            let (text, nullable) = match text.strip_suffix(" NOT NULL") {
                Some(text) => (text, false),
                None => (text, true),
            };
            let (name, sql_type) = text.split_once(' ').unwrap();
            let sql_type = match sql_type {
                "timestamp" => SqlType::Timestamp,
                "timestamptz" => SqlType::Timestamptz,
                plain => SqlType::parse(plain).unwrap(),
            };
            Column { id: ColumnId(index as u32), name: name.into(), sql_type, nullable }
        });
        let options: BTreeMap<String, String> = options
            .split(", ")
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap();
                let value = match name {
                    "path" => directory.path().join(value).to_str().unwrap().to_owned(),
                    _ => value.to_owned(),
                };
                (name.to_owned(), value)
            })
            .collect();
        let spec = ConnectorSpec {
            name: "file".into(),
            format: Format::from_options(Some(encode), &options).unwrap(),
            options,
            schema: Schema { version: SchemaVersionId(1), columns: columns.collect() },
            relation: RelationId(1),
        };
        Self { directory, spec }
    }

    pub(super) fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(super) fn append(&self, name: &str, text: &str) {
        let mut file = fs::OpenOptions::new().append(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    pub(super) fn reader(&self, offsets: &BTreeMap<String, String>) -> FileReader {
        FileReader::new(self.spec.clone(), offsets).unwrap()
    }

    pub(super) fn short(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.directory.path().display()), "")
    }

    /// Steps a reader until it waits or ends; `heard` collects.
    pub(super) fn hear(&self, reader: &mut FileReader, now: i64, heard: &mut Heard) {
        loop {
            match reader.next(now).unwrap() {
                Step::Wait(_) => return,
                Step::End => {
                    heard.ended = true;
                    return;
                }
                Step::Batch(batch) => {
                    heard.rows.extend(print(&batch.rows));
                    heard.rejects.extend(
                        batch
                            .rejects
                            .iter()
                            .map(|r| self.short(&format!("{}: {}", r.position, r.reason))),
                    );
                    assert!(!batch.offsets.is_empty(), "each batch moves a position");
                    for offset in batch.offsets {
                        heard.offsets.insert(offset.partition, offset.position);
                    }
                }
            }
        }
    }

    /// Everything from committed positions on.
    pub(super) fn read(&self, offsets: &BTreeMap<String, String>) -> Heard {
        let mut heard = Heard::default();
        self.hear(&mut self.reader(offsets), NOW, &mut heard);
        heard
    }

    /// Reads one row at a time and, from the positions after each step, all the rest again: each
    /// time it must be what the first reading had from there on.
    pub(super) fn check_every_position(&self) -> Heard {
        let whole = self.read(&BTreeMap::new());
        let mut reader = self.reader(&BTreeMap::new()).with_batch_row_count_max(1);
        let (mut offsets, mut row_count, mut reject_count) = (BTreeMap::new(), 0, 0);
        while let Step::Batch(batch) = reader.next(NOW).unwrap() {
            row_count += batch.rows.num_rows();
            reject_count += batch.rejects.len();
            offsets.extend(batch.offsets.into_iter().map(|o| (o.partition, o.position)));
            let rest = self.read(&offsets);
            assert_eq!(rest.rows, whole.rows[row_count..], "rows after {offsets:?}");
            assert_eq!(rest.rejects, whole.rejects[reject_count..], "rejects after {offsets:?}");
        }
        assert_eq!((row_count, reject_count), (whole.rows.len(), whole.rejects.len()));
        whole
    }
}

pub(super) fn print(rows: &RecordBatch) -> Vec<String> {
    let schema = rows.schema();
    let columns: Vec<Vec<String>> = rows
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(array, field)| {
            let sql_type = SqlType::of_field(field).unwrap();
            let options = TextOptions::default();
            let formatter = ColumnFormatter::new(array.as_ref(), &sql_type, &options).unwrap();
            (0..array.len())
                .map(|row| {
                    let mut text = Vec::new();
                    if array.is_null(row) {
                        return "-".to_owned();
                    }
                    formatter.write(row, &mut text);
                    String::from_utf8(text).unwrap()
                })
                .collect()
        })
        .collect();
    let line = |row: usize| columns.iter().map(|c| c[row].clone()).collect::<Vec<_>>().join("|");
    (0..rows.num_rows()).map(line).collect()
}

/// Writes a Parquet file with a row group per `group_row_count` rows.
pub(super) fn write_parquet(path: &Path, columns: Vec<(&str, ArrayRef)>, group_row_count: usize) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = parquet::file::properties::WriterProperties::builder()
        .set_max_row_group_row_count(Some(group_row_count))
        .build();
    let file = fs::File::create(path).unwrap();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}
