//! [`Guard`]: everything that may end a statement before its time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use kappa_types::{SqlError, SqlState};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::output::Output;
use crate::cancel::{CancelToken, Cancellable};
use crate::failure::Failure;
use crate::message::backend;
use crate::notice::Notice;

/// What can interrupt a connection, whatever it does.
#[derive(Clone, Debug)]
pub(crate) struct Interrupts {
    /// Where the running statement is noted for cancel requests.
    pub(crate) cancellable: Arc<Cancellable>,
    /// True when the client has gone.
    pub(crate) closed: watch::Receiver<bool>,
    /// True when another session ends the connection.
    pub(crate) terminated: watch::Receiver<bool>,
    /// True when the server stops.
    pub(crate) shutdown: watch::Receiver<bool>,
}

impl Interrupts {
    /// Returns when the connection must end though its client is there, and why.
    pub(crate) async fn ended(&mut self) -> Failure {
        let Self { terminated, shutdown, .. } = self;
        tokio::select! {
            biased;
            () = is_set(shutdown) => {}
            () = is_set(terminated) => {}
        }
        shutdown_failure()
    }
}

/// Returns once `signal` is true, or never if nobody can set it any more.
pub(crate) async fn is_set(signal: &mut watch::Receiver<bool>) {
    if signal.wait_for(|set| *set).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The end of a connection because the server stops, or somebody ended it.
pub(crate) fn shutdown_failure() -> Failure {
    Failure::fatal(SqlState::AdminShutdown, "terminating connection due to administrator command")
}

/// Watches over one statement. Once it is dropped, cancel requests find nothing.
#[derive(Debug)]
pub(crate) struct Guard {
    token: CancelToken,
    interrupts: Interrupts,
    deadline: Option<Instant>,
}

impl Guard {
    /// A statement begins; it may take `timeout`.
    pub(crate) fn begin(interrupts: &Interrupts, timeout: Option<Duration>) -> Self {
        let token = CancelToken::new();
        interrupts.cancellable.begin(token.clone());
        // A timeout too large for the clock is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        Self { token, interrupts: interrupts.clone(), deadline }
    }

    /// The token of the statement.
    pub(crate) fn token(&self) -> CancelToken {
        self.token.clone()
    }

    /// Returns when the statement must end, and why.
    pub(crate) async fn interrupted(&mut self) -> Failure {
        let Interrupts { closed, terminated, shutdown, .. } = &mut self.interrupts;
        let deadline = self.deadline;
        let timed_out = async move {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let cancelled = |cause: &str| {
            let message = format!("canceling statement due to {cause}");
            Failure::from(SqlError::new(SqlState::QueryCanceled, message))
        };
        tokio::select! {
            biased;
            () = is_set(closed) => Failure::Disconnected,
            () = is_set(shutdown) => shutdown_failure(),
            () = is_set(terminated) => shutdown_failure(),
            () = self.token.cancelled() => cancelled("user request"),
            () = timed_out => cancelled("statement timeout"),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.interrupts.cancellable.end();
    }
}

/// Where the notices of a statement arrive.
#[derive(Debug)]
pub(crate) struct Notices(pub(crate) mpsc::Receiver<Notice>);

impl Notices {
    /// The next notice; never returns once the statement can send none.
    pub(crate) async fn next(&mut self) -> Notice {
        match self.0.recv().await {
            Some(notice) => notice,
            None => std::future::pending().await,
        }
    }

    /// Encodes the notices that are there.
    pub(crate) fn drain(&mut self, output: &mut Output) {
        while let Ok(notice) = self.0.try_recv() {
            output.push(|out| backend::notice(&notice, out));
        }
    }
}

/// Runs `future` to its end, sending notices meanwhile, unless the statement is interrupted; then,
/// once it does not hold that back, the token is set and the future dropped.
pub(crate) async fn drive<F: Future>(
    future: F,
    guard: &mut Guard,
    notices: &mut Notices,
    output: &mut Output,
) -> Result<F::Output, Failure> {
    tokio::pin!(future);
    let mut flush_wanted = false;
    loop {
        tokio::select! {
            biased;
            failure = guard.interrupted() => {
                tokio::select! {
                    biased;
                    () = guard.token.released() => {}
                    value = &mut future => {
                        notices.drain(output);
                        return Ok(value);
                    }
                }
                guard.token.cancel();
                return Err(failure);
            }
            value = &mut future => {
                notices.drain(output);
                return Ok(value);
            }
            notice = notices.next() => {
                output.push(|out| backend::notice(&notice, out));
                flush_wanted = true;
            }
            written = output.write_some(), if flush_wanted => {
                written?;
                flush_wanted = output.waiting_bytes() > 0;
            }
        }
    }
}

/// Runs `future` to its end whatever happens, sending notices meanwhile.
pub(crate) async fn complete<F: Future>(
    future: F,
    notices: &mut Notices,
    output: &mut Output,
) -> F::Output {
    tokio::pin!(future);
    loop {
        tokio::select! {
            biased;
            value = &mut future => {
                notices.drain(output);
                return value;
            }
            notice = notices.next() => output.push(|out| backend::notice(&notice, out)),
        }
    }
}

/// Writes everything that waits, unless the statement is interrupted.
pub(crate) async fn flush(guard: &mut Guard, output: &mut Output) -> Result<(), Failure> {
    while output.waiting_bytes() > 0 {
        tokio::select! {
            biased;
            failure = guard.interrupted() => {
                guard.token.cancel();
                return Err(failure);
            }
            written = output.write_some() => written?,
        }
    }
    Ok(())
}
