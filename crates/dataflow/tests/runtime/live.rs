//! Views over tables and views, changes, errors, restarts.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringViewArray};
use datafusion::logical_expr::Operator as Binary;
use kappa_dataflow::Action;
use kappa_plan::{AggregateFunction as F, JoinKind, ViewPlan};
use kappa_types::SqlType;

use crate::fixture::Fixture;
use crate::plan::{aggregate, binary, call, column, filter, input, join, literal, project, view};

pub(crate) const T: u32 = 1;

pub(crate) fn longs(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringViewArray::from_iter_values(values))
}

pub(crate) fn table(worker_count: usize) -> Fixture {
    let mut fixture = Fixture::new(worker_count);
    fixture.relation(T, &[("k", SqlType::Text), ("n", SqlType::BigInt)]);
    fixture
}

fn sums(fixture: &Fixture) -> ViewPlan {
    let rows = input(T, &fixture.schema(T), false);
    let calls = vec![
        call(F::CountRows, None, SqlType::BigInt),
        call(F::Sum, Some(1), SqlType::Numeric(Some((38, 0)))),
        call(F::Min, Some(1), SqlType::BigInt),
    ];
    view(aggregate(rows, vec![0], calls))
}

#[test]
fn an_aggregate_follows_inserts_and_deletes() {
    for worker_count in [1, 2, 4] {
        let fixture = table(worker_count);
        fixture.commit(T, vec![texts(&["a", "b", "a"]), longs(&[1, 2, 3])], None, None);
        fixture.install(100, sums(&fixture));
        assert_eq!(fixture.rows(100), ["a 2 4 1", "b 1 2 2"]);
        fixture.commit(T, vec![texts(&["c"]), longs(&[9])], None, None);
        assert_eq!(fixture.rows(100), ["a 2 4 1", "b 1 2 2", "c 1 9 9"]);
        let gone = vec![texts(&["a", "b"]), longs(&[1, 2])];
        fixture.commit(T, gone, Some(vec![-1, -1]), None);
        assert_eq!(fixture.rows(100), ["a 1 3 3", "c 1 9 9"]);
    }
}

#[test]
fn a_row_wise_view_loses_the_row_wherever_it_was_added() {
    for worker_count in [1, 2, 4] {
        let fixture = table(worker_count);
        let rows = input(T, &fixture.schema(T), false);
        let large = binary(column(&rows, 1), Binary::Gt, literal(1_i64));
        fixture.install(100, view(filter(rows, large)));
        let values: Vec<i64> = (0..2000).collect();
        let keys = vec!["k"; 2000];
        fixture.commit(T, vec![texts(&keys), longs(&values)], None, None);
        assert_eq!(fixture.rows(100).len(), 1998);
        // In another batch, in another order: dealt out to other workers.
        for value in values.iter().rev().take(1990) {
            fixture.commit(T, vec![texts(&["k"]), longs(&[*value])], Some(vec![-1]), None);
        }
        assert_eq!(fixture.rows(100).len(), 8);
    }
}

#[test]
fn errors_are_rows_that_can_be_taken_back() {
    let fixture = table(2);
    let rows = input(T, &fixture.schema(T), false);
    let quotient = binary(literal(12_i64), Binary::Divide, column(&rows, 1));
    let plan = project(
        rows.clone(),
        vec![(column(&rows, 0), "k", SqlType::Text), (quotient, "q", SqlType::BigInt)],
    );
    fixture.install(100, view(plan));
    fixture.commit(T, vec![texts(&["a", "b", "c"]), longs(&[3, 0, 4])], None, None);
    assert_eq!(fixture.rows(100), ["a 4", "c 3"]);
    let errors = fixture.errors(100);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].contains("22012: division by zero {\"k\": \"b\", \"n\": 0}"), "{errors:?}");
    let update = vec![texts(&["b", "b"]), longs(&[0, 6])];
    fixture.commit(T, update, Some(vec![-1, 1]), None);
    assert_eq!(fixture.rows(100), ["a 4", "b 2", "c 3"]);
    assert!(fixture.errors(100).is_empty());
}

#[test]
fn logic_with_a_certain_operand_does_not_err() {
    let fixture = table(1);
    let rows = input(T, &fixture.schema(T), true);
    let failing = binary(
        binary(literal(1_i64), Binary::Divide, column(&rows, 1)),
        Binary::Gt,
        literal(0_i64),
    );
    let certain = binary(column(&rows, 1), Binary::NotEq, literal(0_i64));
    fixture.install(100, view(filter(rows, binary(failing, Binary::And, certain))));
    fixture.commit(T, vec![texts(&["a", "b"]), longs(&[0, 1])], None, None);
    assert_eq!(fixture.rows(100), ["b 1"]);
    assert!(fixture.errors(100).is_empty());
}

#[test]
fn views_on_views_and_a_diamond_agree_at_every_boundary() {
    for worker_count in [1, 3] {
        let fixture = table(worker_count);
        fixture.commit(T, vec![texts(&["a", "b"]), longs(&[1, 2])], None, None);
        fixture.install(100, sums(&fixture));
        let below = |schema| input(100, schema, false);
        let schema = sums(&fixture).root.schema;
        let total = vec![call(F::Sum, Some(1), SqlType::Numeric(Some((38, 0))))];
        fixture.install(101, view(aggregate(below(&schema), vec![], total)));
        let big =
            filter(below(&schema), binary(column(&below(&schema), 1), Binary::Gt, literal(1_i64)));
        fixture.install(102, view(big));
        assert_eq!(fixture.rows(101), ["2"]);
        fixture.commit(T, vec![texts(&["a", "c"]), longs(&[5, 7])], None, None);
        assert_eq!(fixture.rows(101), ["4"]);
        assert_eq!(fixture.rows(102), ["a 2 6 1"]);
        // The diamond: both arms joined.
        let arms = join(
            (below(&schema), vec![0]),
            (input(102, &schema, false), vec![0]),
            JoinKind::Left,
            None,
        );
        fixture.install(103, view(arms));
        let both =
            ["a 2 6 1 a 2 6 1", "b 1 2 2 NULL NULL NULL NULL", "c 1 7 7 NULL NULL NULL NULL"];
        assert_eq!(fixture.rows(103), both);
        fixture.commit(T, vec![texts(&["c", "a"]), longs(&[8, 1])], Some(vec![1, -1]), None);
        let both =
            ["a 1 5 5 NULL NULL NULL NULL", "b 1 2 2 NULL NULL NULL NULL", "c 2 15 7 c 2 15 7"];
        assert_eq!(fixture.rows(103), both);
    }
}

#[test]
fn a_restart_with_other_workers_gives_the_same_contents() {
    let mut fixture = table(2);
    for value in 0..500 {
        let key = ["x", "y", "z"][value as usize % 3];
        fixture.commit(T, vec![texts(&[key]), longs(&[value])], None, None);
    }
    fixture.install(100, sums(&fixture));
    fixture.commit(T, vec![texts(&["x"]), longs(&[0])], Some(vec![-1]), None);
    let before = fixture.rows(100);
    for worker_count in [1, 3] {
        fixture.worker_count = worker_count;
        let install = fixture.install_of(100, sums(&fixture));
        fixture.start(vec![Action::Install(Box::new(install))]);
        fixture.wait_live(100);
        assert_eq!(fixture.rows(100), before);
    }
    fixture.commit(T, vec![texts(&["w"]), longs(&[1])], None, None);
    assert_eq!(fixture.rows(100)[0], "w 1 1 1");
}

#[test]
fn an_aggregate_without_keys_has_one_row_from_the_start() {
    for worker_count in [1, 4] {
        let fixture = table(worker_count);
        let rows = input(T, &fixture.schema(T), false);
        let calls =
            vec![call(F::CountRows, None, SqlType::BigInt), call(F::Max, Some(1), SqlType::BigInt)];
        fixture.install(100, view(aggregate(rows, vec![], calls)));
        assert_eq!(fixture.rows(100), ["0 NULL"]);
        fixture.commit(T, vec![texts(&["a"]), longs(&[3])], None, None);
        assert_eq!(fixture.rows(100), ["1 3"]);
        fixture.commit(T, vec![texts(&["a"]), longs(&[3])], Some(vec![-1]), None);
        assert_eq!(fixture.rows(100), ["0 NULL"]);
    }
}

#[test]
fn writers_that_run_meanwhile_are_neither_lost_nor_doubled() {
    for worker_count in [1, 2] {
        let fixture = table(worker_count);
        let values: Vec<i64> = (0..5000).collect();
        let keys = vec!["k"; 5000];
        fixture.commit(T, vec![texts(&keys), longs(&values)], None, None);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for value in 0..2000 {
                    fixture.commit(T, vec![texts(&["k"]), longs(&[value])], None, None);
                }
            });
            for version in 100..105 {
                fixture.install(version, sums(&fixture));
            }
            writer.join().unwrap();
        });
        let sum = 4999 * 5000 / 2 + 1999 * 2000 / 2;
        for version in 100..105 {
            assert_eq!(fixture.rows(version), [format!("k 7000 {sum} 0")]);
        }
    }
}
