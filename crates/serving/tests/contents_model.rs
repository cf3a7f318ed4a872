//! Contents against a naive model: a list of rows with counts for every time, by seed.

#![allow(
    clippy::unwrap_used,
    clippy::type_complexity,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests and examples fail by panicking, and tell their story in one place"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringViewArray,
};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef};
use fastrand::Rng;
use kappa_serving::{Contents, ContentsOptions, HEAD, Horizon, Pin, Slot, difference};
use kappa_types::{DeltaBatch, Timestamp};

/// A row as the model has it: equal exactly if contents take it as equal.
type Row = (Option<i64>, Option<String>, Option<u64>);
/// How often each row is there.
type Rows = BTreeMap<Row, i64>;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("number", DataType::Int64, true),
        Field::new("text", DataType::Utf8View, true),
        Field::new("float", DataType::Float64, true),
    ]))
}

fn random_row(rng: &mut Rng, distinct: i64) -> (Option<i64>, Option<String>, Option<f64>) {
    let text = ["", "short", "a text that is longer than twelve bytes"];
    let float = [0.0, -0.0, f64::NAN, -f64::NAN, 1.5, f64::INFINITY];
    (
        (rng.u8(..9) > 0).then(|| rng.i64(0..distinct)),
        (rng.u8(..9) > 0).then(|| (*rng.choice(&text).unwrap()).to_owned()),
        (rng.u8(..9) > 0).then(|| *rng.choice(&float).unwrap()),
    )
}

/// NaN is NaN; -0 and 0 are two rows.
fn canonical(value: f64) -> u64 {
    if value.is_nan() { 1 } else { value.to_bits() }
}

fn batch(rows: &[(Option<i64>, Option<String>, Option<f64>)]) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.0))),
        Arc::new(StringViewArray::from_iter(rows.iter().map(|row| row.1.as_deref()))),
        Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.2))),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn rows_of(batch: &RecordBatch) -> Vec<Row> {
    let numbers = batch.column(0).as_primitive::<Int64Type>();
    let texts = batch.column(1).as_string_view();
    let floats = batch.column(2).as_primitive::<Float64Type>();
    (0..batch.num_rows())
        .map(|row| {
            (
                numbers.is_valid(row).then(|| numbers.value(row)),
                texts.is_valid(row).then(|| texts.value(row).to_owned()),
                floats.is_valid(row).then(|| canonical(floats.value(row))),
            )
        })
        .collect()
}

fn sum(batches: &[RecordBatch]) -> Rows {
    let mut rows = Rows::new();
    batches.iter().flat_map(rows_of).for_each(|row| *rows.entry(row).or_default() += 1);
    rows
}

fn add(rows: &mut Rows, delta: &DeltaBatch) {
    for (index, row) in rows_of(&delta.rows).into_iter().enumerate() {
        *rows.entry(row).or_default() += delta.diff(index);
    }
    rows.retain(|_, count| *count != 0);
}

/// A model with all its past, and what is pinned of it.
struct Model {
    now: Rows,
    past: BTreeMap<Timestamp, Rows>,
    pins: Vec<Pin>,
}

impl Model {
    fn at(&self, time: Timestamp) -> Rows {
        self.past.range(..=time).next_back().map(|(_, rows)| rows.clone()).unwrap_or_default()
    }

    fn check(&self, contents: &Contents, rng: &mut Rng) {
        let head = sum(&contents.scan(HEAD, None, &[]).unwrap());
        assert_eq!(head, self.now);
        let mut last: Option<Timestamp> = None;
        for pin in &self.pins {
            let time = pin.time();
            let expected = self.at(time);
            assert_eq!(sum(&contents.scan(time, None, &[]).unwrap()), expected, "at {time}");
            let count = expected.values().sum::<i64>();
            assert_eq!(contents.row_count(time).unwrap() as i64, count);
            if let Some(last) = last.filter(|last| *last < time) {
                self.check_changes(contents, last, time);
            }
            last = Some(time);
        }
        if contents.key().is_some() {
            let wanted: Vec<i64> = (0..4).map(|_| rng.i64(0..60)).collect();
            let keys: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(wanted.clone()))];
            for time in self.pins.iter().map(Pin::time).chain([HEAD]) {
                let found = sum(&[contents.lookup(time, &keys).unwrap()]);
                let mut expected = self.at(time);
                expected.retain(|row, _| row.0.is_some_and(|number| wanted.contains(&number)));
                assert_eq!(found, expected, "lookup at {time}");
            }
        }
    }

    fn check_changes(&self, contents: &Contents, after: Timestamp, until: Timestamp) {
        let expected = self.at(until);
        let mut net = self.at(after);
        if let Some(delta) = contents.changes_net(after, until).unwrap() {
            assert_eq!(delta.time, until);
            add(&mut net, &delta);
        }
        assert_eq!(net, expected);
        let mut steps = self.at(after);
        for delta in contents.changes(after, until).unwrap() {
            add(&mut steps, &delta);
            assert_eq!(steps, self.at(delta.time), "at {}", delta.time);
        }
        assert_eq!(steps, expected);
    }

    fn step(&mut self, horizon: &Arc<Horizon>, time: Timestamp, rng: &mut Rng) {
        self.past.insert(time, self.now.clone());
        if rng.u8(..4) > 0 {
            horizon.publish(time);
        }
        if rng.u8(..6) == 0 {
            self.pins.push(horizon.pin_newest());
        }
        if rng.u8(..8) == 0 && !self.pins.is_empty() {
            self.pins.remove(rng.usize(..self.pins.len()));
        }
    }
}

fn new(key: Option<Vec<usize>>) -> (Contents, Arc<Horizon>, Model) {
    let horizon = Arc::new(Horizon::default());
    let options = ContentsOptions { key, ..ContentsOptions::new(&schema(), 1) };
    let model = Model { now: Rows::new(), past: BTreeMap::new(), pins: Vec::new() };
    (Contents::new(options, Arc::clone(&horizon)), horizon, model)
}

fn delta(
    time: Timestamp,
    rows: &[(Option<i64>, Option<String>, Option<f64>)],
    diffs: Vec<i64>,
) -> DeltaBatch {
    DeltaBatch::new(time, batch(rows), Some(Int64Array::from(diffs)))
}

/// A row that the model has, in one of the forms that are equal to it.
fn present(rng: &mut Rng, rows: &Rows) -> Option<(Option<i64>, Option<String>, Option<f64>)> {
    let index = rng.usize(..rows.len().max(1));
    let (row, _) = rows.iter().nth(index)?;
    let float = row.2.map(|bits| match (bits, rng.bool()) {
        (1, true) => f64::NAN,
        (1, false) => -f64::NAN,
        (bits, _) => f64::from_bits(bits),
    });
    Some((row.0, row.1.clone(), float))
}

/// Any multiset of changes whose sum leaves no negative count, split over two batches at random.
fn random_changes(rng: &mut Rng, now: &mut Rows, time: Timestamp) -> Vec<DeltaBatch> {
    let mut changes = Vec::new();
    let count_max = if rng.u8(..10) == 0 { 300 } else { 12 };
    for _ in 0..rng.usize(..count_max) {
        let row = match rng.u8(..4) {
            0 | 1 => Some(random_row(rng, 50)),
            _ => present(rng, now),
        };
        let Some(row) = row else { continue };
        let key = (row.0, row.1.clone(), row.2.map(canonical));
        let count = now.entry(key).or_default();
        let diff = if *count > 0 && rng.bool() { -rng.i64(1..=*count) } else { rng.i64(1..4) };
        *count += diff;
        changes.push((row.clone(), diff));
        if rng.u8(..8) == 0 {
            // Comes and goes at once, in either order.
            changes.push((row.clone(), -1));
            changes.push((row, 1));
        }
    }
    now.retain(|_, count| *count != 0);
    rng.shuffle(&mut changes);
    let cut = rng.usize(..=changes.len());
    let part = |changes: &[((Option<i64>, Option<String>, Option<f64>), i64)]| {
        let rows: Vec<_> = changes.iter().map(|change| change.0.clone()).collect();
        delta(time, &rows, changes.iter().map(|change| change.1).collect())
    };
    vec![part(&changes[..cut]), part(&changes[cut..])]
}

#[test]
fn multiset_equals_model() {
    for seed in 0..4 {
        let mut rng = Rng::with_seed(seed);
        let (contents, horizon, mut model) = new(None);
        for step in 1..400 {
            let time = Timestamp(step * 10);
            let changes = random_changes(&mut rng, &mut model.now, time);
            contents.apply(0, &changes).unwrap();
            model.step(&horizon, time, &mut rng);
            if step % 7 == 0 {
                model.check(&contents, &mut rng);
            }
            if step % 50 == 0 {
                contents.compact(time).unwrap();
                model.check(&contents, &mut rng);
            }
        }
    }
}

#[test]
fn keyed_equals_model() {
    for seed in 100..108 {
        let mut rng = Rng::with_seed(seed);
        let (contents, horizon, mut model) = new(Some(vec![0]));
        for step in 1..400 {
            let time = Timestamp(step * 10);
            let mut rows = Vec::new();
            let mut diffs = Vec::new();
            let mut numbers: Vec<i64> = (0..60).collect();
            rng.shuffle(&mut numbers);
            for number in &numbers[..rng.usize(..20)] {
                let old = model.now.keys().find(|row| row.0 == Some(*number)).cloned();
                if let Some(old) = old {
                    model.now.remove(&old);
                    rows.push((
                        old.0,
                        old.1,
                        old.2.map(|bits| match bits {
                            1 => f64::NAN,
                            bits => f64::from_bits(bits),
                        }),
                    ));
                    diffs.push(-1);
                }
                if rng.u8(..4) > 0 {
                    let mut new = random_row(&mut rng, 50);
                    new.0 = Some(*number);
                    model.now.insert((new.0, new.1.clone(), new.2.map(canonical)), 1);
                    rows.push(new);
                    diffs.push(1);
                }
            }
            contents.apply(0, &[delta(time, &rows, diffs)]).unwrap();
            model.step(&horizon, time, &mut rng);
            if step % 7 == 0 {
                model.check(&contents, &mut rng);
            }
        }
    }
}

#[test]
fn slots_equal_model() {
    for seed in 200..208 {
        let mut rng = Rng::with_seed(seed);
        let (contents, horizon, mut model) = new(Some(vec![0]));
        let mut held: BTreeMap<i64, (Slot, Row)> = BTreeMap::new();
        for step in 1..400 {
            let time = Timestamp(step * 10);
            let mut numbers: Vec<i64> = (0..60).collect();
            rng.shuffle(&mut numbers);
            numbers.truncate(rng.usize(..25));
            let (mut added, mut updated, mut retracted) = (Vec::new(), Vec::new(), Vec::new());
            for number in numbers {
                let mut row = random_row(&mut rng, 50);
                row.0 = Some(number);
                match held.contains_key(&number) {
                    false => added.push(row),
                    true if rng.u8(..4) == 0 => retracted.push(number),
                    true => updated.push(row),
                }
            }
            let mut note = |held: &mut BTreeMap<i64, (Slot, Row)>,
                            row: &(Option<i64>, Option<String>, Option<f64>),
                            slot| {
                let row: Row = (row.0, row.1.clone(), row.2.map(canonical));
                model.now.insert(row.clone(), 1);
                if let Some((_, old)) = held.insert(row.0.unwrap(), (slot, row.clone()))
                    && old != row
                {
                    model.now.remove(&old);
                }
            };
            let slots: Vec<Slot> = updated.iter().map(|row| held[&row.0.unwrap()].0).collect();
            contents.update(0, time, &slots, &batch(&updated)).unwrap();
            updated.iter().zip(slots).for_each(|(row, slot)| note(&mut held, row, slot));
            let mut slots = Vec::new();
            contents.append(0, time, &batch(&added), Some(&mut slots)).unwrap();
            added.iter().zip(slots).for_each(|(row, slot)| note(&mut held, row, slot));
            let gone: Vec<(Slot, Row)> =
                retracted.iter().map(|number| held.remove(number).unwrap()).collect();
            let slots: Vec<Slot> = gone.iter().map(|(slot, _)| *slot).collect();
            contents.retract(0, time, &slots).unwrap();
            gone.iter().for_each(|(_, row)| {
                model.now.remove(row);
            });
            model.step(&horizon, time, &mut rng);
            if step % 7 == 0 {
                model.check(&contents, &mut rng);
            }
        }
    }
}

#[test]
fn difference_turns_old_into_new() {
    for seed in 300..310 {
        let mut rng = Rng::with_seed(seed);
        let (old, _, mut old_model) = new(None);
        let (new, _, mut new_model) = new(None);
        for step in 1..60 {
            let time = Timestamp(step);
            let changes = random_changes(&mut rng, &mut old_model.now, time);
            old.apply(0, &changes).unwrap();
            // The new one has most of it too, and something of its own.
            if rng.u8(..8) > 0 {
                let mut rows = std::mem::take(&mut new_model.now);
                let fits = changes.iter().all(|delta| {
                    add(&mut rows, delta);
                    true
                }) && rows.values().all(|count| *count > 0);
                if fits {
                    new.apply(0, &changes).unwrap();
                } else {
                    changes.iter().for_each(|delta| {
                        let back = delta.diffs.as_ref().unwrap().values().iter().map(|diff| -diff);
                        let back = Int64Array::from_iter_values(back);
                        add(&mut rows, &DeltaBatch::new(time, delta.rows.clone(), Some(back)));
                    });
                }
                new_model.now = rows;
            }
            let changes = random_changes(&mut rng, &mut new_model.now, time);
            new.apply(0, &changes).unwrap();
        }
        let mut rows = old_model.now.clone();
        let batches = difference(&old, HEAD, &new, HEAD).unwrap();
        batches.iter().for_each(|delta| add(&mut rows, delta));
        assert_eq!(rows, new_model.now);
        let mut back = Rows::new();
        for delta in &batches {
            for (index, row) in rows_of(&delta.rows).into_iter().enumerate() {
                let count = back.entry(row).or_default();
                assert!(*count == 0 || count.signum() == delta.diff(index).signum());
                *count += delta.diff(index);
            }
        }
    }
}
