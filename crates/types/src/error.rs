//! [`SqlError`]: an error as a Postgres client sees it.

use std::fmt;

use crate::SqlState;

/// What the user is told: code, message, detail, hint and position.
///
/// Messages are lower case, without a full stop, with quotes around names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlError {
    /// The code that clients react to.
    pub state: SqlState,
    /// One line.
    pub message: String,
    /// More about this case, whole sentences.
    pub detail: Option<String>,
    /// What to do about it, whole sentences.
    pub hint: Option<String>,
    /// 1-based character position in the statement text.
    pub position: Option<usize>,
}

impl SqlError {
    /// An error with only code and message.
    pub fn new(state: SqlState, message: impl Into<String>) -> Self {
        Self { state, message: message.into(), detail: None, hint: None, position: None }
    }

    /// 0A000: `what` is not supported; `hint` names what to use or what to wait for.
    pub fn unsupported(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(SqlState::FeatureNotSupported, what).with_hint(hint)
    }

    /// Adds the detail line.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds the hint line.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the 1-based character position.
    #[must_use]
    pub const fn at(mut self, position: usize) -> Self {
        self.position = Some(position);
        self
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SqlError {}
