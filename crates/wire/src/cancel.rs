//! Cancelling: [`CancelToken`] for one statement, the register that finds it by the key a client was
//! given, and [`ConnectionHandle`], by which one session reaches another.
//!
//! The one idea: a request cancels the statement that runs when it arrives, or nothing. The token
//! belongs to one statement, so a late request can never meet the next one.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

/// Tells the work of one statement that nobody waits for it any more.
///
/// The wire drops the statement's future or row stream when the token is set; the token itself is
/// for work that goes on elsewhere, such as a spawned task.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<TokenState>);

#[derive(Debug, Default)]
struct TokenState {
    is_cancelled: AtomicBool,
    hold_count: AtomicI32,
    released: Notify,
    changed: Notify,
}

impl CancelToken {
    /// A token that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the token; setting it twice changes nothing.
    pub fn cancel(&self) {
        self.0.is_cancelled.store(true, Ordering::SeqCst);
        self.0.changed.notify_waiters();
    }

    /// Whether the token is set.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled.load(Ordering::SeqCst)
    }

    /// As long as what is returned lives, the statement is not interrupted: it commits, and nobody may be
    /// told that it did not.
    #[must_use]
    pub fn hold(&self) -> Hold {
        self.0.hold_count.fetch_add(1, Ordering::SeqCst);
        Hold(self.clone())
    }

    /// Returns once the statement may be interrupted.
    pub(crate) async fn released(&self) {
        let mut released = std::pin::pin!(self.0.released.notified());
        released.as_mut().enable();
        while self.0.hold_count.load(Ordering::SeqCst) > 0 {
            released.as_mut().await;
            released.set(self.0.released.notified());
            released.as_mut().enable();
        }
    }

    /// Returns once the token is set.
    pub async fn cancelled(&self) {
        // The waiter is made before the flag is read, so a change in between is not missed.
        let changed = self.0.changed.notified();
        if !self.is_cancelled() {
            changed.await;
        }
    }
}

/// Keeps a statement from being interrupted; see [`CancelToken::hold`].
#[derive(Debug)]
pub struct Hold(CancelToken);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.0.hold_count.fetch_sub(1, Ordering::SeqCst);
        self.0.0.released.notify_waiters();
    }
}

/// What a client is given to cancel its statements with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CancelKey {
    /// Number of the connection, also shown as `pg_backend_pid()`.
    pub(crate) process_id: i32,
    /// Proof that the request comes from the client.
    pub(crate) secret: i32,
}

/// All connections that can be cancelled.
#[derive(Debug, Default)]
pub(crate) struct CancelRegister {
    connections: Mutex<HashMap<i32, Arc<Cancellable>>>,
    last_process_id: AtomicI32,
    /// Keyed by the operating system's randomness, so that secrets cannot be guessed.
    randomness: RandomState,
}

/// One connection's place in the register; leaves it when dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    register: Arc<CancelRegister>,
    entry: Arc<Cancellable>,
}

/// The key of a connection, the statement it runs, and whether it is to end.
#[derive(Debug)]
pub(crate) struct Cancellable {
    key: CancelKey,
    running: Mutex<Option<CancelToken>>,
    terminated: watch::Sender<bool>,
}

/// How another session interrupts a connection; it may have ended in the meantime.
#[derive(Clone, Debug)]
pub struct ConnectionHandle(Arc<Cancellable>);

impl ConnectionHandle {
    /// The connection's number.
    #[must_use]
    pub fn process_id(&self) -> i32 {
        self.0.key.process_id
    }

    /// Cancels the statement that runs on the connection, if there is one.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Ends the connection with 57P01, as soon as its statement may be interrupted.
    pub fn terminate(&self) {
        self.0.terminated.send_replace(true);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while holding these locks, and their content is always whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CancelRegister {
    /// A place for a new connection.
    pub(crate) fn register(self: &Arc<Self>) -> Registration {
        let process_id = self.last_process_id.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let secret = self.randomness.hash_one((process_id, "cancel")) as i32;
        let key = CancelKey { process_id, secret };
        let entry = Arc::new(Cancellable {
            key,
            running: Mutex::new(None),
            terminated: watch::Sender::new(false),
        });
        lock(&self.connections).insert(process_id, Arc::clone(&entry));
        Registration { register: Arc::clone(self), entry }
    }

    /// Cancels the statement that runs on the connection with this key, if there is one.
    pub(crate) fn cancel(&self, key: CancelKey) {
        let entry = lock(&self.connections).get(&key.process_id).cloned();
        if let Some(entry) = entry.filter(|entry| entry.key == key) {
            entry.cancel();
        }
    }
}

impl Registration {
    /// What the client is told.
    pub(crate) fn key(&self) -> CancelKey {
        self.entry.key
    }

    /// Where the running statement is noted.
    pub(crate) fn entry(&self) -> Arc<Cancellable> {
        Arc::clone(&self.entry)
    }

    /// How others interrupt the connection.
    pub(crate) fn handle(&self) -> ConnectionHandle {
        ConnectionHandle(self.entry())
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.register.connections).remove(&self.entry.key.process_id);
    }
}

impl Cancellable {
    fn cancel(&self) {
        if let Some(token) = &*lock(&self.running) {
            token.cancel();
        }
    }

    /// True when the connection is to end.
    pub(crate) fn terminated(&self) -> watch::Receiver<bool> {
        self.terminated.subscribe()
    }

    /// A statement begins.
    pub(crate) fn begin(&self, token: CancelToken) {
        *lock(&self.running) = Some(token);
    }

    /// The statement has ended; requests that come from now on mean nothing.
    pub(crate) fn end(&self) {
        *lock(&self.running) = None;
    }
}
