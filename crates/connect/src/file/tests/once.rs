//! Mode `once`: formats, rejects, order of files, and going on at every position.

use std::sync::Arc;

use arrow::array::{
    Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampNanosecondArray,
};

use super::super::validate;
use super::bench::{Bench, write_parquet};

#[test]
fn csv_is_mapped_by_name_from_every_position() {
    let bench = Bench::new("n bigint, absent text, name text", "CSV", "path=a.csv, csv.null=NA");
    bench.write(
        "a.csv",
        "\u{feff}Name,extra,N\r\nx,1,10\r\n\"two\nlines, \"\"q\"\"\",2,NA\r\n\r\n\"NA\",3,-3\r\nlast,4,4",
    );
    let heard = bench.check_every_position();
    assert_eq!(heard.rows, ["10|-|x", "-|-|two\nlines, \"q\"", "-3|-|NA", "4|-|last"]);
    assert!(heard.rejects.is_empty() && heard.ended);
    // Once everything was read, nothing more is, not even a new line.
    bench.append("a.csv", "\nmore,5,5\n");
    assert_eq!(bench.read(&heard.offsets).rows, [] as [&str; 0]);
}

#[test]
fn bad_rows_are_rejected_and_the_rest_arrives() {
    let bench = Bench::new("n bigint NOT NULL, d date, a bigint[]", "CSV", "path=a.csv");
    bench.write(
        "a.csv",
        "n,d,a\n1,2030-01-01,\"{1,2}\"\nx,2030-01-01,{}\n2,2030-02-30,{}\n3,,\"{7,y}\"\n\n4,,{8}\n\
         ,2030-01-01,{}\n5\n6,,{9}\n\"7,,\n8,,\n",
    );
    let heard = bench.check_every_position();
    assert_eq!(heard.rows, ["1|2030-01-01|{1,2}", "4|-|{8}", "6|-|{9}", "8|-|-"]);
    assert_eq!(
        heard.rejects,
        [
            "a.csv:3: column \"n\": invalid input syntax for type bigint: \"x\"",
            "a.csv:4: column \"d\": date/time field value out of range: \"2030-02-30\"",
            "a.csv:5: column \"a\": invalid input syntax for type bigint: \"y\"",
            "a.csv:8: column \"n\": null value violates not-null constraint",
            "a.csv:9: 1 fields where 3 belong",
            "a.csv:11: the record does not end: a quote is not closed, or it is too long",
        ]
    );
}

#[test]
fn csv_without_header_is_mapped_by_position() {
    let options = "path=a.csv, csv.header=false, csv.delimiter=;";
    let bench = Bench::new("a text, b bigint", "CSV", options);
    bench.write("a.csv", "x;1\n;2\n\"\";3\n");
    assert_eq!(bench.check_every_position().rows, ["x|1", "-|2", "|3"]);
}

#[test]
fn a_file_with_a_foreign_header_is_rejected_as_a_whole() {
    let bench = Bench::new("n bigint", "CSV", "path=*.csv");
    bench.write("a.csv", "x,y\n1,2\n3,4\n");
    bench.write("b.csv", "n\n1\n");
    let heard = bench.check_every_position();
    assert_eq!(heard.rows, ["1"]);
    assert_eq!(heard.rejects, ["a.csv:1: the header names none of the source's columns"]);
}

#[test]
fn files_of_a_glob_are_read_in_the_order_of_their_names() {
    let bench = Bench::new("n bigint", "CSV", "path=part-*.csv");
    for (name, value) in [("part-10.csv", 3), ("part-02.csv", 2), ("part-01.csv", 1), ("x.csv", 9)]
    {
        bench.write(name, &format!("n\n{value}\n{value}0\n"));
    }
    std::fs::create_dir(bench.path("part-00.csv")).unwrap();
    assert_eq!(bench.check_every_position().rows, ["1", "10", "2", "20", "3", "30"]);
}

#[test]
fn json_is_read_as_postgres_populates_records() {
    let columns = "n bigint, b boolean, t text, j jsonb, a text[], ts timestamptz, x numeric";
    let bench = Bench::new(columns, "JSON", "path=a.json");
    bench.write(
        "a.json",
        r#"{"n": 1, "b": true, "t": "é\n", "j": {"k": [1, null]}, "a": ["x", null, "a,\"b"], "ts": "2030-01-01T02:00:00+02:00", "x": 1.50, "more": 1}
{"n": "2", "t": {"k": 1}, "j": "text", "a": "{1,2}", "x": 1e2}

{"n": 3.5}
{"n": 1, "b": 7}
{"b": "off", "t": 12, "j": null, "a": []}
[1]
{"n": 1
{"n": 9223372036854775807, "t": null}"#,
    );
    let heard = bench.check_every_position();
    assert_eq!(
        heard.rows,
        [
            "1|t|é\n|{\"k\": [1, null]}|{x,NULL,\"a,\\\"b\"}|2030-01-01 00:00:00+00|1.5",
            "2|-|{\"k\":1}|\"text\"|{1,2}|-|100",
            "-|f|12|-|{}|-|-",
            "9223372036854775807|-|-|-|-|-|-",
        ]
    );
    let reasons: Vec<_> =
        heard.rejects.iter().map(|r| r.split(" at line").next().unwrap()).collect();
    assert_eq!(
        reasons,
        [
            "a.json:4: column \"n\": invalid input syntax for type bigint: \"3.5\"",
            "a.json:5: column \"b\": invalid input syntax for type boolean: \"7\"",
            "a.json:7: the line is not a JSON object",
            "a.json:8: invalid JSON: EOF while parsing an object",
        ]
    );
}

#[test]
fn parquet_is_converted_and_read_from_every_row() {
    let columns =
        "n smallint, name character varying, d date, at timestamp, x numeric(10,2), f real, u uuid";
    let bench = Bench::new(columns, "PARQUET", "path=*.parquet");
    let rows: Vec<i64> = (0..10).map(|row| if row == 4 { 70_000 } else { row }).collect();
    let micro = 1_893_456_000_000_000_000_i64;
    write_parquet(
        &bench.path("a.parquet"),
        vec![
            ("extra", Arc::new(Int32Array::from_iter_values(0..10))),
            ("N", Arc::new(Int64Array::from(rows))),
            ("name", Arc::new(StringArray::from_iter((0..10).map(|r| (r != 1).then_some("x"))))),
            ("d", Arc::new(Date32Array::from_iter_values(0..10))),
            (
                "at",
                Arc::new(TimestampNanosecondArray::from_value(micro, 10).with_timezone("+02:00")),
            ),
            (
                "x",
                Arc::new(
                    Decimal128Array::from_iter_values(0..10)
                        .with_precision_and_scale(12, 1)
                        .unwrap(),
                ),
            ),
            ("f", Arc::new(Float64Array::from_iter_values((0..10).map(|r| f64::from(r) / 2.0)))),
            (
                "u",
                Arc::new(StringArray::from_iter_values((0..10).map(|r| {
                    if r == 7 {
                        "?".to_owned()
                    } else {
                        format!("00000000-0000-0000-0000-00000000000{r}")
                    }
                }))),
            ),
        ],
        4,
    );
    let heard = bench.check_every_position();
    assert_eq!(heard.rows.len(), 8);
    assert_eq!(
        heard.rows[1],
        "1|-|1970-01-02|2030-01-01 00:00:00|0.10|0.5|00000000-0000-0000-0000-000000000001"
    );
    assert_eq!(
        heard.rejects,
        [
            "a.parquet row 5: column \"n\": value out of range for type smallint",
            "a.parquet row 8: column \"u\": invalid input syntax for type uuid: \"?\"",
        ]
    );
}

#[test]
fn what_is_no_parquet_file_is_rejected_as_a_whole() {
    let bench = Bench::new("n bigint", "PARQUET", "path=*.parquet");
    bench.write("a.parquet", "PAR1 and then nothing");
    let column = || Arc::new(StringArray::from(vec!["1"])) as _;
    write_parquet(&bench.path("b.parquet"), vec![("m", column())], 4);
    write_parquet(&bench.path("c.parquet"), vec![("n", column())], 4);
    let heard = bench.check_every_position();
    assert_eq!(heard.rows, ["1"]);
    assert!(heard.rejects[0].starts_with("a.parquet: not a Parquet file"), "{:?}", heard.rejects);
    assert_eq!(heard.rejects[1], "b.parquet: the file has none of the source's columns");
}

#[test]
fn what_cannot_work_is_refused_at_once() {
    let check = |columns: &str, encode: &str, options: &str| {
        let bench = Bench::new(columns, encode, options);
        bench.write("a.csv", "n,t\n1,2\n");
        let column = Arc::new(Int64Array::from(vec![1]));
        write_parquet(&bench.path("a.parquet"), vec![("n", column)], 4);
        match crate::validate(&bench.spec).and_then(|()| validate(&bench.spec)) {
            Ok(()) => "ok".to_owned(),
            Err(error) => format!("{} {}", error.state.code(), bench.short(&error.message)),
        }
    };
    assert_eq!(check("n bigint", "CSV", "path=a.csv"), "ok");
    assert_eq!(check("n bigint", "CSV", "path=b.csv, mode=follow"), "ok");
    assert_eq!(check("n bigint", "CSV", "path=b.csv"), "58P01 no file matches \"b.csv\"");
    assert_eq!(check("n bigint", "CSV", "mode=once"), "22023 option \"path\" is missing");
    assert_eq!(
        check("n bigint", "CSV", "path=a.csv, paht=b"),
        "22023 connector \"file\" has no option \"paht\""
    );
    assert_eq!(
        check("n bigint", "JSON", "path=a.csv, csv.null=NA"),
        "22023 connector \"file\" has no option \"csv.null\""
    );
    assert_eq!(
        check("n bigint", "CSV", "path=a.csv, mode=twice"),
        "22023 invalid value for option \"mode\": \"twice\""
    );
    assert_eq!(
        check("z bigint", "CSV", "path=a.csv"),
        "42703 file \"a.csv\": the header names none of the source's columns"
    );
    assert_eq!(
        check("n date", "PARQUET", "path=a.parquet"),
        "42804 column \"n\" is of type date but the file has Int64"
    );
    assert_eq!(
        check("n bigint", "CSV", "path=a.csv, replay.time_column=n"),
        "42804 column \"n\" of option \"replay.time_column\" is of type bigint"
    );
    assert_eq!(
        check("n bigint", "CSV", "path=a.csv, replay.speed=2"),
        "22023 option \"replay.speed\" needs \"replay.time_column\""
    );
}

#[test]
fn a_load_ends_without_waiting() {
    let is_load =
        |options: &str| crate::is_load(&Bench::new("n bigint, at timestamp", "CSV", options).spec);
    assert!(is_load("path=a.csv"));
    assert!(!is_load("path=a.csv, mode=follow"));
    assert!(!is_load("path=a.csv, replay.time_column=at"));
}
