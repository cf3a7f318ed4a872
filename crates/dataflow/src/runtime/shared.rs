//! [`Shared`]: what threads outside the runtime may see of it: progress and the newest boundary.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kappa_types::{Timestamp, VersionId};
use parking_lot::{Condvar, Mutex};

use crate::Progress;

/// Figures that the coordinator writes and anyone reads.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    boundary: Timestamp,
    progress: BTreeMap<VersionId, Progress>,
    stopped: bool,
}

impl Shared {
    /// Sets the newest boundary.
    pub(crate) fn set_boundary(&self, boundary: Timestamp) {
        self.state.lock().boundary = boundary;
        self.changed.notify_all();
    }

    /// Nothing will change any more; wakes all who wait.
    pub(crate) fn set_stopped(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    pub(crate) fn insert(&self, version: VersionId, progress: Progress) {
        self.state.lock().progress.insert(version, progress);
        self.changed.notify_all();
    }

    pub(crate) fn remove(&self, version: VersionId) {
        self.state.lock().progress.remove(&version);
        self.changed.notify_all();
    }

    /// Changes the figures of one version, if it is there. Wakes those who wait.
    pub(crate) fn update(&self, version: VersionId, change: impl FnOnce(&mut Progress)) {
        if let Some(progress) = self.state.lock().progress.get_mut(&version) {
            change(progress);
        }
        self.changed.notify_all();
    }

    pub(crate) fn boundary(&self) -> Timestamp {
        self.state.lock().boundary
    }

    pub(crate) fn progress(&self, version: VersionId) -> Option<Progress> {
        let state = self.state.lock();
        state.progress.get(&version).map(|progress| progress.at(state.boundary))
    }

    pub(crate) fn progress_all(&self) -> BTreeMap<VersionId, Progress> {
        let state = self.state.lock();
        let each = state.progress.iter();
        each.map(|(version, progress)| (*version, progress.at(state.boundary))).collect()
    }

    /// Waits until `done` is true of the version, it is gone, the runtime stopped, or time is up.
    pub(crate) fn wait_until(
        &self,
        version: VersionId,
        timeout: Duration,
        done: impl Fn(&Progress) -> bool,
    ) -> Option<Progress> {
        let deadline = Instant::now() + timeout;
        let mut state = self.state.lock();
        loop {
            let progress = state.progress.get(&version)?;
            if done(progress) || state.stopped {
                return Some(progress.clone());
            }
            if self.changed.wait_until(&mut state, deadline).timed_out() {
                return state.progress.get(&version).cloned();
            }
        }
    }

    /// Waits until the newest boundary is at or after `at`, or time is up; returns it.
    pub(crate) fn wait_for_boundary(&self, at: Timestamp, timeout: Duration) -> Timestamp {
        let deadline = Instant::now() + timeout;
        let mut state = self.state.lock();
        while state.boundary < at && !state.stopped {
            if self.changed.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        state.boundary
    }
}
