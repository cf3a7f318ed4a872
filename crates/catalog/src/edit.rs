//! [`Edit`] and [`DdlRecord`]: what a DDL statement does to the catalogue, applied at one time.

use kappa_types::{ColumnId, NamespaceId, RebuildId, RelationId};

use crate::{Definition, Namespace, Rebuild, RebuildPhase, Relation};

/// One statement's edits, as they stand in the log: all of them happen, at the time of the commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DdlRecord {
    /// The statement as typed.
    pub text: String,
    /// What it does, in order.
    pub edits: Vec<Edit>,
    /// TimeZone of the session.
    pub time_zone: String,
    /// search_path of the session.
    pub search_path: Vec<String>,
}

/// One change of the catalogue. All ids are in it; applying allocates nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// CREATE SCHEMA.
    CreateNamespace(Namespace),
    /// DROP SCHEMA; it must be empty.
    DropNamespace(NamespaceId),
    /// CREATE SOURCE, TABLE, VIEW, MATERIALIZED VIEW.
    CreateRelation(Box<Relation>),
    /// DROP. CASCADE is one of these for each dependent.
    DropRelation(RelationId),
    /// A relation takes a new definition: the flip of a rebuild, or CREATE OR REPLACE VIEW of a
    /// view that nothing materialized reads.
    SetVersion(Box<Definition>),
    /// ALTER … RENAME TO. Readers are bound by id and keep working.
    RenameRelation {
        /// Which relation.
        relation: RelationId,
        /// Its new name.
        name: String,
    },
    /// REBUILD begins.
    CreateRebuild(Box<Rebuild>),
    /// PAUSE, RESUME, or the replay has caught up and waits for APPLY.
    UpdateRebuild {
        /// Which rebuild.
        rebuild: RebuildId,
        /// Not an ended one.
        phase: RebuildPhase,
    },
    /// REBUILD ends. With [`RebuildPhase::Applied`] the record holds a [`Edit::SetVersion`] for each
    /// of its definitions too.
    EndRebuild {
        /// Which rebuild.
        rebuild: RebuildId,
        /// An ended one.
        outcome: RebuildPhase,
    },
    /// COMMENT ON a relation or one of its columns.
    SetComment {
        /// Which relation.
        relation: RelationId,
        /// Which column; `None` for the relation itself.
        column: Option<ColumnId>,
        /// The text; `None` takes it away.
        comment: Option<String>,
    },
    /// COMMENT ON SCHEMA.
    SetNamespaceComment {
        /// Which namespace.
        namespace: NamespaceId,
        /// The text; `None` takes it away.
        comment: Option<String>,
    },
}
