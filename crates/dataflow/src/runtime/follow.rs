//! Follows the log: a thread that reads durable groups and hands them to the coordinator.
//!
//! The one idea: a step costs several threads a wake-up, whatever is in it. So while commits come one
//! after the other, steps keep a distance, unless somebody waits for what was committed: then the next
//! one comes at once, and nobody ever reads an older state for it.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use kappa_log::{Group, Log};
use kappa_serving::Horizon;
use kappa_types::Timestamp;
use parking_lot::{Condvar, Mutex};

use super::coordinator::Event;

/// How long one wait for the log lasts; a runtime that stops is noticed within it.
const WAIT: Duration = Duration::from_millis(100);

/// Least time between two steps that nobody waits for, after one of many rows.
const STEP_DISTANCE: Duration = Duration::from_millis(2);

/// The same after one of few rows: what is left for the one who comes and waits is little.
const SMALL_STEP_DISTANCE: Duration = Duration::from_millis(10);

/// Rows below which a step is one of few.
const SMALL_STEP_ROW_COUNT: u64 = 1000;

/// Rows of groups read at once.
const ROW_COUNT_AT_ONCE: usize = 64 << 10;

/// Bounds how many groups are read and not stepped through.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Gate {
    /// Waits until fewer than `max` groups are ahead, then counts `count` more. False once closed.
    fn enter(&self, count: usize, max: usize) -> bool {
        let mut state = self.state.lock();
        while state.0 >= max && !state.1 {
            self.changed.wait(&mut state);
        }
        state.0 += count;
        !state.1
    }

    /// `count` groups have been stepped through.
    pub(super) fn done(&self, count: usize) {
        self.state.lock().0 -= count;
        self.changed.notify_all();
    }

    /// Ends the thread that reads.
    pub(super) fn close(&self) {
        self.state.lock().1 = true;
        self.changed.notify_all();
    }

    fn is_closed(&self) -> bool {
        self.state.lock().1
    }
}

/// Sends the groups after `start` until the gate is closed.
pub(super) fn follow(
    log: &Log,
    horizon: &Horizon,
    start: Timestamp,
    group_count_max: usize,
    gate: &Arc<Gate>,
    events: &Sender<Event>,
) {
    let mut after = start;
    let mut next_step = Instant::now();
    while !gate.is_closed() {
        let mut durable = log.durable_time();
        if durable <= after {
            durable = log.wait_for(after, WAIT);
        }
        if durable <= after {
            continue;
        }
        if Instant::now() < next_step {
            horizon.wait_for_want(after, next_step);
        }
        let begun = Instant::now();
        match log.groups(after, ROW_COUNT_AT_ONCE) {
            Ok(mut groups) => {
                if groups.is_empty() {
                    // Old groups without rows or DDL are left out, but their times are boundaries.
                    let wall_micros = log.wall_clock(durable);
                    let entries = Vec::new();
                    groups.push(Arc::new(Group { time: durable, wall_micros, ddl: None, entries }));
                }
                let row_count: u64 = groups.iter().map(|group| group.row_count()).sum();
                let is_small = row_count < SMALL_STEP_ROW_COUNT;
                next_step = begun + if is_small { SMALL_STEP_DISTANCE } else { STEP_DISTANCE };
                after = groups.last().map_or(after, |last| last.time);
                if !gate.enter(groups.len(), group_count_max)
                    || events.send(Event::Groups(groups)).is_err()
                {
                    return;
                }
            }
            Err(error) => {
                let _ = events.send(Event::LogLost(error));
                return;
            }
        }
    }
}
