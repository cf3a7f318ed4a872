//! EMIT ON WINDOW CLOSE: contents are a function of the log, live or replayed.

use std::sync::Arc;

use arrow::array::{ArrayRef, TimestampMicrosecondArray};
use kappa_dataflow::Action;
use kappa_plan::{AggregateFunction as F, Node, ViewPlan, Window};
use kappa_types::SqlType;

use crate::fixture::Fixture;
use crate::live::longs;
use crate::plan::{aggregate, call, close, closed_view, input, view, window_aggregate};

const C: u32 = 1;
const TUMBLE: Window = Window::Tumble { size_micros: 10, offset_micros: 0 };
const HOP: Window = Window::Hop { slide_micros: 5, size_micros: 10, offset_micros: 0 };

fn micros(values: &[i64]) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values.to_vec()))
}

fn clicks(worker_count: usize) -> Fixture {
    let mut fixture = Fixture::new(worker_count);
    fixture.relation(C, &[("at", SqlType::Timestamp), ("n", SqlType::BigInt)]);
    fixture
}

fn commit(fixture: &Fixture, rows: &[(i64, i64)]) {
    let (times, values): (Vec<_>, Vec<_>) = rows.iter().copied().unzip();
    let watermark = times.iter().max().copied();
    fixture.commit(C, vec![micros(&times), longs(&values)], None, watermark);
}

fn windows(fixture: &Fixture, window: Window) -> Node {
    let rows = input(C, &fixture.schema(C), true);
    let calls = vec![
        call(F::CountRows, None, SqlType::BigInt),
        call(F::Sum, Some(1), SqlType::Numeric(Some((38, 0)))),
    ];
    window_aggregate(rows, 0, window, vec![], calls)
}

fn closed(fixture: &Fixture, window: Window) -> ViewPlan {
    closed_view(close(windows(fixture, window), 0, window), C)
}

fn starts(rows: &[String]) -> Vec<String> {
    let short = |row: &String| row.replace("1970-01-01T00:00:00", "");
    rows.iter().map(short).collect()
}

#[test]
fn a_window_shows_when_it_closes_and_stays_as_it_was() {
    for worker_count in [1, 2] {
        let mut fixture = clicks(worker_count);
        fixture.install(100, closed(&fixture, TUMBLE));
        fixture.install(101, view(windows(&fixture, TUMBLE)));
        commit(&fixture, &[(1, 1), (9, 1)]);
        assert!(fixture.rows(100).is_empty());
        commit(&fixture, &[(10, 5)]);
        assert_eq!(starts(&fixture.rows(100)), [" .000010 2 2"]);
        commit(&fixture, &[(3, 7), (25, 1)]);
        assert_eq!(starts(&fixture.rows(100)), [" .000010 2 2", ".000010 .000020 1 5"]);
        assert_eq!(fixture.late(100).len(), 1, "{:?}", fixture.late(100));
        let updated = [" .000010 3 9", ".000010 .000020 1 5", ".000020 .000030 1 1"];
        assert_eq!(starts(&fixture.rows(101)), updated);
        let (rows, late) = (fixture.rows(100), fixture.late(100));
        let install = fixture.install_of(100, closed(&fixture, TUMBLE));
        fixture.start(vec![Action::Install(Box::new(install))]);
        fixture.wait_live(100);
        assert_eq!((fixture.rows(100), fixture.late(100)), (rows, late));
    }
}

#[test]
fn merged_commits_are_cut_where_a_window_closes() {
    for worker_count in [1, 3] {
        let fixture = clicks(worker_count);
        fixture.install(100, closed(&fixture, TUMBLE));
        // No step is taken meanwhile; every third row is late.
        crate::ddl::held(&fixture, || {
            for at in 0..300 {
                commit(&fixture, &[(at, 1)]);
                if at % 3 == 0 {
                    commit(&fixture, &[(at - 25, 1)]);
                }
            }
        });
        let live = (fixture.rows(100), fixture.late(100));
        fixture.install(101, closed(&fixture, TUMBLE));
        assert_eq!((fixture.rows(101), fixture.late(101)), live);
        assert_eq!(live.1.len(), 100);
    }
}

#[test]
fn a_hopping_window_adds_up_its_panes() {
    let fixture = clicks(1);
    fixture.install(100, closed(&fixture, HOP));
    commit(&fixture, &[(1, 1), (6, 10), (12, 100)]);
    // [-5,5) and [0,10) have closed.
    let shown = starts(&fixture.rows(100));
    assert_eq!(shown, ["1969-12-31T23:59:59.999995 .000005 1 1", " .000010 2 11"]);
    // Late for [-5,5) and [0,10), in time for no other.
    commit(&fixture, &[(2, 1000)]);
    assert_eq!(fixture.late(100).len(), 2);
    // Late for [0,10) only; in time for [5,15).
    commit(&fixture, &[(7, 1000)]);
    assert_eq!(fixture.late(100).len(), 3);
    commit(&fixture, &[(15, 1)]);
    assert!(starts(&fixture.rows(100)).contains(&".000005 .000015 3 1110".to_owned()));
}

#[test]
fn closing_over_another_aggregate_holds_rows_back() {
    let fixture = clicks(2);
    // A second aggregate over the windows: cannot be fused.
    let total = aggregate(
        windows(&fixture, TUMBLE),
        vec![0],
        vec![call(F::Max, Some(3), SqlType::Numeric(Some((38, 0))))],
    );
    fixture.install(100, closed_view(close(total, 0, TUMBLE), C));
    commit(&fixture, &[(1, 1), (2, 1)]);
    commit(&fixture, &[(3, 4)]);
    assert!(fixture.rows(100).is_empty());
    commit(&fixture, &[(11, 1)]);
    assert_eq!(starts(&fixture.rows(100)), [" 6"]);
    commit(&fixture, &[(4, 4)]);
    assert_eq!(starts(&fixture.rows(100)), [" 6"]);
    assert_eq!(fixture.late(100).len(), 2, "the old row goes and the new one comes");
}
