//! [`Connection`]: the message loop.

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use kappa_types::{SqlError, SqlState};

use super::guard::{Interrupts, is_set};
use super::output::Output;
use super::portal::{Portal, Statement};
use super::reader::{Frame, Input};
use crate::ServerOptions;
use crate::backend::{Session, TransactionStatus};
use crate::failure::{Failure, Report};
use crate::message::backend::{self, Severity};
use crate::message::frontend::{self, Message};

/// One connection after its startup.
pub(crate) struct Connection<S: Session> {
    pub(super) session: S,
    pub(super) input: Input,
    pub(super) output: Output,
    pub(super) interrupts: Interrupts,
    pub(super) options: Arc<ServerOptions>,
    pub(super) statements: HashMap<String, Arc<Statement<S>>>,
    pub(super) portals: HashMap<String, Portal<S>>,
    /// After an error in the extended protocol: messages are dropped until Sync.
    skipping: bool,
}

/// Whether the client wants to go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Continue,
    Terminate,
}

impl<S: Session> Connection<S> {
    /// A connection that has not yet said that it is ready.
    pub(crate) fn new(
        session: S,
        input: Input,
        output: Output,
        interrupts: Interrupts,
        options: Arc<ServerOptions>,
    ) -> Self {
        Self {
            session,
            input,
            output,
            interrupts,
            options,
            statements: HashMap::new(),
            portals: HashMap::new(),
            skipping: false,
        }
    }

    /// Serves the client until it goes or has to.
    pub(crate) async fn run(mut self) {
        if let Err(failure) = self.serve().await {
            self.farewell(failure).await;
        }
        self.output.shutdown().await;
        self.portals.clear();
        // A session that panics while it closes has nobody left to be told.
        let _ = AssertUnwindSafe(self.session.close()).catch_unwind().await;
    }

    async fn serve(&mut self) -> Result<(), Failure> {
        self.ready().await?;
        loop {
            let frame = self.next_frame().await?;
            let is_simple = frame.kind == b'Q' || frame.kind == b'F';
            let handled = AssertUnwindSafe(self.handle(frame)).catch_unwind().await;
            let failure = match handled.unwrap_or_else(|panic| Err(panicked(&*panic))) {
                Ok(Flow::Continue) => continue,
                Ok(Flow::Terminate) => return Ok(()),
                Err(failure) => failure,
            };
            let Failure::Error(report) = failure else { return Err(failure) };
            self.report(&report).await?;
            if is_simple {
                self.ready().await?;
            } else {
                // Some clients send Sync only when they have seen the error, and a Flush of theirs
                // is skipped.
                self.skipping = true;
                self.flush().await?;
            }
        }
    }

    /// Tells the client of an error, and the session that its transaction failed.
    async fn report(&mut self, report: &Report) -> Result<(), Failure> {
        self.output.push(|out| backend::error(Severity::Error, report, out));
        let rolled_back = AssertUnwindSafe(self.session.finish(false)).catch_unwind().await;
        match rolled_back {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failure::Fatal(Box::new(error))),
            Err(panic) => Err(match panicked(&*panic) {
                Failure::Error(report) => Failure::Fatal(Box::new(report.error)),
                other => other,
            }),
        }
    }

    async fn farewell(&mut self, failure: Failure) {
        let error = match failure {
            Failure::Disconnected => return,
            Failure::Fatal(error) => *error,
            Failure::Error(report) => report.error,
        };
        let report = Report { error, context: None };
        self.output.push(|out| backend::error(Severity::Fatal, &report, out));
        // Last words are not worth waiting for a client that does not listen.
        let _ = tokio::time::timeout(FAREWELL_TIMEOUT, self.output.flush()).await;
    }

    async fn handle(&mut self, frame: Frame) -> Result<Flow, Failure> {
        // Between an error and Sync nothing is even decoded, except for the end.
        if self.skipping && !matches!(frame.kind, b'S' | b'X') {
            return Ok(Flow::Continue);
        }
        let message = frontend::decode(frame.kind, frame.body.clone())?;
        // The statement may ask for more messages: its own must not hold their place in the queue.
        drop(frame);
        match message {
            Message::Query(text) => self.simple_query(&text).await?,
            Message::Parse { name, text, parameter_oids } => {
                self.parse(name, text, &parameter_oids).await?;
            }
            Message::Bind(bind) => self.bind(bind)?,
            Message::Describe(target) => self.describe(&target)?,
            Message::Execute { portal, max_rows } => self.execute(portal, max_rows).await?,
            Message::Close(target) => self.close_target(&target),
            Message::Flush => self.flush().await?,
            Message::Sync => self.sync().await?,
            Message::Terminate => return Ok(Flow::Terminate),
            // Left over from a COPY that failed.
            Message::CopyData(_) | Message::CopyDone | Message::CopyFail(_) => {}
            Message::FunctionCall => {
                return Err(SqlError::unsupported(
                    "the function call message is not supported",
                    "Use SELECT function(...).",
                )
                .into());
            }
        }
        Ok(Flow::Continue)
    }

    async fn sync(&mut self) -> Result<(), Failure> {
        if self.skipping {
            self.skipping = false;
        } else {
            // A commit is not interrupted: the client could not know what became of it.
            if let Err(error) = self.session.finish(true).await {
                self.report(&Report { error, context: None }).await?;
            }
        }
        self.ready().await
    }

    /// Says that the connection waits for the next statement.
    pub(super) async fn ready(&mut self) -> Result<(), Failure> {
        let status = self.session.transaction_status();
        if status == TransactionStatus::Idle {
            self.portals.clear();
        }
        self.parameter_changes();
        self.output.push(|out| backend::ready_for_query(status, out));
        self.flush().await
    }

    /// Tells of reported parameters that changed.
    pub(super) fn parameter_changes(&mut self) {
        for (name, value) in self.session.take_parameter_changes() {
            self.output.push(|out| backend::parameter_status(&name, &value, out));
        }
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        let mut closed = self.interrupts.closed.clone();
        tokio::select! {
            biased;
            written = self.output.flush() => Ok(written?),
            () = is_set(&mut closed) => Err(Failure::Disconnected),
            failure = self.interrupts.ended() => Err(failure),
        }
    }

    /// Waits for the client, but not longer than the session allows.
    async fn next_frame(&mut self) -> Result<Frame, Failure> {
        let (timeout, state, cause) = match self.session.transaction_status() {
            TransactionStatus::Idle => (
                self.session.idle_session_timeout(),
                SqlState::IdleSessionTimeout,
                "idle-session timeout",
            ),
            _ => (
                self.session.idle_in_transaction_timeout(),
                SqlState::IdleInTransactionSessionTimeout,
                "idle-in-transaction timeout",
            ),
        };
        tokio::select! {
            biased;
            failure = self.interrupts.ended() => Err(failure),
            frame = self.input.next() => frame,
            () = sleep(timeout) => {
                Err(Failure::fatal(state, format!("terminating connection due to {cause}")))
            }
        }
    }
}

/// Time for the last message to a client.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);

/// Sleeps; for ever without a timeout.
async fn sleep(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

/// A panic as the client sees it. The panic hook has told the log.
fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let what = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    SqlError::new(SqlState::InternalError, "internal error: the statement panicked")
        .with_detail(what)
        .with_hint("This is a bug. The connection goes on.")
        .into()
}
