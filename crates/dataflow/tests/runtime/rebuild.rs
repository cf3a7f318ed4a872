//! Shadows and flips.

use kappa_dataflow::{Action, Flip, Phase};
use kappa_plan::{AggregateFunction as F, ViewPlan};
use kappa_types::{RelationId, SqlType, VersionId};

use crate::fixture::Fixture;
use crate::live::{T, longs};
use crate::plan::{aggregate, binary, call, column, filter, input, literal, view};
use datafusion::logical_expr::Operator as Binary;

fn above(fixture: &Fixture, least: i64) -> ViewPlan {
    let rows = input(T, &fixture.schema(T), false);
    let large = binary(column(&rows, 1), Binary::GtEq, literal(least));
    view(filter(rows, large))
}

fn text(value: &str, count: usize) -> arrow::array::ArrayRef {
    std::sync::Arc::new(arrow::array::StringViewArray::from(vec![value; count]))
}

#[test]
fn a_flip_feeds_dependents_exactly_the_difference() {
    for worker_count in [1, 2] {
        let fixture = crate::live::table(worker_count);
        let values: Vec<i64> = (0..1000).collect();
        fixture.commit(T, vec![text("k", 1000), longs(&values)], None, None);
        fixture.install(100, above(&fixture, 500));
        let rows = input(100, &fixture.schema(T), false);
        let calls = vec![call(F::CountRows, None, SqlType::BigInt)];
        fixture.install(200, view(aggregate(rows, vec![0], calls)));
        assert_eq!(fixture.rows(200), ["k 500"]);
        let rows_in = fixture.runtime().progress(VersionId(200)).unwrap().rows_in;

        let mut shadow = fixture.install_of(101, above(&fixture, 490));
        // The columns of the relation keep their ids.
        shadow.columns = fixture.install_of(100, above(&fixture, 500)).columns;
        fixture.runtime().execute(vec![Action::Install(Box::new(shadow))]).unwrap();
        fixture.wait_live(101);
        let flip = Flip { relation: RelationId(100), old: VersionId(100), new: VersionId(101) };
        let actions =
            vec![Action::Flip { pairs: vec![flip] }, Action::Remove { version: VersionId(100) }];
        crate::ddl::commit(&fixture, actions);
        assert_eq!(fixture.rows(200), ["k 510"]);
        let now = fixture.runtime().progress(VersionId(200)).unwrap().rows_in;
        assert_eq!(now - rows_in, 10, "only the difference went in");
        // From now on the new version is followed.
        fixture.commit(T, vec![text("k", 2), longs(&[1000, 495])], None, None);
        assert_eq!(fixture.rows(200), ["k 512"]);
        assert!(fixture.runtime().progress(VersionId(100)).is_none());
    }
}

#[test]
fn a_hydration_can_be_held_and_dropped() {
    let fixture = crate::live::table(1);
    let values: Vec<i64> = (0..1000).collect();
    fixture.commit(T, vec![text("k", 1000), longs(&values)], None, None);
    let mut install = fixture.install_of(100, above(&fixture, 0));
    install.paused = true;
    fixture.runtime().execute(vec![Action::Install(Box::new(install))]).unwrap();
    let progress = fixture.runtime().progress(VersionId(100)).unwrap();
    assert_eq!(progress.phase, Phase::Paused);
    fixture.runtime().execute(vec![Action::Resume { version: VersionId(100) }]).unwrap();
    fixture.wait_live(100);
    assert_eq!(fixture.rows(100).len(), 1000);

    let mut install = fixture.install_of(101, above(&fixture, 0));
    install.rate_limit = Some(1);
    fixture.runtime().execute(vec![Action::Install(Box::new(install))]).unwrap();
    fixture.runtime().execute(vec![Action::Remove { version: VersionId(101) }]).unwrap();
    assert!(fixture.runtime().progress(VersionId(101)).is_none());
    fixture.commit(T, vec![text("k", 1), longs(&[7])], None, None);
    assert_eq!(fixture.rows(100).len(), 1001);
}
