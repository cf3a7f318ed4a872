//! [`Connections`]: who is connected, what they do, and how one session reaches another.
//!
//! The one idea: a connection is here from the moment it has a session until that session is gone, so who
//! waits for the end of one waits for its rows, locks and transaction to be gone too.
//!
//! It does not interrupt anything itself: the wire does, through the handle of a connection.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kappa_system::Activity;
use kappa_types::SqlError;
use kappa_wire::ConnectionHandle;
use parking_lot::{Condvar, Mutex};

/// How often who waits for the end of a connection looks whether it is to wait on.
const INTERRUPT_LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The open connections, by process id.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: Mutex<BTreeMap<i32, Connected>>,
    one_left: Condvar,
}

#[derive(Debug)]
struct Connected {
    activity: Activity,
    handle: ConnectionHandle,
}

impl Connections {
    /// A connection has a session.
    pub(super) fn enter(&self, activity: Activity, handle: ConnectionHandle) {
        self.open.lock().insert(activity.pid, Connected { activity, handle });
    }

    /// The session of a connection is gone.
    pub(super) fn leave(&self, pid: i32) {
        self.open.lock().remove(&pid);
        self.one_left.notify_all();
    }

    /// Notes what a connection does now.
    pub(super) fn note(&self, pid: i32, change: impl FnOnce(&mut Activity)) {
        if let Some(connected) = self.open.lock().get_mut(&pid) {
            change(&mut connected.activity);
        }
    }

    /// What each connection does, by process id.
    pub(super) fn activities(&self) -> Vec<Activity> {
        self.open.lock().values().map(|connected| connected.activity.clone()).collect()
    }

    /// How to reach a connection.
    pub(super) fn handle(&self, pid: i32) -> Option<ConnectionHandle> {
        self.open.lock().get(&pid).map(|connected| connected.handle.clone())
    }

    /// Waits until a connection has gone; gives whether it has in time.
    ///
    /// # Errors
    /// What `check_interrupt` gives once nobody waits for the answer.
    pub(super) fn wait_for_leave(
        &self,
        pid: i32,
        timeout: Duration,
        check_interrupt: impl Fn() -> Result<(), SqlError>,
    ) -> Result<bool, SqlError> {
        let begin = Instant::now();
        let mut open = self.open.lock();
        while open.contains_key(&pid) {
            check_interrupt()?;
            let Some(left) = timeout.checked_sub(begin.elapsed()) else { return Ok(false) };
            self.one_left.wait_for(&mut open, left.min(INTERRUPT_LOOK_INTERVAL));
        }
        Ok(true)
    }
}
