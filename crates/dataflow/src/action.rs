//! [`Action`]: what DDL does to the running dataflows. Actions take effect at a boundary.

use std::collections::BTreeMap;
use std::sync::Arc;

use kappa_plan::ViewPlan;
use kappa_types::{ColumnId, RelationId, Schema, VersionId};

/// One change of what runs.
#[derive(Clone, Debug)]
pub enum Action {
    /// Starts a version: it hydrates from history and then follows the log.
    Install(Box<Install>),
    /// Ends a version: its dataflow is dropped on all workers and its contents leave the store
    /// (readers that hold them keep them).
    Remove {
        /// Which version.
        version: VersionId,
    },
    /// Swaps versions at this boundary, all at once: every live dataflow that reads an old version
    /// gets exactly the difference and follows the new one. The new versions must be live. Old
    /// versions run on until they are removed; removing them in the same list is the usual way.
    Flip {
        /// What replaces what.
        pairs: Vec<Flip>,
    },
    /// Makes a schema version known, before rows of it appear in the log.
    Schema {
        /// Source or table.
        relation: RelationId,
        /// Its columns from now on.
        schema: Schema,
    },
    /// Holds a version's hydration. A live version is not touched.
    Pause {
        /// Which version.
        version: VersionId,
    },
    /// Lets a held hydration go on.
    Resume {
        /// Which version.
        version: VersionId,
    },
    /// Bounds a version's hydration.
    RateLimit {
        /// Which version.
        version: VersionId,
        /// History rows per second; `None` is unbounded.
        rows_per_second: Option<u64>,
    },
}

/// A version to start.
#[derive(Clone, Debug)]
pub struct Install {
    /// The name of its state and contents; never used before.
    pub version: VersionId,
    /// The relation it is a version of.
    pub relation: RelationId,
    /// What it computes.
    pub plan: Arc<ViewPlan>,
    /// The ids of the output columns, in order, by which views above it name them.
    pub columns: Vec<ColumnId>,
    /// Where each relation of the plan comes from; exactly the relations the plan reads.
    pub inputs: BTreeMap<RelationId, InputSource>,
    /// History rows per second during hydration; `None` is unbounded.
    pub rate_limit: Option<u64>,
    /// Whether hydration waits for [`Action::Resume`].
    pub paused: bool,
}

/// Where the rows of an input come from.
#[derive(Clone, Debug)]
pub enum InputSource {
    /// A source or table: the log.
    Log {
        /// Every schema version in which the log may have rows of it, oldest first. The last one
        /// names and types the columns; rows without a column read as NULL there.
        schemas: Vec<Schema>,
    },
    /// A materialized view: this version of it, which must be installed before.
    View {
        /// Which version.
        version: VersionId,
    },
}

/// One swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flip {
    /// Whose definition changes.
    pub relation: RelationId,
    /// The version read before.
    pub old: VersionId,
    /// The version read from the boundary on.
    pub new: VersionId,
}
