//! Generators: determinism, resumption, pace, lateness, and the schema check.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::compute::concat_batches;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use kappa_types::{Column, ColumnId, RelationId, Schema, SchemaVersionId, SqlType};

use super::{GeneratorReader, validate};
use crate::reader::{Reader, Step};
use crate::{ConnectorSpec, Format, SourceBatch};

/// 2030-01-01, in microseconds since 1970 UTC.
const NOW: i64 = 1_893_456_000_000_000;

/// A spec of `columns` (`name type, …`) with `options` (`name=value, …`).
fn spec(columns: &str, options: &str) -> ConnectorSpec {
    let pairs = |text: &str, split| -> Vec<(String, String)> {
        let pairs = text.split(", ").filter_map(|pair| pair.split_once(split));
        pairs.map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
    };
    let columns = pairs(columns, ' ').into_iter().enumerate().map(|(index, (name, sql_type))| {
        let sql_type = match sql_type.as_str() {
            "timestamp" => SqlType::Timestamp,
            "timestamptz" => SqlType::Timestamptz,
            plain => SqlType::parse(plain).unwrap(),
        };
        Column { id: ColumnId(index as u32), name, sql_type, nullable: true }
    });
    ConnectorSpec {
        name: "generator".into(),
        options: pairs(options, '=').into_iter().collect(),
        format: Format::None,
        schema: Schema { version: SchemaVersionId(1), columns: columns.collect() },
        relation: RelationId(1),
    }
}

fn reader(spec: &ConnectorSpec, position: Option<&str>) -> GeneratorReader {
    let offsets: BTreeMap<_, _> =
        position.into_iter().map(|text| (String::new(), text.to_owned())).collect();
    GeneratorReader::new(spec, &offsets).unwrap()
}

fn batch(step: Step) -> SourceBatch {
    match step {
        Step::Batch(batch) => batch,
        other => panic!("expected a batch, got {other:?}"),
    }
}

/// All rows from a position on, and the positions after each batch.
fn read_all(reader: &mut GeneratorReader) -> (RecordBatch, Vec<String>) {
    let (mut batches, mut positions) = (Vec::new(), Vec::new());
    loop {
        match reader.next(NOW).unwrap() {
            Step::End => break,
            step => {
                let batch = batch(step);
                positions.push(batch.offsets[0].position.clone());
                batches.push(batch.rows);
            }
        }
    }
    (concat_batches(&batches[0].schema(), &batches).unwrap(), positions)
}

const BID: &str = "auction bigint, bidder bigint, price bigint, channel text, url text, \
                   date_time timestamp, extra text";

#[test]
fn the_same_seed_gives_the_same_rows_from_every_position() {
    let spec = spec(BID, "kind=nexmark, type=bid, rate=0, rows=100, seed=7");
    let (all, _) = read_all(&mut reader(&spec, None));
    assert_eq!(all.num_rows(), 100);
    let (again, positions) = read_all(&mut reader(&spec, None).with_batch_row_count_max(1));
    assert_eq!(again, all);
    for (index, position) in positions.iter().enumerate().take(99) {
        let (rest, _) = read_all(&mut reader(&spec, Some(position)));
        assert_eq!(rest, all.slice(index + 1, 99 - index), "from {position}");
    }
    let mut finished = reader(&spec, Some(&positions[99]));
    assert!(matches!(finished.next(NOW).unwrap(), Step::End));
}

#[test]
fn another_seed_gives_other_rows() {
    let rows = |seed: u64| {
        let options = format!("kind=clicks, rate=0, rows=50, seed={seed}");
        read_all(&mut reader(&spec("user_id bigint, item_id bigint", &options), None)).0
    };
    assert_ne!(rows(1), rows(2));
}

#[test]
fn leaving_a_column_out_changes_no_other() {
    let options = "kind=nexmark, type=auction, rate=0, rows=20";
    let wide = "id bigint, item_name text, seller bigint, expires timestamp, extra text";
    let wide = read_all(&mut reader(&spec(wide, options), None)).0;
    let narrow = "expires timestamp, seller bigint";
    let narrow = read_all(&mut reader(&spec(narrow, options), None)).0;
    assert_eq!(wide.column(3), narrow.column(0));
    assert_eq!(wide.column(2), narrow.column(1));
}

#[test]
fn persons_auctions_and_bids_fit_together() {
    let newest = |options: &str, column: &str| {
        let columns = format!("{column} bigint, date_time timestamp");
        let (rows, _) = read_all(&mut reader(&spec(&columns, options), None));
        let ids = rows.column(0).as_primitive::<Int64Type>().values().to_vec();
        let times = rows.column(1).as_primitive::<TimestampMicrosecondType>().values().to_vec();
        (ids, times)
    };
    let start = "start=2024-01-01 00:00:00+00, rate=0";
    let (persons, person_times) =
        newest(&format!("kind=nexmark, type=person, rows=100, {start}"), "id");
    let (auctions, auction_times) =
        newest(&format!("kind=nexmark, type=auction, rows=300, {start}"), "id");
    let (bids, bid_times) =
        newest(&format!("kind=nexmark, type=bid, rows=4600, {start}"), "auction");
    assert_eq!(persons, (1000..1100).collect::<Vec<_>>());
    assert_eq!(auctions, (1000..1300).collect::<Vec<_>>());
    // 50 events of 100 microseconds are a round.
    assert_eq!(person_times[1] - person_times[0], 5000);
    assert_eq!(auction_times[0] - person_times[0], 100);
    assert_eq!(bid_times[46] - bid_times[45], 500);
    assert!(bids.iter().all(|bid| (1000..1300 + 10).contains(bid)));
    let hot = bids.iter().filter(|bid| **bid % 100 == 0).count();
    assert!((4600 * 45 / 100..4600 * 56 / 100).contains(&hot), "half of the bids are hot: {hot}");
}

#[test]
fn a_share_of_the_rows_is_late() {
    let times = |late: &str| {
        let options = format!("kind=clicks, rate=0, rows=10000, start=2030-01-01, {late}");
        let (rows, _) = read_all(&mut reader(&spec("ts timestamptz", &options), None));
        rows.column(0).as_primitive::<TimestampMicrosecondType>().values().to_vec()
    };
    let regular = times("late.share=0");
    let late = times("late.share=0.1, late.delay=90 seconds");
    assert_eq!(regular[0], NOW);
    assert!(regular.windows(2).all(|pair| pair[1] - pair[0] == 100), "10,000 a second");
    let delays: Vec<_> = regular.iter().zip(&late).map(|(a, b)| a - b).collect();
    assert!(delays.iter().all(|delay| [0, 90_000_000].contains(delay)));
    let count = delays.iter().filter(|delay| **delay > 0).count();
    assert!((900..1100).contains(&count), "a tenth of the rows: {count}");
}

#[test]
fn rows_come_at_their_pace() {
    let spec = spec("ts timestamptz", "kind=clicks, rate=100");
    let mut reader = reader(&spec, Some("rows=5 start=0"));
    let mut rows_at = |now| match reader.next(now).unwrap() {
        Step::Batch(batch) => batch.rows.num_rows(),
        Step::Wait(wait) => {
            assert!(wait.as_micros() > 0);
            0
        }
        Step::End => panic!("there is no end"),
    };
    let counts = [0, 0, 9_999, 10_000, 1_000_000, 999_999, 1_000_000].map(|at| rows_at(NOW + at));
    // One at once, then one each 10 ms; what was missed while down is not made up for.
    assert_eq!(counts, [1, 0, 0, 1, 99, 0, 0]);
}

#[test]
fn the_schema_must_be_what_is_made() {
    let check = |columns: &str, options: &str| match validate(&spec(columns, options)) {
        Ok(()) => "ok".to_owned(),
        Err(error) => {
            format!("{} {} {}", error.state.code(), error.message, error.hint.unwrap_or_default())
        }
    };
    assert_eq!(check(BID, "kind=nexmark, type=bid"), "ok");
    assert_eq!(
        check("user_id bigint, x text", "kind=clicks"),
        "42703 the generator does not make a column \"x\" It makes: user_id, item_id, ts."
    );
    assert_eq!(
        check("user_id integer", "kind=clicks"),
        "42804 column \"user_id\" is of type integer but the generator makes bigint "
    );
    assert_eq!(check("ts timestamp", ""), "22023 option \"kind\" is missing ");
    assert_eq!(check("id bigint", "kind=nexmark"), "22023 option \"type\" is missing ");
    assert_eq!(
        check("ts timestamp", "kind=clicks, type=bid"),
        "22023 option \"type\" belongs to kind 'nexmark' "
    );
    for bad in ["rate=-1", "rows=x", "late.share=2", "late.delay=1 month", "start=soon"] {
        let found = check("ts timestamp", &format!("kind=clicks, {bad}"));
        assert!(found.starts_with("22023 invalid value for option"), "{bad}: {found}");
    }
}
