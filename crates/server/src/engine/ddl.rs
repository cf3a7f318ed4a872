//! Changing the catalogue: check, log, apply at the time of the record.
//!
//! ```text
//! session --(edits, plans)--> change() --commit--> log --group--> on_ddl (coordinator of dataflow)
//!                                                                   catalogue.apply, tables,
//!                                                                   actions: install, flip, remove
//! ```
//!
//! The one idea: a change happens when the live dataflow passes its record, for the catalogue, the
//! contents and the views alike; the session only waits for that boundary. After a restart the same
//! records make the same catalogue, and `initial_actions` starts what it names.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kappa_catalog::{
    Catalog, DdlRecord, Definition, Edit, Rebuild, RebuildPhase, Relation, RelationKind, Snapshot,
};
use kappa_dataflow::{Action, Flip, InputSource, Install};
use kappa_log::{Commit, fault_point};
use kappa_plan::{Properties, ViewPlan};
use kappa_types::{RelationId, Schema, SqlError, SqlState, Timestamp, VersionId};
use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use super::{Cut, Engine, Tables};

/// How long a change waits for its boundary before the session gives up waiting (the change itself
/// is durable and goes on).
const BOUNDARY_WAIT: Duration = Duration::from_secs(60);

/// A change that was bound and not yet logged.
#[derive(Debug, Default)]
pub struct Change {
    /// What it does to the catalogue.
    pub record: DdlRecord,
    /// New schema versions of base relations.
    pub schemas: Vec<(RelationId, Schema)>,
    /// Base relations whose history may go.
    pub drops: Vec<RelationId>,
    /// Plans of the versions that the record begins.
    pub plans: BTreeMap<VersionId, Arc<ViewPlan>>,
}

/// What runs at the coordinator when a DDL record passes.
pub struct Applier {
    /// Where the record is applied.
    pub catalog: Arc<Catalog>,
    /// Contents of tables.
    pub tables: Arc<Tables>,
    /// Plans that sessions made before they logged the record.
    pub plans: Arc<Plans>,
}

/// The plans of versions that run or are about to.
#[derive(Debug, Default)]
pub struct Plans(Mutex<BTreeMap<VersionId, Arc<ViewPlan>>>);

impl Plans {
    /// Keeps the plan of a version.
    pub fn insert(&self, version: VersionId, plan: Arc<ViewPlan>) {
        self.0.lock().insert(version, plan);
    }

    /// The plan of a version.
    #[must_use]
    pub fn get(&self, version: VersionId) -> Option<Arc<ViewPlan>> {
        self.0.lock().get(&version).cloned()
    }

    /// What is known of a version's changes.
    #[must_use]
    pub fn properties(&self, version: VersionId) -> Option<Properties> {
        self.0.lock().get(&version).map(|plan| plan.root.properties.clone())
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> BTreeMap<VersionId, Arc<ViewPlan>> {
        self.0.lock().clone()
    }

    fn remove(&self, version: VersionId) {
        self.0.lock().remove(&version);
    }
}

impl Applier {
    /// Applies the record at `time` and says what the dataflow has to do.
    ///
    /// # Panics
    /// If the record cannot be read: the log checks its bytes, so it was written wrong.
    pub fn apply(&self, time: Timestamp, bytes: &Bytes) -> Vec<Action> {
        let record = DdlRecord::decode(bytes).expect("the log returns what was written");
        let before = self.catalog.snapshot();
        let mut actions = Vec::new();
        for edit in &record.edits {
            self.begin(edit, &before, &mut actions);
        }
        let after = self.catalog.apply(time, &record);
        for edit in &record.edits {
            self.end(edit, &before, &after, &mut actions);
        }
        actions
    }

    /// What must be there before the catalogue names it.
    fn begin(&self, edit: &Edit, before: &Snapshot, actions: &mut Vec<Action>) {
        match edit {
            Edit::CreateRelation(relation) => match &relation.kind {
                RelationKind::Table { .. } => {
                    self.tables.create(relation);
                    actions.push(schema_action(relation));
                }
                RelationKind::Source { .. } => actions.push(schema_action(relation)),
                RelationKind::MaterializedView { .. } => {
                    let definition = relation.definition();
                    actions.extend(self.install(&definition, before, &[], None, false));
                }
                RelationKind::View { .. } => {}
            },
            Edit::CreateRebuild(rebuild) => {
                actions.extend(self.install_shadows(rebuild, before));
            }
            Edit::UpdateRebuild { rebuild, phase } => {
                let Some(rebuild) = before.rebuild(*rebuild) else { return };
                for definition in materialized(&rebuild.definitions) {
                    let version = definition.version;
                    match phase {
                        RebuildPhase::Paused => actions.push(Action::Pause { version }),
                        RebuildPhase::Running => actions.push(Action::Resume { version }),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    /// What follows once the catalogue has changed.
    fn end(&self, edit: &Edit, before: &Snapshot, after: &Snapshot, actions: &mut Vec<Action>) {
        match edit {
            Edit::DropRelation(id) => {
                let Some(relation) = before.relation(*id) else { return };
                match &relation.kind {
                    RelationKind::Table { .. } => self.tables.remove(&relation),
                    RelationKind::MaterializedView { .. } => {
                        self.plans.remove(relation.version);
                        actions.push(Action::Remove { version: relation.version });
                    }
                    _ => {}
                }
            }
            Edit::EndRebuild { rebuild, outcome } => {
                let Some(rebuild) = before.rebuild(*rebuild) else { return };
                actions.extend(self.end_rebuild(rebuild, outcome, before, after));
            }
            _ => {}
        }
    }

    fn end_rebuild(
        &self,
        rebuild: &Rebuild,
        outcome: &RebuildPhase,
        before: &Snapshot,
        after: &Snapshot,
    ) -> Vec<Action> {
        let definitions: Vec<&Definition> = materialized(&rebuild.definitions).collect();
        if *outcome != RebuildPhase::Applied {
            let ended = definitions.iter().rev().map(|definition| {
                self.plans.remove(definition.version);
                Action::Remove { version: definition.version }
            });
            return ended.collect();
        }
        let pairs: Vec<Flip> = definitions
            .iter()
            .filter_map(|definition| {
                let old = before.relation(definition.relation)?.version;
                after.relation(definition.relation)?;
                Some(Flip { relation: definition.relation, old, new: definition.version })
            })
            .collect();
        let removed: Vec<VersionId> = pairs.iter().rev().map(|pair| pair.old).collect();
        let mut actions = vec![Action::Flip { pairs }];
        for version in removed {
            self.plans.remove(version);
            actions.push(Action::Remove { version });
        }
        actions
    }

    fn install_shadows(&self, rebuild: &Rebuild, snapshot: &Snapshot) -> Vec<Action> {
        let paused = rebuild.phase == RebuildPhase::Paused;
        let limit = rebuild.options.rate_limit;
        let shadows = materialized(&rebuild.definitions);

        shadows
            .filter_map(|definition| {
                self.install(definition, snapshot, &rebuild.definitions, limit, paused)
            })
            .collect()
    }

    /// The installation of one version. Inputs that are in `shadows` are read in their new version.
    fn install(
        &self,
        definition: &Definition,
        snapshot: &Snapshot,
        shadows: &[Definition],
        rate_limit: Option<u64>,
        paused: bool,
    ) -> Option<Action> {
        let plan = self.plans.get(definition.version)?;
        let inputs = plan
            .relations()
            .into_iter()
            .filter_map(|id| Some((id, input_source(id, snapshot, shadows)?)))
            .collect();
        let install = Install {
            version: definition.version,
            relation: definition.relation,
            plan,
            columns: definition.schema.columns.iter().map(|column| column.id).collect(),
            inputs,
            rate_limit,
            paused,
        };
        Some(Action::Install(Box::new(install)))
    }

    /// What runs after a start: every materialized view, then the shadows of rebuilds under way.
    /// Their plans must have been inserted.
    #[must_use]
    pub fn initial_actions(&self, snapshot: &Snapshot) -> Vec<Action> {
        let mut actions = Vec::new();
        for relation in snapshot.relations_in_dependency_order() {
            match &relation.kind {
                RelationKind::MaterializedView { .. } => {
                    actions.extend(self.install(
                        &relation.definition(),
                        snapshot,
                        &[],
                        None,
                        false,
                    ));
                }
                RelationKind::View { .. } => {}
                _ => actions.push(schema_action(&relation)),
            }
        }
        for rebuild in snapshot.rebuilds_active() {
            actions.extend(self.install_shadows(rebuild, snapshot));
        }
        actions
    }
}

fn schema_action(relation: &Relation) -> Action {
    Action::Schema { relation: relation.id, schema: relation.schema.clone() }
}

fn input_source(
    id: RelationId,
    snapshot: &Snapshot,
    shadows: &[Definition],
) -> Option<InputSource> {
    if let Some(shadow) = materialized(shadows).find(|shadow| shadow.relation == id) {
        return Some(InputSource::View { version: shadow.version });
    }
    let relation = snapshot.relation(id)?;
    if relation.is_base() {
        Some(InputSource::Log { schemas: vec![relation.schema.clone()] })
    } else {
        Some(InputSource::View { version: relation.version })
    }
}

/// The definitions that have contents. A rebuild of a plain view lists the view itself, too.
fn materialized(definitions: &[Definition]) -> impl DoubleEndedIterator<Item = &Definition> {
    definitions
        .iter()
        .filter(|definition| matches!(definition.kind, RelationKind::MaterializedView { .. }))
}

impl Engine {
    /// Logs a change and waits until it has happened. `guard` is that of [`Engine::ddl`], held from
    /// binding on; it is given back when the change has happened.
    ///
    /// # Errors
    /// What [`kappa_catalog::check`] finds; nothing happened then. Errors of the log.
    pub async fn change(
        self: &Arc<Self>,
        guard: OwnedMutexGuard<()>,
        change: Change,
    ) -> Result<Cut, SqlError> {
        kappa_catalog::check(&self.catalog.snapshot(), &change.record.edits)?;
        let engine = Arc::clone(self);
        // A task of its own: a client that goes away must not give the lock back too early.
        let changed = self.tasks.spawn(async move {
            let cut = engine.log_change(change).await;
            drop(guard);
            cut
        });
        changed.await.map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))?
    }

    async fn log_change(self: &Arc<Self>, change: Change) -> Result<Cut, SqlError> {
        let retiring = self.retire(&change.record.edits);
        for (version, plan) in change.plans {
            self.plans.insert(version, plan);
        }
        let commit = Commit {
            ddl: Some(change.record.encode()),
            schemas: change.schemas,
            drops: change.drops,
            ..Commit::default()
        };
        let committed = self.commit(commit).await;
        self.end_retiring(&retiring, committed.as_ref().ok().copied());
        let time = committed?;
        fault_point("ddl.logged");
        self.cut(time, BOUNDARY_WAIT).await
    }
}
