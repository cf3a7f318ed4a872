//! The tutorial's files are read whole and without a reject, into the columns the tutorial declares.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests and examples fail by panicking, and tell their story in one place"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use kappa_connect::{
    ConnectorSpec, Format, RowSink, Shutdown, SourceBatch, SourceState, start, validate,
};
use kappa_types::{
    Column, ColumnId, ManualClock, RelationId, Schema, SchemaVersionId, SqlError, SqlType,
};

/// Takes everything.
struct Everything;

impl RowSink for Everything {
    fn append(&mut self, batch: SourceBatch) -> Result<(), SqlError> {
        assert_eq!(batch.rejects, [], "every row is good");
        Ok(())
    }
}

/// How many rows a file of the tutorial has, read into `columns` (`name type, …`).
fn row_count(file: &str, encode: &str, columns: &str) -> u64 {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tutorial/data");
    let path = directory.join(file).to_str().expect("a path in UTF-8").to_owned();
    let options: BTreeMap<_, _> =
        [("path".to_owned(), path), ("csv.null".to_owned(), "NA".to_owned())].into();
    let columns = columns.split(", ").map(|text| {
        let (name, sql_type) = text.split_once(' ').expect("a name and a type");
        let sql_type = SqlType::parse(sql_type).expect("a type");
        Column { id: ColumnId(1), name: name.into(), sql_type, nullable: true }
    });
    let format = Format::from_options(Some(encode), &options).expect("a format");
    let is_csv = matches!(format, Format::Csv(_));
    let spec = ConnectorSpec {
        name: "file".into(),
        options: options.into_iter().filter(|(name, _)| is_csv || name == "path").collect(),
        format,
        schema: Schema { version: SchemaVersionId(1), columns: columns.collect() },
        relation: RelationId(1),
    };
    validate(&spec).expect("the file fits");
    let clock = Arc::new(ManualClock::new(0));
    let running = start(spec, &BTreeMap::new(), Box::new(Everything), clock, Shutdown::new());
    let status = running.expect("it starts").join();
    assert_eq!(status.state, SourceState::Ended);
    status.row_count
}

#[test]
fn every_row_is_read() {
    let flights = "scheduled timestamp without time zone, carrier text, flight integer, \
                   tailnum text, origin text, dest text, dep_time integer, dep_delay integer, \
                   arr_delay integer, air_time integer, distance integer, \
                   time_hour timestamp with time zone";
    assert_eq!(row_count("flights.parquet", "PARQUET", flights), 336_776);
    let weather = "origin text, time_hour timestamp with time zone, temp double precision, \
                   wind_speed double precision, precip double precision, visib double precision";
    assert_eq!(row_count("weather.csv", "CSV", weather), 26_115);
    assert_eq!(row_count("airlines.csv", "CSV", "carrier text, name text"), 16);
}
