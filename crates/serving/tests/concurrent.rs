//! Readers while a writer writes: every read is one consistent cut.
//!
//! The writer moves amounts between accounts, so that the sum over all rows is the same at every
//! boundary, however rows are appended, replaced, merged and forgotten meanwhile.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests and examples fail by panicking, and tell their story in one place"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use fastrand::Rng;
use kappa_serving::{Error, LockSet, Slot, Store, TableContents, ViewOptions};
use kappa_types::{DeltaBatch, Timestamp, VersionId};

const ACCOUNT_COUNT: usize = 500;
const STEP_COUNT: u64 = 4000;

fn schema() -> SchemaRef {
    let field = |name| Field::new(name, DataType::Int64, true);
    Arc::new(Schema::new(vec![field("account"), field("amount")]))
}

fn rows(pairs: &[(usize, i64)]) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(pairs.iter().map(|(account, _)| *account as i64))),
        Arc::new(Int64Array::from_iter_values(pairs.iter().map(|(_, amount)| *amount))),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn amounts(batches: &[RecordBatch]) -> (usize, i64) {
    batches.iter().fold((0, 0), |(count, sum), batch| {
        let amounts = batch.column(1).as_primitive::<Int64Type>().values();
        (count + batch.num_rows(), sum + amounts.iter().sum::<i64>())
    })
}

fn options() -> ViewOptions {
    ViewOptions {
        rows: schema(),
        errors: schema(),
        late: schema(),
        key: Some(vec![0]),
        shard_count: 1,
    }
}

fn read_until(store: &Store, done: &AtomicBool, seed: u64) -> usize {
    let contents = store.get(VersionId(1)).unwrap();
    let mut rng = Rng::with_seed(seed);
    let mut read_count = 0;
    while !done.load(Ordering::SeqCst) {
        let pin =
            store.wait_for_boundary_blocking(store.boundary(), Duration::from_secs(10)).unwrap();
        for _ in 0..rng.usize(1..4) {
            let cut = contents.rows.scan(pin.time(), None, &[]).unwrap();
            assert_eq!(amounts(&cut), (ACCOUNT_COUNT, 0), "at {}", pin.time());
            let account = Int64Array::from(vec![rng.i64(0..ACCOUNT_COUNT as i64)]);
            let found = contents.rows.lookup(pin.time(), &[Arc::new(account)]).unwrap();
            assert_eq!(found.num_rows(), 1);
            read_count += 1;
        }
    }
    read_count
}

/// Runs readers beside `write`, which is called with each time and publishes nothing itself.
fn beside_readers(write: impl FnOnce(&Store)) {
    let store = Store::default();
    let done = AtomicBool::new(false);
    let contents = store.create(VersionId(1), &options());
    let zero: Vec<(usize, i64)> = (0..ACCOUNT_COUNT).map(|account| (account, 0)).collect();
    let mut slots = Vec::new();
    contents.rows.append(0, Timestamp(1), &rows(&zero), Some(&mut slots)).unwrap();
    assert_eq!(slots.len(), ACCOUNT_COUNT);
    store.publish(Timestamp(1));
    thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|seed| {
                scope.spawn({
                    let (store, done) = (&store, &done);
                    move || read_until(store, done, seed)
                })
            })
            .collect();
        write(&store);
        done.store(true, Ordering::SeqCst);
        for reader in readers {
            assert!(reader.join().unwrap() > 0, "each reader has read");
        }
    });
    let cut = contents.rows.scan(Timestamp(STEP_COUNT), None, &[]).unwrap();
    assert_eq!(amounts(&cut), (ACCOUNT_COUNT, 0));
}

/// Pairs of an account and its new amount; the sum of all stays.
fn transfer(rng: &mut Rng, amounts: &mut [i64]) -> Vec<usize> {
    let mut accounts: Vec<usize> = (0..ACCOUNT_COUNT).collect();
    rng.shuffle(&mut accounts);
    accounts.truncate(2 * rng.usize(1..20));
    for pair in accounts.chunks(2) {
        let amount = rng.i64(1..100);
        amounts[pair[0]] -= amount;
        amounts[pair[1]] += amount;
    }
    accounts
}

#[test]
fn every_read_is_one_cut_while_rows_are_replaced_by_slot() {
    beside_readers(|store| {
        let contents = store.get(VersionId(1)).unwrap();
        let mut rng = Rng::with_seed(9);
        let mut amounts = vec![0; ACCOUNT_COUNT];
        for time in 2..=STEP_COUNT {
            let accounts = transfer(&mut rng, &mut amounts);
            // The first append gave the slots from 0 on.
            let slots: Vec<Slot> = accounts.iter().map(|account| Slot(*account as u32)).collect();
            let new: Vec<_> =
                accounts.iter().map(|account| (*account, amounts[*account])).collect();
            contents.rows.update(0, Timestamp(time), &slots, &rows(&new)).unwrap();
            store.publish(Timestamp(time));
        }
    });
}

#[test]
fn every_read_is_one_cut_while_changes_are_applied() {
    beside_readers(|store| {
        let contents = store.get(VersionId(1)).unwrap();
        let mut rng = Rng::with_seed(10);
        let mut amounts = vec![0; ACCOUNT_COUNT];
        for time in 2..=STEP_COUNT {
            let before = amounts.clone();
            let accounts = transfer(&mut rng, &mut amounts);
            let old = accounts.iter().map(|account| (*account, before[*account]));
            let new = accounts.iter().map(|account| (*account, amounts[*account]));
            let both: Vec<_> = old.chain(new).collect();
            let diffs = [vec![-1; accounts.len()], vec![1; accounts.len()]].concat();
            let delta =
                DeltaBatch::new(Timestamp(time), rows(&both), Some(Int64Array::from(diffs)));
            contents.rows.apply(0, &[delta]).unwrap();
            if rng.bool() {
                store.publish(Timestamp(time));
            }
        }
        store.publish(Timestamp(STEP_COUNT));
    });
}

#[test]
fn locked_increments_are_not_lost() {
    let store = Store::default();
    let table = store.create_table(VersionId(2), &schema(), Some(vec![0]));
    let zero: Vec<(usize, i64)> = (0..4).map(|account| (account, 0)).collect();
    table.apply(&[DeltaBatch::insert(Timestamp(1), rows(&zero))]).unwrap();
    // The order of commits: the time of the next, under its lock.
    let order = parking_lot::Mutex::new(2_u64);
    let increment = |rng: &mut Rng| {
        let account = rng.usize(..4);
        let key: ArrayRef = Arc::new(Int64Array::from(vec![account as i64]));
        let mut locks = table.lock_set();
        if rng.u8(..10) == 0 {
            locks.lock_table_blocking(Duration::from_secs(30)).unwrap();
        } else {
            let hashes = TableContents::key_hashes(std::slice::from_ref(&key));
            locks.lock_keys_blocking(&hashes, Duration::from_secs(30)).unwrap();
        }
        let (_, amount) = amounts(&[table.head_rows(&[key]).unwrap()]);
        let both = rows(&[(account, amount), (account, amount + 1)]);
        let mut time = order.lock();
        let diffs = Int64Array::from(vec![-1, 1]);
        table.apply(&[DeltaBatch::new(Timestamp(*time), both, Some(diffs))]).unwrap();
        *time += 1;
    };
    thread::scope(|scope| {
        for seed in 0..4 {
            let increment = &increment;
            scope.spawn(move || {
                let mut rng = Rng::with_seed(seed);
                (0..300).for_each(|_| increment(&mut rng));
            });
        }
    });
    assert_eq!(amounts(&table.head().unwrap()), (4, 1200));
}

fn table() -> Arc<TableContents> {
    Store::default().create_table(VersionId(3), &schema(), Some(vec![0]))
}

fn lock(set: &mut LockSet, keys: &[u64]) -> Result<(), Error> {
    set.lock_keys_blocking(keys, Duration::ZERO)
}

#[test]
fn locks_exclude_others_and_not_oneself() {
    let table = table();
    let (mut one, mut two) = (table.lock_set(), table.lock_set());
    lock(&mut one, &[1, 2, 2]).unwrap();
    lock(&mut one, &[2, 3]).unwrap();
    lock(&mut two, &[4]).unwrap();
    assert_eq!(lock(&mut two, &[5, 3]), Err(Error::LockTimeout));
    // A failed attempt holds nothing.
    lock(&mut one, &[5]).unwrap();
    assert_eq!(one.lock_table_blocking(Duration::ZERO), Err(Error::LockTimeout));
    drop(two);
    one.lock_table_blocking(Duration::ZERO).unwrap();
    let mut three = table.lock_set();
    assert_eq!(lock(&mut three, &[99]), Err(Error::LockTimeout));
    lock(&mut one, &[99]).unwrap();
    drop(one);
    lock(&mut three, &[1, 2, 3, 5, 99]).unwrap();
}

#[test]
fn too_many_keys_become_the_table() {
    let table = table();
    let (mut one, mut two) = (table.lock_set(), table.lock_set());
    let keys: Vec<u64> = (0..=kappa_serving::KEY_COUNT_MAX as u64).collect();
    lock(&mut one, &keys).unwrap();
    assert_eq!(lock(&mut two, &[u64::MAX]), Err(Error::LockTimeout));
}

#[tokio::test]
async fn a_task_gets_a_lock_when_it_is_released() {
    let table = table();
    let (mut one, mut two) = (table.lock_set(), table.lock_set());
    lock(&mut one, &[1]).unwrap();
    assert_eq!(two.lock_keys(&[1], Duration::from_millis(1)).await, Err(Error::LockTimeout));
    let (release, waits) = tokio::join!(
        async {
            tokio::task::yield_now().await;
            drop(one);
        },
        two.lock_keys(&[1], Duration::from_secs(30)),
    );
    assert_eq!((release, waits), ((), Ok(())));
}

#[tokio::test]
async fn a_task_gets_a_boundary_when_it_is_published() {
    let store = Store::default();
    let early = store.wait_for_boundary(Timestamp(5), Duration::from_millis(1)).await;
    assert!(matches!(early, Err(Error::BoundaryTimeout { .. })));
    let (_, pin) = tokio::join!(
        async {
            tokio::task::yield_now().await;
            store.publish(Timestamp(7));
        },
        store.wait_for_boundary(Timestamp(5), Duration::from_secs(30)),
    );
    assert_eq!(pin.unwrap().time(), Timestamp(7));
}
