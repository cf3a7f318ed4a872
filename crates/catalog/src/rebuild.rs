//! [`Rebuild`]: a REBUILD that is under way, or the last ones that ended.
//!
//! It is in the catalogue so that a restart resumes it. How far it is, in rows, is not here.

use kappa_types::{RebuildId, RelationId, Timestamp};

use crate::Definition;

/// One run of REBUILD.
///
/// * `definitions` is not empty; the first is that of `relation`.
/// * No relation is in two rebuilds that have not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuild {
    /// Its id.
    pub id: RebuildId,
    /// The relation that the statement named: a view or a materialized view.
    pub relation: RelationId,
    /// Its name when the statement ran, qualified; the relation may be gone when this is read.
    pub relation_name: String,
    /// All that changes at the flip: the relation, then the dependents that are carried along, in
    /// topological order. Each version is new; shadows are kept under it.
    pub definitions: Vec<Definition>,
    /// How it runs.
    pub options: RebuildOptions,
    /// Where it is.
    pub phase: RebuildPhase,
    /// The statement as typed.
    pub text: String,
    /// Time of the DDL that began it. Set by the catalogue when the record is applied.
    pub started_at: Timestamp,
    /// Time of the DDL that ended it. Set by the catalogue when the record is applied.
    pub ended_at: Option<Timestamp>,
}

impl Rebuild {
    /// The new definition of `relation`, if this rebuild gives it one.
    #[must_use]
    pub fn definition(&self, relation: RelationId) -> Option<&Definition> {
        self.definitions.iter().find(|definition| definition.relation == relation)
    }
}

/// WITH of a REBUILD.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RebuildOptions {
    /// The statement returns at once.
    pub background: bool,
    /// Stop before the flip until APPLY.
    pub apply_manual: bool,
    /// Rows per second that the replay may read at most.
    pub rate_limit: Option<u64>,
}

/// Where a rebuild is, as far as a restart must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RebuildPhase {
    /// Replaying or following.
    Running,
    /// PAUSE.
    Paused,
    /// Caught up, and waits for APPLY (`apply = 'manual'`).
    Waiting,
    /// Flipped; ended.
    Applied,
    /// CANCEL; ended.
    Cancelled,
    /// Could not be finished; ended.
    Failed {
        /// Message for the user.
        reason: String,
    },
}

impl RebuildPhase {
    /// Whether nothing more will happen.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        matches!(self, Self::Applied | Self::Cancelled | Self::Failed { .. })
    }

    /// The word of `kappa_rebuilds.phase`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Waiting => "waiting",
            Self::Applied => "applied",
            Self::Cancelled => "cancelled",
            Self::Failed { .. } => "failed",
        }
    }
}
