//! [`Running`]: a source's thread, its state, and how to stop it.
//!
//! The one idea: one loop for every connector. Read, append, wait; a failure outside is tried again
//! at a steady pace and can be seen meanwhile, a failure of the sink ends the source.
//!
//! It does not start a source again: that is for the server to decide.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use kappa_types::{Clock, RelationId, SqlError, SqlState};
use parking_lot::Mutex;

use crate::reader::{Reader, Step};
use crate::{RowSink, Shutdown, SourceBatch};

/// Longest sleep, so that a clock that jumps or is set by hand is soon noticed.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// How long to wait before something that failed is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// What a source is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// Reading, or waiting for more.
    Running,
    /// The last try failed with this error; it is tried again.
    Retrying(SqlError),
    /// Everything was read, and there will be no more.
    Ended,
    /// A stop was asked for.
    Stopped,
    /// The source gave up with this error.
    Failed(SqlError),
}

/// What a source is doing and has done since it was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceStatus {
    /// What it is doing.
    pub state: SourceState,
    /// Rows the sink has taken since the start of the thread.
    pub row_count: u64,
    /// Rejects the sink has taken since the start of the thread.
    pub reject_count: u64,
}

/// A source at work. Dropping it asks the thread to stop and does not wait.
#[derive(Debug)]
pub struct Running {
    status: Arc<Mutex<SourceStatus>>,
    shutdown: Shutdown,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts the thread `source-<relation>`.
    pub(crate) fn start(work: Work, relation: RelationId) -> Result<Self, SqlError> {
        let status = SourceStatus { state: SourceState::Running, row_count: 0, reject_count: 0 };
        let status = Arc::new(Mutex::new(status));
        let (shared, shutdown) = (Arc::clone(&status), work.shutdown.clone());
        let thread = Builder::new()
            .name(format!("source-{relation}"))
            .spawn(move || {
                let outcome = catch_unwind(AssertUnwindSafe(|| work.run(&shared)));
                let state = outcome.unwrap_or_else(|_| {
                    let message = "the source's thread has panicked";
                    SourceState::Failed(SqlError::new(SqlState::InternalError, message))
                });
                if let SourceState::Failed(error) = &state {
                    tracing::error!(source = relation.0, error = %error, "source failed");
                }
                shared.lock().state = state;
            })
            .map_err(|error| {
                let message = format!("could not start a thread for source {relation}: {error}");
                SqlError::new(SqlState::OutOfMemory, message)
            })?;
        Ok(Self { status, shutdown, thread: Some(thread) })
    }

    /// What the source is doing now.
    #[must_use]
    pub fn status(&self) -> SourceStatus {
        self.status.lock().clone()
    }

    /// Asks the source to stop and waits until it has: after that the sink gets nothing more.
    /// Takes as long as the sink's `append` may block.
    pub fn stop(mut self) -> SourceStatus {
        self.shutdown.request();
        self.join_thread();
        self.status()
    }

    /// Waits until the source ends by itself, fails, or is stopped through its [`Shutdown`].
    pub fn join(mut self) -> SourceStatus {
        self.join_thread();
        self.status()
    }

    fn join_thread(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the thread catches its panics");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.request();
    }
}

/// Everything the thread needs.
pub(crate) struct Work {
    /// The connector.
    pub(crate) reader: Box<dyn Reader>,
    /// Where rows go.
    pub(crate) sink: Box<dyn RowSink>,
    /// The wall clock.
    pub(crate) clock: Arc<dyn Clock>,
    /// When to stop.
    pub(crate) shutdown: Shutdown,
}

impl Work {
    /// Reads and appends until the end; returns the last state.
    fn run(mut self, status: &Mutex<SourceStatus>) -> SourceState {
        while !self.shutdown.is_requested() {
            let wait = match self.reader.next(self.clock.now_micros()) {
                Ok(Step::End) => return SourceState::Ended,
                Ok(Step::Batch(batch)) => match self.append(batch, status) {
                    Ok(()) => continue,
                    Err(state) => return state,
                },
                Ok(Step::Wait(wait)) => {
                    status.lock().state = SourceState::Running;
                    wait.min(WAIT_MAX)
                }
                Err(error) => {
                    let state = SourceState::Retrying(error);
                    if status.lock().state != state {
                        tracing::warn!(state = ?state, "source cannot read");
                        status.lock().state = state;
                    }
                    RETRY_INTERVAL
                }
            };
            if self.shutdown.wait(wait) {
                break;
            }
        }
        SourceState::Stopped
    }

    /// Hands a batch over, again and again while resources lack; fails with the thread's last state.
    fn append(
        &mut self,
        batch: SourceBatch,
        status: &Mutex<SourceStatus>,
    ) -> Result<(), SourceState> {
        let (row_count, reject_count) = (batch.rows.num_rows(), batch.rejects.len());
        while let Err(error) = self.sink.append(batch.clone()) {
            if !error.state.code().starts_with("53") {
                let stopped = self.shutdown.is_requested();
                return Err(if stopped {
                    SourceState::Stopped
                } else {
                    SourceState::Failed(error)
                });
            }
            status.lock().state = SourceState::Retrying(error);
            if self.shutdown.wait(RETRY_INTERVAL) {
                return Err(SourceState::Stopped);
            }
        }
        let mut status = status.lock();
        status.state = SourceState::Running;
        status.row_count += row_count as u64;
        status.reject_count += reject_count as u64;
        Ok(())
    }
}
