//! Replay: rows arrive when they are due, with their times moved to now, and go on after a restart.

use std::collections::BTreeMap;

use super::bench::{Bench, Heard, NOW};

const SECOND: i64 = 1_000_000;

fn bench(options: &str) -> Bench {
    let options = format!("path=a.csv, replay.time_column=at{options}");
    let bench = Bench::new("n bigint, at timestamptz", "CSV", &options);
    bench.write(
        "a.csv",
        "n,at\n0,\n1,2013-01-01 10:00:00+00\n2,2013-01-01 10:00:10+00\nx,\n\
         3,2013-01-01 10:00:05+00\n4,2013-01-01 10:01:00+00\n",
    );
    bench
}

#[test]
fn rows_wait_until_they_are_due() {
    let bench = bench("");
    let (mut reader, mut heard) = (bench.reader(&BTreeMap::new()), Heard::default());
    let mut counts = Vec::new();
    for seconds in [0, 9, 10, 59, 60] {
        bench.hear(&mut reader, NOW + seconds * SECOND, &mut heard);
        counts.push((heard.rows.len(), heard.rejects.len()));
    }
    // A row that is older than the one before it comes right behind it.
    assert_eq!(counts, [(2, 0), (2, 0), (4, 1), (4, 1), (5, 1)]);
    assert_eq!(
        heard.rows,
        [
            "0|-",
            "1|2030-01-01 00:00:00+00",
            "2|2030-01-01 00:00:10+00",
            "3|2030-01-01 00:00:05+00",
            "4|2030-01-01 00:01:00+00",
        ]
    );
    assert!(heard.ended);
}

#[test]
fn speed_makes_rows_due_earlier_and_leaves_their_distances() {
    let bench = bench(", replay.speed=20");
    let (mut reader, mut heard) = (bench.reader(&BTreeMap::new()), Heard::default());
    bench.hear(&mut reader, NOW, &mut heard);
    bench.hear(&mut reader, NOW + 3 * SECOND - 1, &mut heard);
    assert_eq!(heard.rows.len(), 4);
    bench.hear(&mut reader, NOW + 3 * SECOND, &mut heard);
    assert_eq!(heard.rows[4], "4|2030-01-01 00:01:00+00");
}

#[test]
fn a_restart_goes_on_with_the_same_shift() {
    let bench = bench("");
    let (mut reader, mut heard) = (bench.reader(&BTreeMap::new()), Heard::default());
    bench.hear(&mut reader, NOW + 7, &mut heard);
    assert_eq!(heard.rows.len(), 2);
    let mut later = Heard::default();
    bench.hear(&mut bench.reader(&heard.offsets), NOW + 3600 * SECOND, &mut later);
    assert_eq!(
        later.rows,
        [
            "2|2030-01-01 00:00:10.000007+00",
            "3|2030-01-01 00:00:05.000007+00",
            "4|2030-01-01 00:01:00.000007+00",
        ]
    );
    assert_eq!(later.rejects.len(), 1);
}
