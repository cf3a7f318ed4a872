//! Rows that are grouped before they travel give the same answers as rows that are not.

use kappa_plan::{Aggregate, AggregateFunction as F, ViewPlan, Window};
use kappa_types::{RelationId, SqlType, Timestamp};

use super::local::Local;
use super::moves::rows;
use super::plan::{aggregate, call, close, closed_view, input, view, window_aggregate};
use super::plans::{Change, TUMBLE, delta, schema};
use crate::build::{Place, Stage};
use crate::operator::{Output, TimeEnd};

const HOP: Window = Window::Hop { slide_micros: 5, size_micros: 15, offset_micros: 0 };

/// One of each way in which a group travels.
fn calls() -> Vec<Aggregate> {
    let numeric = || SqlType::Numeric(Some((38, 4)));
    vec![
        call(F::CountRows, None, SqlType::BigInt),
        call(F::Count, Some(1), SqlType::BigInt),
        call(F::Sum, Some(1), SqlType::Numeric(Some((38, 0)))),
        call(F::Avg, Some(1), numeric()),
        call(F::VarPop, Some(1), numeric()),
        call(F::Min, Some(1), SqlType::BigInt),
        call(F::Max, Some(0), SqlType::Text),
    ]
}

/// The plan called `name`, over rows that are never taken away or over any rows.
fn plan(name: &str, append_only: bool) -> ViewPlan {
    let rows = || input(1, &schema(), append_only);
    let windows = |window, keys| window_aggregate(rows(), 2, window, keys, calls());
    match name {
        "group" => view(aggregate(rows(), vec![0], calls())),
        "two keys" => view(aggregate(rows(), vec![0, 1], calls())),
        "total" => view(aggregate(rows(), vec![], calls())),
        "tumble" => view(windows(TUMBLE, vec![0])),
        "hop" => view(windows(HOP, vec![1])),
        "hop without keys" => view(windows(HOP, vec![])),
        "tumble on close" => closed_view(close(windows(TUMBLE, vec![0]), 1, TUMBLE), 1),
        "hop on close" => closed_view(close(windows(HOP, vec![1]), 1, HOP), 1),
        _ => unreachable!("{name}"),
    }
}

/// Rows of which some are late and some have no window.
fn changes(random: &mut fastrand::Rng, key_count: u32, row_count: u64, now: i64) -> Vec<Change> {
    let change = |random: &mut fastrand::Rng| Change {
        diff: 1,
        k: (random.u8(..9) > 0).then(|| format!("key {}", random.u32(..key_count))),
        n: (random.u8(..9) > 0).then(|| random.i64(0..i64::from(key_count))),
        at: match random.u8(..60) {
            0 => None,
            1 => Some(i64::MAX - 1),
            2..=6 => Some(now - random.i64(0..60)),
            _ => Some(now + random.i64(0..12)),
        },
    };
    (0..row_count).map(|_| change(random)).collect()
}

fn is_partial(stage: &Stage) -> bool {
    match stage {
        Stage::Keyed { name, inputs, .. } => {
            *name == "PartialAggregate" || inputs.iter().any(|(input, _)| is_partial(input))
        }
        Stage::Rows { input, .. } => is_partial(input),
        _ => false,
    }
}

#[test]
fn groups_travel_as_their_rows_would() {
    let plans = [
        "group",
        "two keys",
        "total",
        "tumble",
        "hop",
        "hop without keys",
        "tumble on close",
        "hop on close",
    ];
    let places = (0..2).map(|worker| Place { worker, worker_count: 2 });
    let place = places.into_iter().find(|place| place.owns_empty_key()).unwrap();
    for name in plans {
        // Groups of many rows, and so many groups that rows pass as they are after the first time.
        for (seed, key_count) in [(0, 2), (1, 3), (2, 400)] {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut direct = Local::new(&plan(name, false));
            let mut grouped = Local::at(&plan(name, true), place);
            assert!(is_partial(grouped.stage()) && !is_partial(direct.stage()), "{name}");
            for time in 1..12 {
                let (mut expected, mut actual) = (Output::default(), Output::default());
                for row_count in [3, 800, 3].into_iter().skip(random.usize(..2)) {
                    let now = time as i64 * 8;
                    let delta = delta(time, &changes(&mut random, key_count, row_count, now));
                    direct.push(RelationId(1), &delta, &mut expected);
                    grouped.push(RelationId(1), &delta, &mut actual);
                }
                let watermark = Some(time as i64 * 8 - 10);
                let end = TimeEnd { time: Timestamp(time), watermark };
                direct.end(&end, &mut expected);
                grouped.end(&end, &mut actual);
                assert_eq!(rows(&actual), rows(&expected), "{name}, seed {seed}, time {time}");
            }
        }
    }
}
