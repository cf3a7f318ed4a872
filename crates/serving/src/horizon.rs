//! [`Horizon`]: which times can be read: the newest boundary, and the oldest that somebody holds.
//!
//! ```text
//!        oldest                      boundary
//! -gone---|---------- readable ---------|---- being computed --->
//!         least pin, or the boundary
//! ```
//! The one idea: a reader *pins* its time; whatever nobody pinned may be forgotten at once, so that
//! contents nobody reads keep no history. Price: a time that nobody holds cannot be read later.
//!
//! It does not know contents; those ask it for [`Horizon::oldest`] when they compact.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kappa_types::Timestamp;
use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use crate::Error;

/// How long a pin holds history back, in microseconds of log time, from the first boundary that was
/// published while it was held: a pin of an old time on a log that stood still is not old.
pub const PIN_AGE_MICROS_MAX: u64 = 60_000_000;

/// The readable times. Shared by a store and all its contents.
#[derive(Debug)]
pub struct Horizon {
    state: Mutex<State>,
    /// Copy of `State::oldest`, for writers.
    oldest: AtomicU64,
    /// Tells blocked threads of a new boundary.
    moved: Condvar,
    /// Tells whoever makes boundaries that one is waited for.
    wanted: Condvar,
    /// Tells tasks of a new boundary.
    boundary: watch::Sender<Timestamp>,
}

/// The readable times as a writer sees them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadableTimes {
    /// The oldest that somebody holds.
    pub(crate) oldest: Timestamp,
    /// The newest.
    pub(crate) boundary: Timestamp,
}

#[derive(Debug, Default)]
struct State {
    boundary: Timestamp,
    /// The newest time that somebody has waited for.
    wanted: Timestamp,
    /// Never falls.
    oldest: Timestamp,
    /// What is pinned.
    pins: BTreeMap<Timestamp, Pinned>,
}

/// The pins of one time.
#[derive(Debug)]
struct Pinned {
    /// How many there are.
    count: usize,
    /// The first newer boundary since the first of them; their age counts from it.
    newer: Option<Timestamp>,
}

impl State {
    /// One more pin of `time`.
    fn pin(&mut self, time: Timestamp) {
        let newer = (time < self.boundary).then_some(self.boundary);
        self.pins.entry(time).or_insert(Pinned { count: 0, newer }).count += 1;
    }
}

/// Keeps one time readable, for at most [`PIN_AGE_MICROS_MAX`], as long as it lives.
#[derive(Debug)]
pub struct Pin {
    horizon: Arc<Horizon>,
    time: Timestamp,
}

impl Pin {
    /// The time that is kept.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }
}

impl Clone for Pin {
    fn clone(&self) -> Self {
        self.horizon.state.lock().pin(self.time);
        Self { horizon: Arc::clone(&self.horizon), time: self.time }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut state = self.horizon.state.lock();
        if let Some(pinned) = state.pins.get_mut(&self.time) {
            pinned.count -= 1;
            if pinned.count == 0 {
                state.pins.remove(&self.time);
            }
        }
        self.horizon.advance(&mut state);
    }
}

impl Default for Horizon {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            oldest: AtomicU64::new(0),
            moved: Condvar::new(),
            wanted: Condvar::new(),
            boundary: watch::Sender::new(Timestamp::MIN),
        }
    }
}

impl Horizon {
    /// The newest boundary.
    #[must_use]
    pub fn boundary(&self) -> Timestamp {
        self.state.lock().boundary
    }

    /// The oldest time that contents must be able to show.
    #[must_use]
    pub fn oldest(&self) -> Timestamp {
        Timestamp(self.oldest.load(Ordering::Acquire))
    }

    /// What writers must keep readable.
    pub(crate) fn times(&self) -> ReadableTimes {
        ReadableTimes {
            // In this order: the boundary read is never below the oldest read before it.
            oldest: Timestamp(self.oldest.load(Ordering::Acquire)),
            boundary: *self.boundary.borrow(),
        }
    }

    /// Makes `boundary` readable; all contents have all changes up to it. Ignored if it is not new.
    pub fn publish(&self, boundary: Timestamp) {
        let mut state = self.state.lock();
        if boundary <= state.boundary {
            return;
        }
        let former = std::mem::replace(&mut state.boundary, boundary);
        for (_, pinned) in state.pins.range_mut(former..boundary) {
            pinned.newer.get_or_insert(boundary);
        }
        self.advance(&mut state);
        drop(state);
        self.moved.notify_all();
        self.boundary.send_replace(boundary);
    }

    /// Holds the newest boundary.
    #[must_use]
    pub fn pin_newest(self: &Arc<Self>) -> Pin {
        let mut state = self.state.lock();
        let time = state.boundary;
        state.pin(time);
        Pin { horizon: Arc::clone(self), time }
    }

    /// Holds `time`, a boundary that is still readable.
    ///
    /// # Errors
    /// [`Error::TooOld`].
    pub fn pin(self: &Arc<Self>, time: Timestamp) -> Result<Pin, Error> {
        let mut state = self.state.lock();
        if time < state.oldest {
            return Err(Error::TooOld { at: time, oldest: state.oldest });
        }
        state.pin(time);
        Ok(Pin { horizon: Arc::clone(self), time })
    }

    /// Waits for a boundary at or after `at_least` and holds the newest.
    ///
    /// # Errors
    /// [`Error::BoundaryTimeout`].
    pub async fn wait(
        self: &Arc<Self>,
        at_least: Timestamp,
        timeout: Duration,
    ) -> Result<Pin, Error> {
        let pin = self.pin_newest();
        if pin.time >= at_least {
            return Ok(pin);
        }
        drop(pin);
        self.want(&mut self.state.lock(), at_least);
        let mut receiver = self.boundary.subscribe();
        let reached = receiver.wait_for(|boundary| *boundary >= at_least);
        match tokio::time::timeout(timeout, reached).await {
            Ok(Ok(_)) => Ok(self.pin_newest()),
            Ok(Err(_)) | Err(_) => {
                Err(Error::BoundaryTimeout { at_least, boundary: self.boundary() })
            }
        }
    }

    /// As [`Horizon::wait`], for a thread that may block.
    ///
    /// # Errors
    /// [`Error::BoundaryTimeout`].
    pub fn wait_blocking(
        self: &Arc<Self>,
        at_least: Timestamp,
        timeout: Duration,
    ) -> Result<Pin, Error> {
        let deadline = Instant::now() + timeout;
        let mut state = self.state.lock();
        self.want(&mut state, at_least);
        while state.boundary < at_least {
            if self.moved.wait_until(&mut state, deadline).timed_out() {
                return Err(Error::BoundaryTimeout { at_least, boundary: state.boundary });
            }
        }
        let time = state.boundary;
        state.pin(time);
        Ok(Pin { horizon: Arc::clone(self), time })
    }

    fn want(&self, state: &mut State, at_least: Timestamp) {
        if at_least > state.boundary && at_least > state.wanted {
            state.wanted = at_least;
            self.wanted.notify_all();
        }
    }

    /// Blocks until somebody waits for a boundary after `after`, or `deadline` has come.
    pub fn wait_for_want(&self, after: Timestamp, deadline: Instant) {
        let mut state = self.state.lock();
        while state.wanted <= after {
            if self.wanted.wait_until(&mut state, deadline).timed_out() {
                return;
            }
        }
    }

    fn advance(&self, state: &mut State) {
        let is_young = |pinned: &Pinned| {
            pinned.newer.is_none_or(|newer| state.boundary.0 - newer.0 <= PIN_AGE_MICROS_MAX)
        };
        let oldest = state.pins.iter().find(|(_, pinned)| is_young(pinned));
        let oldest = oldest.map_or(state.boundary, |(time, _)| (*time).min(state.boundary));
        state.oldest = state.oldest.max(oldest);
        self.oldest.store(state.oldest.0, Ordering::Release);
    }
}
