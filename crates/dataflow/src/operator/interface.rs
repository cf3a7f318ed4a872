//! [`Operator`]: what every operator is, and [`Output`]: what it puts out.
//!
//! ```text
//! push(port, delta) push(port, delta) ... end_of_time(T) | push ... end_of_time(T') | ...
//! ```
//! The one idea: an operator hears of changes in any order and number, and then that the time is
//! over; what it has put out by then, added up, is the change of its result at that time. It knows
//! nothing of threads, exchange or where its output goes.

use kappa_types::{DeltaBatch, Timestamp};

use crate::state::State;

/// A running operator.
///
/// A broken invariant panics; the runtime catches it and fails the one view.
pub(crate) trait Operator {
    /// Takes changes of input number `port`, all at one time that is not over.
    fn push(&mut self, port: usize, delta: DeltaBatch, out: &mut Output);

    /// Nothing more comes at this time on any port. Stateless operators have nothing to do.
    fn end_of_time(&mut self, _end: &TimeEnd, _out: &mut Output) {}

    /// What it keeps between times.
    fn states(&mut self) -> Vec<&mut dyn State> {
        Vec::new()
    }
}

/// The end of a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeEnd {
    /// Which time is over.
    pub(crate) time: Timestamp,
    /// The watermark at that time, microseconds. Only what closes windows has one, its own.
    pub(crate) watermark: Option<i64>,
}

/// What an operator puts out.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Changes of its result.
    pub(crate) deltas: Vec<DeltaBatch>,
    /// Changes of the multiset of rows in error, with [`crate::error_schema`].
    pub(crate) errors: Vec<DeltaBatch>,
    /// Changes that came after their window had closed, with [`crate::late_schema`].
    pub(crate) late: Vec<DeltaBatch>,
}

impl Output {
    /// Puts out changes, unless there are none.
    pub(crate) fn delta(&mut self, delta: DeltaBatch) {
        if !delta.is_empty() {
            self.deltas.push(delta);
        }
    }
}
