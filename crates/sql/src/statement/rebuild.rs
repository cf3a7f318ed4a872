//! ALTER VIEW … REBUILD.

use super::{Name, QueryText};

/// `ALTER [MATERIALIZED] VIEW v REBUILD …`
#[derive(Clone, Debug, PartialEq)]
pub struct Rebuild {
    /// The view.
    pub name: Name,
    /// What to do.
    pub action: RebuildAction,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum RebuildAction {
    /// Begin: `REBUILD [WITH (…)] [AS query [EMIT …]] [WITH (…)]`
    Start {
        /// The new definition; `None` replays the present one.
        query: Option<QueryText>,
        /// EMIT as written after the query; `None` without the clause.
        emit_on_close: Option<bool>,
        /// WITH.
        options: RebuildOptions,
    },
    /// APPLY
    Apply,
    /// CANCEL
    Cancel,
    /// PAUSE
    Pause,
    /// RESUME
    Resume,
}

/// WITH of REBUILD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RebuildOptions {
    /// Return at once.
    pub background: bool,
    /// Stop before the flip until APPLY.
    pub apply_manual: bool,
    /// Rows per second that the replay may read at most.
    pub rate_limit: Option<u64>,
}
