//! Faults of builds for tests.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::FAULT_POINTS;

/// 1 + the index of the armed point; 0 for none.
static ARMED: AtomicUsize = AtomicUsize::new(0);

/// Arms a point: its next hit aborts the process. `false` if this build has no such point.
#[must_use]
pub fn arm_fault(name: &str) -> bool {
    let index = FAULT_POINTS.iter().position(|(point, _)| *point == name);
    if let Some(index) = index {
        ARMED.store(index + 1, Ordering::SeqCst);
    }
    index.is_some()
}

/// A point of the list: aborts the process if it is armed.
pub fn fault_point(name: &str) {
    let armed = ARMED.load(Ordering::Relaxed);
    if armed > 0 && FAULT_POINTS[armed - 1].0 == name {
        std::process::abort();
    }
}
