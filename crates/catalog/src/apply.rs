//! Applying edits to a snapshot. It cannot fail: [`crate::check()`] came before the log.

use std::sync::Arc;

use kappa_types::Timestamp;

use crate::{Edit, RebuildPhase, Snapshot};

/// Ended rebuilds that are kept for `kappa_rebuilds`, the youngest.
pub const ENDED_REBUILD_COUNT_MAX: usize = 64;

impl Snapshot {
    /// This snapshot after `edits` at `time`.
    ///
    /// # Panics
    /// If an edit does not fit, such as a drop of a relation that is not there: then the log was
    /// written without [`crate::check()`].
    #[must_use]
    pub fn after(&self, time: Timestamp, edits: &[Edit]) -> Self {
        let mut next = self.clone();
        next.time = time;
        edits.iter().for_each(|edit| next.apply(time, edit));
        next.forget_ended_rebuilds();
        next
    }

    fn apply(&mut self, time: Timestamp, edit: &Edit) {
        match edit {
            Edit::CreateNamespace(namespace) => {
                self.counters.pass_namespace(namespace.id, namespace.oid);
                self.namespaces.insert(namespace.id, Arc::new(namespace.clone()));
            }
            Edit::DropNamespace(id) => {
                self.namespaces.remove(id).expect("a dropped namespace exists");
            }
            Edit::CreateRelation(relation) => {
                let mut relation = relation.as_ref().clone();
                assert_eq!(relation.columns.len(), relation.schema.columns.len());
                let columns = relation.schema.columns.iter();
                let next_column = columns.map(|column| column.id.0 + 1).max().unwrap_or(1);
                relation.next_column = relation.next_column.max(next_column);
                relation.created_at = time;
                self.put(relation);
            }
            Edit::DropRelation(id) => {
                self.take(*id).expect("a dropped relation exists");
            }
            Edit::SetVersion(definition) => {
                assert_eq!(definition.columns.len(), definition.schema.columns.len());
                self.change(definition.relation, |relation| relation.define(definition));
            }
            Edit::RenameRelation { relation, name } => {
                self.change(*relation, |relation| relation.name.clone_from(name));
            }
            Edit::SetComment { relation, column, comment } => {
                self.change(*relation, |relation| match column {
                    None => relation.comment.clone_from(comment),
                    Some(id) => {
                        let mut ids = relation.schema.columns.iter().map(|column| column.id);
                        let index = ids.position(|other| other == *id);
                        let index = index.expect("a column with a new comment exists");
                        relation.columns[index].comment.clone_from(comment);
                    }
                });
            }
            Edit::SetNamespaceComment { namespace, comment } => {
                let namespace = self.namespaces.get_mut(namespace);
                let namespace = namespace.expect("a namespace with a new comment exists");
                Arc::make_mut(namespace).comment.clone_from(comment);
            }
            Edit::CreateRebuild(rebuild) => {
                assert!(!rebuild.definitions.is_empty(), "a rebuild defines something");
                let mut rebuild = rebuild.as_ref().clone();
                rebuild.started_at = time;
                self.counters.pass_rebuild(&rebuild);
                self.rebuilds.insert(rebuild.id, Arc::new(rebuild));
            }
            Edit::UpdateRebuild { rebuild, phase } => {
                self.set_phase(*rebuild, phase, None);
            }
            Edit::EndRebuild { rebuild, outcome } => {
                self.set_phase(*rebuild, outcome, Some(time));
            }
        }
    }

    fn change(&mut self, id: kappa_types::RelationId, change: impl FnOnce(&mut crate::Relation)) {
        let relation = self.relations.get(&id).expect("a changed relation exists");
        let mut relation = relation.as_ref().clone();
        change(&mut relation);
        self.put(relation);
    }

    fn set_phase(
        &mut self,
        id: kappa_types::RebuildId,
        phase: &RebuildPhase,
        ended_at: Option<Timestamp>,
    ) {
        let rebuild = self.rebuilds.get_mut(&id).expect("a changed rebuild exists");
        assert!(!rebuild.phase.is_ended(), "an ended rebuild stays as it is");
        assert_eq!(phase.is_ended(), ended_at.is_some(), "only EndRebuild ends a rebuild");
        let rebuild = Arc::make_mut(rebuild);
        rebuild.phase = phase.clone();
        rebuild.ended_at = ended_at;
    }

    fn forget_ended_rebuilds(&mut self) {
        let ended: Vec<_> = self
            .rebuilds
            .values()
            .filter(|rebuild| rebuild.phase.is_ended())
            .map(|rebuild| rebuild.id)
            .collect();
        let surplus = ended.len().saturating_sub(ENDED_REBUILD_COUNT_MAX);
        for id in &ended[..surplus] {
            self.rebuilds.remove(id);
        }
    }
}
