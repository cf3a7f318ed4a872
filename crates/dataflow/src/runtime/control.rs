//! [`Control`]: the switch and the brake of one hydration.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// A hydration that is asked to stop does so within this time.
const LOOK_AROUND: Duration = Duration::from_millis(100);

/// Pauses, ends and slows down a hydration from outside.
#[derive(Debug)]
pub(super) struct Control {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    paused: bool,
    cancelled: bool,
    rows_per_second: Option<u64>,
}

impl Control {
    pub(super) const fn new(paused: bool, rows_per_second: Option<u64>) -> Self {
        let state = State { paused, cancelled: false, rows_per_second };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn pause(&self, paused: bool) {
        self.state.lock().paused = paused;
        self.changed.notify_all();
    }

    pub(super) fn cancel(&self) {
        self.state.lock().cancelled = true;
        self.changed.notify_all();
    }

    pub(super) fn limit(&self, rows_per_second: Option<u64>) {
        self.state.lock().rows_per_second = rows_per_second;
        self.changed.notify_all();
    }

    pub(super) fn is_paused(&self) -> bool {
        self.state.lock().paused
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.state.lock().cancelled
    }

    /// Blocks while paused, and until `rows` more rows are within the limit of rows per second that
    /// holds since `brake` began. False if it is cancelled.
    pub(super) fn admit(&self, rows: u64, brake: &mut Brake) -> bool {
        let mut state = self.state.lock();
        loop {
            if state.cancelled {
                return false;
            }
            let wait = if state.paused {
                *brake = Brake::default();
                LOOK_AROUND
            } else if let Some(delay) = brake.delay(state.rows_per_second) {
                delay.min(LOOK_AROUND)
            } else {
                brake.rows += rows;
                return true;
            };
            self.changed.wait_for(&mut state, wait);
        }
    }
}

/// How many rows were admitted since when.
#[derive(Debug)]
pub(super) struct Brake {
    since: Instant,
    rows: u64,
}

impl Default for Brake {
    fn default() -> Self {
        Self { since: Instant::now(), rows: 0 }
    }
}

impl Brake {
    /// How long until the rows admitted so far are within the limit.
    fn delay(&self, rows_per_second: Option<u64>) -> Option<Duration> {
        let limit = rows_per_second?.max(1);
        let due = Duration::from_secs_f64(self.rows as f64 / limit as f64);
        due.checked_sub(self.since.elapsed()).filter(|delay| !delay.is_zero())
    }
}
