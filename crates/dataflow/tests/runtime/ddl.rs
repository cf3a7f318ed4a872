//! DDL records of these tests: a number under which the actions were left.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bytes::Bytes;
use kappa_dataflow::Action;
use kappa_log::Commit;
use kappa_types::Timestamp;

use crate::fixture::Fixture;

static LEFT: Mutex<BTreeMap<u64, Vec<Action>>> = Mutex::new(BTreeMap::new());

/// The actions that a record stands for; none for a record of another run.
pub(crate) fn actions(record: &Bytes) -> Vec<Action> {
    let number = u64::from_le_bytes(record.as_ref().try_into().unwrap());
    LEFT.lock().unwrap().remove(&number).unwrap_or_default()
}

/// Commits a record that stands for `actions`.
pub(crate) fn commit(fixture: &Fixture, actions: Vec<Action>) -> Timestamp {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    LEFT.lock().unwrap().insert(number, actions);
    let ddl = Some(Bytes::copy_from_slice(&number.to_le_bytes()));
    fixture.log.commit(Commit { ddl, ..Commit::default() }).unwrap()
}

/// Runs `body` while the coordinator stands still at a record, so that what is committed meanwhile
/// waits for it as one heap.
pub(crate) fn held(fixture: &Fixture, body: impl FnOnce()) {
    let left = LEFT.lock().unwrap();
    let ddl = Some(Bytes::copy_from_slice(&u64::MAX.to_le_bytes()));
    fixture.log.commit(Commit { ddl, ..Commit::default() }).unwrap();
    body();
    drop(left);
}
