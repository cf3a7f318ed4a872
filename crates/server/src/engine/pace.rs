//! Writers keep the pace of the views.
//!
//! The one idea: the log takes rows faster than a heavy view can follow. Who writes waits while the
//! views are far behind: a connector until they are near again, a statement for a moment, so that it is
//! slowed down and never refused.

use std::time::Duration;

use kappa_types::Timestamp;

use super::Engine;

/// How far the boundary may be behind the log before writers wait for it, microseconds.
const BEHIND_MICROS_MAX: u64 = 500_000;
/// Longest time that one statement is held up.
const STATEMENT_WAIT_MAX: Duration = Duration::from_millis(500);

/// The oldest boundary that is near a time of the log.
pub(super) const fn near(time: Timestamp) -> Timestamp {
    Timestamp(time.0.saturating_sub(BEHIND_MICROS_MAX))
}

impl Engine {
    /// Holds a statement that is about to write while the views are far behind, for a moment at most.
    pub async fn keep_pace(&self) {
        let enough = near(self.log.durable_time());
        if self.store.boundary() < enough {
            // Slower is all it gets: the rows are taken in any case.
            let _ = self.store.wait_for_boundary(enough, STATEMENT_WAIT_MAX).await;
        }
    }
}
