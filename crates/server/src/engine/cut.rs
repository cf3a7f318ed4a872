//! [`Cut`]: a time at which everything can be read, and the catalogue as of then.
//!
//! The one idea: only boundaries are readable, and a catalogue change takes effect at the boundary
//! of its record. A cut pairs a boundary with the snapshot that holds every change up to it and none
//! after, so that one statement never sees a mixture of before and after a REBUILD.

use std::sync::Arc;
use std::time::Duration;

use kappa_catalog::Snapshot;
use kappa_serving::Pin;
use kappa_types::{SqlError, SqlState, Timestamp};

use super::Engine;

/// How often a cut is tried again because the catalogue moved on meanwhile. Each try waits for a
/// newer boundary, so more than a few means DDL without pause.
const TRY_COUNT_MAX: usize = 64;

/// A consistent state of the whole database.
#[derive(Clone, Debug)]
pub struct Cut {
    /// A boundary.
    pub at: Timestamp,
    /// Keeps that boundary readable as long as the cut lives.
    pub pin: Pin,
    /// The catalogue at that boundary.
    pub snapshot: Arc<Snapshot>,
}

impl Engine {
    /// A cut at the first boundary that holds every commit up to `at_least`.
    ///
    /// # Errors
    /// 57014-like 55000 if no such boundary comes within `wait`.
    pub async fn cut(&self, at_least: Timestamp, wait: Duration) -> Result<Cut, SqlError> {
        let mut at_least = at_least;
        for _ in 0..TRY_COUNT_MAX {
            let Ok(pin) = self.store.wait_for_boundary(at_least, wait).await else {
                return Err(self.no_boundary(at_least, wait));
            };
            let at = pin.time();
            let snapshot = self.catalog.snapshot();
            if snapshot.time <= at {
                return Ok(Cut { at, pin, snapshot });
            }
            at_least = snapshot.time;
        }
        Err(SqlError::new(
            SqlState::ObjectNotInPrerequisiteState,
            "the catalogue changes faster than it can be read",
        ))
    }

    /// The newest cut that needs no waiting, or nearly none.
    ///
    /// # Errors
    /// As [`Engine::cut`].
    pub async fn newest_cut(&self, wait: Duration) -> Result<Cut, SqlError> {
        self.cut(self.store.boundary(), wait).await
    }

    fn no_boundary(&self, at_least: Timestamp, wait: Duration) -> SqlError {
        SqlError::new(
            SqlState::ObjectNotInPrerequisiteState,
            "the views have not caught up with the log",
        )
        .with_detail(format!(
            "Waited {} ms for time {at_least}; the newest complete boundary is {}.",
            wait.as_millis(),
            self.store.boundary()
        ))
        .with_hint(
            "Raise kappa.read_wait, or SET kappa.read = 'available' to read the newest boundary.",
        )
    }
}
