//! Notices: messages to the client while a statement runs.

use kappa_types::SqlState;
use tokio::sync::mpsc;

/// How important a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeSeverity {
    /// For who looks for the cause of something.
    Debug,
    /// Asked for by the client.
    Info,
    /// Worth knowing.
    Notice,
    /// Likely not meant.
    Warning,
}

impl NoticeSeverity {
    /// The word in the message.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Notice => "NOTICE",
            Self::Warning => "WARNING",
        }
    }
}

/// A message to the client that is not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How important it is.
    pub severity: NoticeSeverity,
    /// 00000 for plain notices, a warning's own code otherwise.
    pub state: SqlState,
    /// One line.
    pub message: String,
    /// More about this case.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Notice {
    /// A NOTICE with only a message.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            severity: NoticeSeverity::Notice,
            state: SqlState::SuccessfulCompletion,
            message: message.into(),
            detail: None,
            hint: None,
        }
    }

    /// A WARNING with a code.
    pub fn warning(state: SqlState, message: impl Into<String>) -> Self {
        Self { severity: NoticeSeverity::Warning, state, ..Self::new(message) }
    }
}

/// Sends notices of one statement to its client, at once.
#[derive(Clone, Debug)]
pub struct NoticeSender(mpsc::Sender<Notice>);

impl NoticeSender {
    /// Sends a notice. Where the client is so slow that
    /// [`ServerOptions::notice_count_max`](crate::ServerOptions::notice_count_max) notices wait,
    /// or the statement has ended, the notice is dropped.
    pub fn send(&self, notice: Notice) {
        if self.0.try_send(notice).is_err() {
            tracing::debug!("notice dropped");
        }
    }
}

/// The sender for a statement, and where its connection receives.
pub(crate) fn channel(count_max: usize) -> (NoticeSender, mpsc::Receiver<Notice>) {
    let (sender, receiver) = mpsc::channel(count_max.max(1));
    (NoticeSender(sender), receiver)
}
