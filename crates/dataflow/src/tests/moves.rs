//! State that is taken out and put into new operators gives the same answers.

use kappa_types::{RelationId, Timestamp};

use super::local::Local;
use super::plans::{Change, delta, named};
use crate::operator::{Output, TimeEnd, row_text};

const PLANS: [&str; 14] = [
    "sum",
    "sum_long",
    "extremes",
    "distinct_count",
    "distinct",
    "total",
    "tumble",
    "hop",
    "tumble_close",
    "hop_close",
    "close_rows",
    "inner",
    "left",
    "left_residual",
];

/// Changes that keep to what is there: every row taken away was added before.
fn changes(rng: &mut fastrand::Rng, there: &mut Vec<Change>) -> Vec<Change> {
    let mut changes = Vec::new();
    for _ in 0..rng.usize(1..12) {
        if rng.bool() && !there.is_empty() {
            let gone = there.swap_remove(rng.usize(0..there.len()));
            changes.push(Change { diff: -1, ..gone });
        } else {
            let change = Change {
                diff: 1,
                k: rng.choice([None, Some("a"), Some("b"), Some("c")]).flatten().map(str::to_owned),
                n: rng.bool().then(|| rng.i64(-3..9)),
                at: Some(rng.i64(0..40)),
            };
            there.push(change.clone());
            changes.push(change);
        }
    }
    changes
}

/// What was put out, added up.
pub(super) fn rows(out: &Output) -> Vec<(String, i64)> {
    let mut rows = std::collections::BTreeMap::new();
    for batch in out.deltas.iter().chain(&out.errors).chain(&out.late) {
        for row in 0..batch.row_count() {
            *rows.entry(row_text(&batch.rows, row)).or_insert(0) += batch.diff(row);
        }
    }
    rows.into_iter().filter(|(_, diff)| *diff != 0).collect()
}

#[test]
fn operators_go_on_elsewhere_with_the_same_answers() {
    for name in PLANS {
        for seed in 0..6 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let plan = named(name).unwrap();
            let (mut stays, mut moves) = (Local::new(&plan), Local::new(&plan));
            let mut there = [Vec::new(), Vec::new()];
            for time in 1..12 {
                let (mut expected, mut actual) = (Output::default(), Output::default());
                for relation in [1, 2] {
                    let changes = changes(&mut rng, &mut there[relation - 1]);
                    let delta = delta(time, &changes);
                    stays.push(RelationId(relation as u32), &delta, &mut expected);
                    moves.push(RelationId(relation as u32), &delta, &mut actual);
                }
                let end = TimeEnd { time: Timestamp(time), watermark: Some(time as i64 * 3) };
                stays.end(&end, &mut expected);
                moves.end(&end, &mut actual);
                assert_eq!(rows(&actual), rows(&expected), "{name}, seed {seed}, time {time}");
                // A closed window is known by the watermark, which does not move with the state.
                if !name.contains("close") {
                    let mut next = Local::new(&plan);
                    for (old, new) in moves.states().iter().zip(next.states()) {
                        old.export().iter().for_each(|batch| new.refill(batch));
                        assert!(old.size_bytes() < 1 << 20, "{name}");
                    }
                    moves = next;
                }
            }
        }
    }
}
