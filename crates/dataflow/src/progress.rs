//! [`Progress`]: where a version stands, for SHOW, system tables and sessions that wait.

use kappa_types::Timestamp;

/// Which part of its life a version is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reads history.
    Hydrating,
    /// Has read history and catches up with what was committed meanwhile.
    CatchingUp,
    /// Follows the log at the common boundaries; readable.
    Live,
    /// Held by [`crate::Action::Pause`].
    Paused,
    /// Stopped for ever; what went wrong. Its dataflow is gone, the others run on.
    Failed(String),
}

/// Figures about one version.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Which part of its life it is in.
    pub phase: Phase,
    /// History rows read so far.
    pub rows_done: u64,
    /// History rows to read, as known now; grows while catching up.
    pub rows_total: u64,
    /// History rows per second, over the whole hydration so far.
    pub rows_per_second: u64,
    /// Contents are complete up to here: where hydration stands, or the newest boundary.
    pub frontier: Timestamp,
    /// The first boundary at which the version is readable; `None` until it is live.
    pub live_from: Option<Timestamp>,
    /// Changes of inputs taken in, hydration included.
    pub rows_in: u64,
    /// Changes of contents put out.
    pub rows_out: u64,
    /// Bytes of operator state on all workers, as of the last report.
    pub state_bytes: u64,
    /// Rows in error now.
    pub error_count: i64,
    /// Rows that came after their window had closed.
    pub late_row_count: u64,
}

impl Progress {
    /// A version that has just been installed.
    pub(crate) const fn new(phase: Phase, frontier: Timestamp) -> Self {
        Self {
            phase,
            rows_done: 0,
            rows_total: 0,
            rows_per_second: 0,
            frontier,
            live_from: None,
            rows_in: 0,
            rows_out: 0,
            state_bytes: 0,
            error_count: 0,
            late_row_count: 0,
        }
    }

    /// These figures when `boundary` is the newest one: what is live is complete there, whether it
    /// had anything to do or not.
    pub(crate) fn at(&self, boundary: Timestamp) -> Self {
        let frontier = if self.phase == Phase::Live { boundary } else { self.frontier };
        Self { frontier, ..self.clone() }
    }
}
