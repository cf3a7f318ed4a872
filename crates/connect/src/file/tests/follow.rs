//! Mode `follow`: growth, new files, truncation, rotation, and files still being written.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use arrow::array::Int64Array;

use super::bench::{Bench, Heard, NOW, write_parquet};

/// The rows heard since the last call.
fn news(heard: &mut Heard) -> Vec<String> {
    std::mem::take(&mut heard.rows)
}

const NOTHING: [&str; 0] = [];

#[test]
fn growth_is_read_line_by_whole_line() {
    let bench = Bench::new("n bigint, t text", "CSV", "path=*.csv, mode=follow");
    bench.write("a.csv", "n,");
    let (mut reader, mut heard) = (bench.reader(&BTreeMap::new()), Heard::default());
    let mut look = |heard: &mut Heard| bench.hear(&mut reader, NOW, heard);
    look(&mut heard);
    assert_eq!(news(&mut heard), NOTHING);
    bench.append("a.csv", "t\n1,x\n2,\"y");
    look(&mut heard);
    assert_eq!(news(&mut heard), ["1|x"]);
    bench.append("a.csv", "\nz\"\n3,w");
    bench.write("b.csv", "n,t\n10,b\n");
    look(&mut heard);
    assert_eq!(news(&mut heard), ["2|y\nz", "10|b"]);
    look(&mut heard);
    assert_eq!(news(&mut heard), NOTHING);
    bench.append("a.csv", "\n");
    look(&mut heard);
    assert_eq!(news(&mut heard), ["3|w"]);
    assert!(!heard.ended && heard.rejects.is_empty());
    // A reader that starts anew at these positions hears only what comes later.
    bench.append("b.csv", "11,c\n");
    assert_eq!(bench.read(&heard.offsets).rows, ["11|c"]);
}

#[test]
fn a_truncated_file_is_read_from_its_beginning() {
    let bench = Bench::new("n bigint", "JSON", "path=a.json, mode=follow");
    bench.write("a.json", "{\"n\":1}\n{\"n\":2}\n");
    let (mut reader, mut heard) = (bench.reader(&BTreeMap::new()), Heard::default());
    bench.hear(&mut reader, NOW, &mut heard);
    assert_eq!(news(&mut heard), ["1", "2"]);
    // Shorter; and then longer than the position, but with another text before it.
    bench.write("a.json", "{\"n\":3}\n");
    bench.hear(&mut reader, NOW, &mut heard);
    assert_eq!(news(&mut heard), ["3"]);
    bench.write("a.json", "{\"n\":4}\n{\"n\":5}\n");
    let offsets = heard.offsets.clone();
    bench.hear(&mut reader, NOW, &mut heard);
    assert_eq!(news(&mut heard), ["4", "5"]);
    // The same is found by a reader that starts anew.
    assert_eq!(bench.read(&offsets).rows, ["4", "5"]);
}

#[test]
fn a_rotated_file_is_read_to_its_end_and_then_the_new_one() {
    let bench = Bench::new("n bigint", "JSON", "path=a.json, mode=follow");
    bench.write("a.json", "{\"n\":1}\n");
    let (mut reader, mut heard) = (bench.reader(&BTreeMap::new()), Heard::default());
    bench.hear(&mut reader, NOW, &mut heard);
    bench.append("a.json", "{\"n\":2}\n{\"n\":3}");
    fs::rename(bench.path("a.json"), bench.path("a.old")).unwrap();
    bench.write("a.json", "{\"n\":4}\n");
    bench.hear(&mut reader, NOW, &mut heard);
    bench.hear(&mut reader, NOW, &mut heard);
    assert_eq!(news(&mut heard), ["1", "2", "3", "4"]);
}

#[test]
fn a_file_that_is_gone_comes_back_as_another() {
    let bench = Bench::new("n bigint", "JSON", "path=a.json, mode=follow");
    let (mut reader, mut heard) = (bench.reader(&BTreeMap::new()), Heard::default());
    bench.hear(&mut reader, NOW, &mut heard);
    bench.write("a.json", "{\"n\":1}\n");
    bench.hear(&mut reader, NOW, &mut heard);
    fs::remove_file(bench.path("a.json")).unwrap();
    bench.hear(&mut reader, NOW, &mut heard);
    bench.write("a.json", "{\"n\":2}\n");
    bench.hear(&mut reader, NOW, &mut heard);
    assert_eq!(news(&mut heard), ["1", "2"]);
}

#[test]
fn a_parquet_file_is_read_once_it_is_whole() {
    let bench = Bench::new("n bigint", "PARQUET", "path=*.parquet, mode=follow");
    let (mut reader, mut heard) = (bench.reader(&BTreeMap::new()), Heard::default());
    let column = Arc::new(Int64Array::from(vec![1, 2, 3]));
    write_parquet(&bench.path("whole"), vec![("n", column)], 2);
    let bytes = fs::read(bench.path("whole")).unwrap();
    fs::write(bench.path("a.parquet"), &bytes[..bytes.len() / 2]).unwrap();
    bench.hear(&mut reader, NOW, &mut heard);
    assert_eq!((news(&mut heard), heard.rejects.len()), (vec![], 0));
    fs::write(bench.path("a.parquet"), &bytes).unwrap();
    bench.hear(&mut reader, NOW, &mut heard);
    assert_eq!(news(&mut heard), ["1", "2", "3"]);
    // One that stays broken is rejected, once.
    fs::write(bench.path("b.parquet"), "PAR1").unwrap();
    for _ in 0..3 {
        bench.hear(&mut reader, NOW, &mut heard);
    }
    assert_eq!(heard.rejects.len(), 1, "{:?}", heard.rejects);
    assert_eq!(news(&mut heard), NOTHING);
}

#[test]
fn a_line_that_is_too_long_is_rejected_once_its_end_is_there() {
    let bench = Bench::new("t text", "JSON", "path=a.json, mode=follow");
    bench.write("a.json", "{\"t\":\"1\"}\n");
    let (mut reader, mut heard) = (bench.reader(&BTreeMap::new()), Heard::default());
    for _ in 0..6 {
        bench.append("a.json", &"{\"t\":\"x\"} ".repeat(200_000));
        bench.hear(&mut reader, NOW, &mut heard);
        assert_eq!((heard.rows.len(), heard.rejects.len()), (1, 0));
    }
    bench.append("a.json", "\n{\"t\":\"2\"}\n");
    bench.hear(&mut reader, NOW, &mut heard);
    assert_eq!(news(&mut heard), ["1", "2"]);
    assert!(heard.rejects[0].starts_with("a.json:2: the record does not end"));
    assert_eq!(bench.check_every_position().rows, ["1", "2"]);
}
