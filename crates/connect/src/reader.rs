//! [`Reader`]: a connector at work, one step at a time.
//!
//! The one idea: a reader never waits and never starts a thread. It says what it has, that it has
//! nothing for a while, or that it is done; `running.rs` does the waiting. So tests drive it by hand.

use std::time::Duration;

use kappa_types::SqlError;

use crate::SourceBatch;

/// What a reader did.
#[derive(Debug)]
pub(crate) enum Step {
    /// It read something; at least one offset moved.
    Batch(SourceBatch),
    /// There is nothing to do before this much time has passed.
    Wait(Duration),
    /// There will never be more.
    End,
}

/// A connector at work.
pub(crate) trait Reader: Send {
    /// Reads the next piece; `now_micros` is the wall clock, in microseconds since 1970 UTC.
    ///
    /// # Errors
    /// When the outside fails (a file cannot be read). The position has not moved: the next call
    /// tries again.
    fn next(&mut self, now_micros: i64) -> Result<Step, SqlError>;
}
