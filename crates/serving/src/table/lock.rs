//! [`KeyLocks`]: who may change which rows of a table.
//!
//! The one idea: a key is locked by its 64-bit hash. Two keys with one hash exclude each other, which
//! costs a wait once in a while and is never wrong. A lock on the table excludes all other sets.
//!
//! Waiting is bounded by the caller's timeout; that is also what ends a deadlock. There is no queue:
//! whoever comes when a lock is free gets it.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use crate::Error;

/// Most keys that one set locks one by one; beyond, it locks the table.
pub const KEY_COUNT_MAX: usize = 10_000;

/// The locks of one table.
#[derive(Debug, Default)]
pub struct KeyLocks {
    state: Mutex<State>,
    /// Wakes blocked threads.
    released: Condvar,
    /// Wakes tasks.
    released_async: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Which set holds each key.
    keys: HashMap<u64, u64>,
    /// Which set holds the table.
    table: Option<u64>,
    /// How many sets hold keys, so that a table lock need not look at them all.
    holders: HashMap<u64, usize>,
    /// Rises with each release, so that a thread that looks first and waits then misses none.
    release_count: u64,
    /// Number for the next set.
    next_set: u64,
}

/// The locks of one transaction on one table, released together when it is dropped.
#[derive(Debug)]
pub struct LockSet {
    locks: Arc<KeyLocks>,
    number: u64,
    keys: BTreeSet<u64>,
    table: bool,
}

impl LockSet {
    pub(super) fn new(locks: Arc<KeyLocks>) -> Self {
        let number = {
            let mut state = locks.state.lock();
            state.next_set += 1;
            state.next_set
        };
        Self { locks, number, keys: BTreeSet::new(), table: false }
    }

    /// Waits until all keys with these hashes are ours. Keys that are already are no matter.
    ///
    /// # Errors
    /// [`Error::LockTimeout`]; none of the new keys is locked then.
    pub async fn lock_keys(&mut self, hashes: &[u64], timeout: Duration) -> Result<(), Error> {
        let locks = Arc::clone(&self.locks);
        wait(&locks, timeout, || self.try_lock_keys(hashes)).await
    }

    /// Waits until the table is ours: nobody else holds it or a key of it.
    ///
    /// # Errors
    /// [`Error::LockTimeout`].
    pub async fn lock_table(&mut self, timeout: Duration) -> Result<(), Error> {
        let locks = Arc::clone(&self.locks);
        wait(&locks, timeout, || self.try_lock_table()).await
    }

    /// As [`LockSet::lock_keys`], for a thread that may block.
    ///
    /// # Errors
    /// [`Error::LockTimeout`].
    pub fn lock_keys_blocking(&mut self, hashes: &[u64], timeout: Duration) -> Result<(), Error> {
        let locks = Arc::clone(&self.locks);
        wait_blocking(&locks, timeout, || self.try_lock_keys(hashes))
    }

    /// As [`LockSet::lock_table`], for a thread that may block.
    ///
    /// # Errors
    /// [`Error::LockTimeout`].
    pub fn lock_table_blocking(&mut self, timeout: Duration) -> Result<(), Error> {
        let locks = Arc::clone(&self.locks);
        wait_blocking(&locks, timeout, || self.try_lock_table())
    }

    fn try_lock_keys(&mut self, hashes: &[u64]) -> bool {
        if self.table {
            return true;
        }
        let new: BTreeSet<u64> =
            hashes.iter().filter(|hash| !self.keys.contains(hash)).copied().collect();
        if self.keys.len() + new.len() > KEY_COUNT_MAX {
            return self.try_lock_table();
        }
        let mut state = self.locks.state.lock();
        let free = state.table.is_none() && new.iter().all(|hash| !state.keys.contains_key(hash));
        if free && !new.is_empty() {
            state.keys.extend(new.iter().map(|hash| (*hash, self.number)));
            *state.holders.entry(self.number).or_default() += new.len();
            self.keys.extend(new);
        }
        free
    }

    fn try_lock_table(&mut self) -> bool {
        if self.table {
            return true;
        }
        let mut state = self.locks.state.lock();
        let alone = state.holders.keys().all(|holder| *holder == self.number);
        if state.table.is_some() || !alone {
            return false;
        }
        state.table = Some(self.number);
        self.table = true;
        true
    }
}

impl Drop for LockSet {
    fn drop(&mut self) {
        if !self.table && self.keys.is_empty() {
            return;
        }
        let mut state = self.locks.state.lock();
        for hash in &self.keys {
            let holder = state.keys.remove(hash);
            debug_assert_eq!(holder, Some(self.number), "a key is released by its holder");
        }
        state.holders.remove(&self.number);
        if self.table {
            state.table = None;
        }
        state.release_count += 1;
        drop(state);
        self.locks.released.notify_all();
        self.locks.released_async.notify_waiters();
    }
}

/// Tries after each release, until it succeeds or `timeout` has passed.
fn wait(
    locks: &KeyLocks,
    timeout: Duration,
    mut attempt: impl FnMut() -> bool,
) -> impl Future<Output = Result<(), Error>> {
    let tries = async move {
        loop {
            let mut released = std::pin::pin!(locks.released_async.notified());
            // From here on a release is not missed.
            released.as_mut().enable();
            if attempt() {
                return;
            }
            released.await;
        }
    };
    async move { tokio::time::timeout(timeout, tries).await.map_err(|_| Error::LockTimeout) }
}

/// As [`wait`], for a thread that may block.
fn wait_blocking(
    locks: &KeyLocks,
    timeout: Duration,
    mut attempt: impl FnMut() -> bool,
) -> Result<(), Error> {
    let deadline = Instant::now() + timeout;
    loop {
        let seen = locks.state.lock().release_count;
        if attempt() {
            return Ok(());
        }
        let mut state = locks.state.lock();
        while state.release_count == seen {
            if locks.released.wait_until(&mut state, deadline).timed_out() {
                return Err(Error::LockTimeout);
            }
        }
    }
}
