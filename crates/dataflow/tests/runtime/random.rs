//! Random plans over random changes, against the naive evaluator. A seed is one run: the same plan,
//! live from the start, hydrated in the middle and at the end, with several numbers of workers.

use arrow::array::Array;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator as Binary;
use fastrand::Rng;
use kappa_plan::{Aggregate, AggregateFunction as F, JoinKind, Node, Operator, Properties, Window};
use kappa_types::SqlType;

use crate::fixture::{Fixture, sorted};
use crate::model::{Database, Row, batch, rows_of};
use crate::plan::{
    aggregate, binary, call, column, filter, input, join, literal, project, view, window_aggregate,
};

/// Runs of one test; more on demand with `RANDOM_PLANS=1000`.
const SEED_COUNT: u64 = 24;

const COLUMNS: [(&str, SqlType); 5] = [
    ("k", SqlType::Text),
    ("g", SqlType::BigInt),
    ("n", SqlType::BigInt),
    ("f", SqlType::Double),
    ("at", SqlType::Timestamp),
];

fn row(rng: &mut Rng) -> Row {
    let keys = ["", "a", "b", "a key that is too long to stand inline"];
    let key = rng.choice(keys).map(str::to_owned);
    let some = |rng: &mut Rng| rng.u8(0..8) > 0;
    let n = match rng.u8(0..16) {
        0 => i64::MAX / 1000,
        1 => i64::MIN / 1000,
        _ => rng.i64(-20..20),
    };
    // Multiples of a quarter add up exactly.
    let f = match rng.u8(0..12) {
        0 => f64::NAN,
        1 => f64::INFINITY,
        2 => -0.0,
        _ => rng.i32(-40..40) as f64 / 4.0,
    };
    vec![
        ScalarValue::Utf8View(key.filter(|_| some(rng))),
        ScalarValue::Int64(some(rng).then(|| rng.i64(0..6))),
        ScalarValue::Int64(some(rng).then_some(n)),
        ScalarValue::Float64(some(rng).then_some(f)),
        ScalarValue::TimestampMicrosecond(some(rng).then(|| rng.i64(-30..60)), None),
    ]
}

fn of_type(node: &Node, rng: &mut Rng, wanted: &SqlType) -> Option<usize> {
    let fields = node.schema.fields();
    let fits = (0..fields.len()).filter(|i| *fields[*i].data_type() == wanted.arrow());
    rng.choice(fits.collect::<Vec<_>>())
}

fn some_columns(node: &Node, rng: &mut Rng, count_max: usize) -> Vec<usize> {
    let mut columns: Vec<usize> = (0..node.schema.fields().len()).collect();
    rng.shuffle(&mut columns);
    columns.truncate(rng.usize(0..=count_max));
    columns
}

fn calls(node: &Node, rng: &mut Rng) -> Vec<Aggregate> {
    let numeric = SqlType::Numeric(Some((38, 0)));
    let average = SqlType::Numeric(Some((38, 6)));
    let mut calls = Vec::new();
    for _ in 0..rng.usize(0..4) {
        let long = of_type(node, rng, &SqlType::BigInt);
        let float = of_type(node, rng, &SqlType::Double);
        let text = of_type(node, rng, &SqlType::Text);
        let mut made = match rng.u8(0..8) {
            0 => call(F::CountRows, None, SqlType::BigInt),
            1 if long.is_some() => call(F::Sum, long, numeric.clone()),
            2 if long.is_some() => call(F::Avg, long, average.clone()),
            3 if float.is_some() => call(F::Sum, float, SqlType::Double),
            4 if float.is_some() => call(F::Max, float, SqlType::Double),
            5 if text.is_some() => call(F::Min, text, SqlType::Text),
            6 if long.is_some() => call(F::Min, long, SqlType::BigInt),
            _ => call(F::Count, Some(rng.usize(0..node.schema.fields().len())), SqlType::BigInt),
        };
        made.distinct = made.argument.is_some() && rng.bool();
        made.name = format!("c{}", calls.len());
        calls.push(made);
    }
    calls
}

/// A random plan; `depth` bounds it.
fn plan(fixture: &Fixture, rng: &mut Rng, depth: usize, append_only: bool) -> Node {
    if depth == 0 {
        let id = rng.u32(1..=2);
        return input(id, &fixture.schema(id), append_only);
    }
    let below = plan(fixture, rng, depth - 1, append_only);
    match rng.u8(0..8) {
        0 => {
            let Some(long) = of_type(&below, rng, &SqlType::BigInt) else { return below };
            let predicate = binary(column(&below, long), Binary::Gt, literal(rng.i64(-10..10)));
            filter(below, predicate)
        }
        1 => {
            let mut columns = some_columns(&below, rng, 3);
            columns.push(0);
            let names: Vec<String> = (0..columns.len()).map(|index| format!("p{index}")).collect();
            let expressions = columns.iter().zip(&names).map(|(index, name)| {
                let kind = SqlType::of_field(below.schema.field(*index)).unwrap();
                (column(&below, *index), name.as_str(), kind)
            });
            let expressions = expressions.collect();
            project(below.clone(), expressions)
        }
        2 | 3 => {
            let keys = some_columns(&below, rng, 3);
            let mut calls = calls(&below, rng);
            if keys.is_empty() && calls.is_empty() {
                calls.push(call(F::CountRows, None, SqlType::BigInt));
            }
            aggregate(below, keys, calls)
        }
        4 => {
            let Some(time) = of_type(&below, rng, &SqlType::Timestamp) else { return below };
            let window = if rng.bool() {
                Window::Tumble { size_micros: 10, offset_micros: 0 }
            } else {
                Window::Hop { slide_micros: 5, size_micros: 15, offset_micros: 0 }
            };
            let keys = some_columns(&below, rng, 2);
            let calls = calls(&below, rng);
            window_aggregate(below, time, window, keys, calls)
        }
        5 | 6 => {
            let other_depth = rng.usize(0..depth);
            let other = plan(fixture, rng, other_depth, append_only);
            let kind = if rng.bool() { SqlType::BigInt } else { SqlType::Text };
            let keys = (of_type(&below, rng, &kind), of_type(&other, rng, &kind));
            let (Some(left), Some(right)) = keys else { return below };
            let join_kind = if rng.bool() { JoinKind::Inner } else { JoinKind::Left };
            let joined = join((below, vec![left]), (other, vec![right]), join_kind, None);
            if rng.bool() {
                return joined;
            }
            let Some(long) = of_type(&joined, rng, &SqlType::BigInt) else { return joined };
            let residual = binary(column(&joined, long), Binary::Lt, literal(rng.i64(-5..15)));
            let Operator::Join { left, right, kind, .. } = joined.operator else { unreachable!() };
            let arranged = |node: Box<Node>| match node.operator {
                Operator::Arrange { input, key } => (*input, key),
                _ => unreachable!(),
            };
            join(arranged(left), arranged(right), kind, Some(residual))
        }
        _ => {
            let both = vec![below.clone(), below.clone()];
            let properties =
                Properties { append_only: below.properties.append_only, ..Properties::default() };
            Node {
                schema: below.schema.clone(),
                operator: Operator::Union { inputs: both },
                properties,
            }
        }
    }
}

/// Changes the database and commits the change.
fn change(fixture: &Fixture, rng: &mut Rng, database: &mut Database, append_only: bool) {
    let id = rng.u32(1..=2);
    let rows = database.get_mut(&id).unwrap();
    let (mut changed, mut diffs) = (Vec::new(), Vec::new());
    for _ in 0..rng.usize(1..30) {
        if !append_only && !rows.is_empty() && rng.bool() {
            changed.push(rows.swap_remove(rng.usize(0..rows.len())));
            diffs.push(-1);
        }
        if rows.len() < 120 {
            let new = row(rng);
            rows.push(new.clone());
            changed.push(new);
            diffs.push(1);
        }
    }
    if changed.is_empty() {
        return;
    }
    let columns = batch(&fixture.schema(id), &changed).columns().to_vec();
    assert!(columns.iter().all(|column| column.len() == diffs.len()));
    fixture.commit(id, columns, (!append_only).then_some(diffs), None);
}

fn compare(fixture: &Fixture, version: u32, root: &Node, database: &Database, seed: u64) {
    let expected = batch(&root.schema, &rows_of(root, database));
    let shown = |rows: Vec<String>| -> Vec<String> {
        let mut rows: Vec<String> =
            rows.into_iter().map(|row| row.replace("-0.0", "0.0")).collect();
        rows.sort();
        rows
    };
    let (actual, expected) = (shown(fixture.rows(version)), shown(sorted(&[expected])));
    let plan = view(root.clone());
    assert!(
        actual == expected,
        "seed {seed}, {} workers, version {version}\n{plan}\n actual {actual:#?}\n expected {expected:#?}",
        fixture.worker_count
    );
    assert!(fixture.errors(version).is_empty(), "seed {seed}");
}

fn run(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let append_only = rng.u8(0..4) == 0;
    let worker_count = rng.choice([1, 2, 4]).unwrap();
    let mut fixture = Fixture::new(worker_count);
    fixture.relation(1, &COLUMNS);
    fixture.relation(2, &COLUMNS);
    let depth = rng.usize(1..4);
    let root = plan(&fixture, &mut rng, depth, append_only);
    let mut database = Database::from([(1, Vec::new()), (2, Vec::new())]);
    fixture.install(100, view(root.clone()));
    // A view above it sees every change of it.
    let above = input(100, &root.schema, root.properties.append_only);
    if rng.bool() {
        fixture.install(110, view(above));
    }
    compare(&fixture, 100, &root, &database, seed);
    for round in 0..6 {
        for _ in 0..rng.usize(1..4) {
            change(&fixture, &mut rng, &mut database, append_only);
        }
        if round == 2 {
            fixture.install(101, view(root.clone()));
        }
        compare(&fixture, 100, &root, &database, seed);
        if fixture.runtime().progress(kappa_types::VersionId(110)).is_some() {
            assert_eq!(fixture.rows(110), fixture.rows(100), "seed {seed}");
        }
    }
    fixture.install(102, view(root.clone()));
    compare(&fixture, 101, &root, &database, seed);
    compare(&fixture, 102, &root, &database, seed);
}

#[test]
fn random_plans_agree_with_the_naive_evaluator() {
    let count = std::env::var("RANDOM_PLANS").map_or(SEED_COUNT, |count| count.parse().unwrap());
    let first = std::env::var("RANDOM_SEED").map_or(0, |seed| seed.parse().unwrap());
    for seed in first..first + count {
        run(seed);
    }
}
