//! REBUILD, CREATE OR REPLACE: a new definition of a view, and who has to come along.
//!
//! ```text
//! dependents of the view, in topological order, each either
//!   fed the difference at the flip   (it reads the view, and nothing it relied on changes)
//!   carried along as a shadow        (EMIT ON WINDOW CLOSE; a plain view inside it changes;
//!                                     it relied on a property that the change breaks)
//! ```
//! The one idea: one job, one record, one time. The shadows are bound against the catalogue as it
//! will be after the flip.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kappa_catalog::{
    Definition, Edit, Rebuild, RebuildOptions, RebuildPhase, Relation, RelationKind, Snapshot,
};
use kappa_plan::{Node, Operator, ViewPlan};
use kappa_sql::{BoundCreateMaterializedView, BoundDefinition, BoundRebuild, BoundRebuildAction};
use kappa_system::quote_identifier;
use kappa_types::{RelationId, SqlError, SqlState, Timestamp};
use kappa_wire::{ExecuteContext, Notice, Outcome};
use tokio::sync::OwnedMutexGuard;

use super::Session;
use super::ddl::PlanMap;
use super::execute::complete;
use super::planner::plan_definition;
use super::rebuild;
use crate::engine::{Change, Engine};

/// How often a client that waits is told the progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// How often it is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// What a rebuild does, bound and planned.
struct Job {
    definitions: Vec<Definition>,
    plans: PlanMap,
}

impl Session {
    /// ALTER VIEW … REBUILD …
    pub(super) async fn run_rebuild(
        &mut self,
        guard: OwnedMutexGuard<()>,
        text: &str,
        bound: &BoundRebuild,
        context: &ExecuteContext,
    ) -> Result<Outcome, SqlError> {
        let relation = &bound.relation;
        let tag = match relation.kind {
            RelationKind::View { .. } => "ALTER VIEW",
            _ => "ALTER MATERIALIZED VIEW",
        };
        let engine = Arc::clone(&self.engine);
        match &bound.action {
            BoundRebuildAction::Start { is_present, definition, emit_on_close, plan, options } => {
                let kind = rebuilt_kind(relation, definition, *emit_on_close);
                let created = created_text(relation, &kind);
                let mut new = self.new_definition(&created, relation, kind, definition);
                if *is_present {
                    // The same query under this session's settings could be another one.
                    let old = relation.definition();
                    new = Definition {
                        text: old.text,
                        time_zone: old.time_zone,
                        search_path: old.search_path,
                        ..new
                    };
                }
                let options = RebuildOptions {
                    background: options.background,
                    apply_manual: options.apply_manual,
                    rate_limit: options.rate_limit,
                };
                self.start_rebuild(guard, text, relation, new, plan.clone(), options, context)
                    .await?;
            }
            action => {
                drop(guard);
                let snapshot = engine.catalog.snapshot();
                let running =
                    snapshot.rebuild_of(relation.id).ok_or_else(|| no_rebuild(relation))?;
                let (id, phase) = (running.id, running.phase.clone());
                match action {
                    BoundRebuildAction::Apply => {
                        check_phase(&phase, &RebuildPhase::Waiting, "is not waiting for APPLY")?;
                        rebuild::apply(&engine, id).await?;
                    }
                    BoundRebuildAction::Cancel => {
                        rebuild::end(&engine, id, RebuildPhase::Cancelled).await?;
                    }
                    BoundRebuildAction::Pause => {
                        check_phase(&phase, &RebuildPhase::Running, "is not running")?;
                        rebuild::update(&engine, id, RebuildPhase::Paused).await?;
                    }
                    _ => {
                        check_phase(&phase, &RebuildPhase::Paused, "is not paused")?;
                        rebuild::update(&engine, id, RebuildPhase::Running).await?;
                    }
                }
            }
        }
        Ok(complete(tag))
    }

    /// CREATE OR REPLACE MATERIALIZED VIEW of one that exists: REBUILD AS.
    pub(super) async fn replace_materialized_view(
        &mut self,
        guard: OwnedMutexGuard<()>,
        text: &str,
        existing: &Arc<Relation>,
        create: &BoundCreateMaterializedView,
        context: &ExecuteContext,
    ) -> Result<Outcome, SqlError> {
        let kind = RelationKind::MaterializedView {
            query: create.definition.query.clone(),
            emit_on_close: create.emit_on_close,
            options: create.options.clone(),
        };
        let new = self.new_definition(text, existing, kind, &create.definition);
        let (plan, options) = (Some(create.plan.clone()), RebuildOptions::default());
        self.start_rebuild(guard, text, existing, new, plan, options, context).await?;
        Ok(complete("CREATE MATERIALIZED VIEW"))
    }

    /// CREATE OR REPLACE VIEW of one that exists: a rebuild of all materialized views above it, or,
    /// if there are none, a new text.
    pub(super) async fn replace_view(
        &mut self,
        guard: OwnedMutexGuard<()>,
        text: &str,
        existing: &Arc<Relation>,
        kind: RelationKind,
        definition: &BoundDefinition,
        context: &ExecuteContext,
    ) -> Result<Outcome, SqlError> {
        let new = self.new_definition(text, existing, kind, definition);
        let options = RebuildOptions::default();
        self.start_rebuild(guard, text, existing, new, None, options, context).await?;
        Ok(complete("CREATE VIEW"))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one statement, each of its own type"
    )]
    async fn start_rebuild(
        &mut self,
        guard: OwnedMutexGuard<()>,
        text: &str,
        relation: &Arc<Relation>,
        new: Definition,
        plan: Option<ViewPlan>,
        options: RebuildOptions,
        context: &ExecuteContext,
    ) -> Result<(), SqlError> {
        let engine = Arc::clone(&self.engine);
        let snapshot = engine.catalog.snapshot();
        let job = job(&engine, &snapshot, new, plan)?;
        if job.plans.is_empty() {
            // Nothing is kept: the new text takes effect at once.
            let edits = job.definitions.into_iter().map(|d| Edit::SetVersion(Box::new(d)));
            let record = self.record(text, edits.collect());
            self.change(guard, Change { record, ..Change::default() }, context).await?;
            return Ok(());
        }
        for plan in job.plans.values() {
            Engine::check_plan(plan)?;
        }
        let id = engine.catalog.ids().rebuild_id();
        let background = options.background;
        let started = Rebuild {
            id,
            relation: relation.id,
            relation_name: relation.name.clone(),
            definitions: job.definitions,
            options,
            phase: RebuildPhase::Running,
            text: text.to_owned(),
            started_at: Timestamp::MIN,
            ended_at: None,
        };
        let record = self.record(text, vec![Edit::CreateRebuild(Box::new(started))]);
        let change = Change { record, plans: job.plans, ..Change::default() };
        self.change(guard, change, context).await?;
        rebuild::spawn(&engine, id);
        if background {
            return Ok(());
        }
        wait(&engine, id, context).await
    }
}

fn rebuilt_kind(
    relation: &Relation,
    definition: &BoundDefinition,
    emit_on_close: bool,
) -> RelationKind {
    let query = definition.query.clone();
    match &relation.kind {
        RelationKind::MaterializedView { options, .. } => {
            RelationKind::MaterializedView { query, emit_on_close, options: options.clone() }
        }
        _ => RelationKind::View { query },
    }
}

/// A statement that makes the view as REBUILD AS leaves it, for SHOW CREATE.
fn created_text(relation: &Relation, kind: &RelationKind) -> String {
    let noun = kind.noun().to_uppercase();
    let name =
        [&relation.namespace_name, &relation.name].map(|part| quote_identifier(part)).join(".");
    format!("CREATE {noun} {name} AS {}", kind.definition_text().unwrap_or_default())
}

fn no_rebuild(relation: &Relation) -> SqlError {
    SqlError::new(
        SqlState::ObjectNotInPrerequisiteState,
        format!("no rebuild of \"{}\" is under way", relation.name),
    )
    .with_hint("SHOW REBUILDS lists them.")
}

fn check_phase(phase: &RebuildPhase, wanted: &RebuildPhase, what: &str) -> Result<(), SqlError> {
    if phase == wanted {
        return Ok(());
    }
    Err(SqlError::new(SqlState::ObjectNotInPrerequisiteState, format!("the rebuild {what}"))
        .with_detail(format!("It is {}.", phase.name())))
}

/// Waits until a rebuild has ended or waits for APPLY.
async fn wait(
    engine: &Arc<Engine>,
    id: kappa_types::RebuildId,
    context: &ExecuteContext,
) -> Result<(), SqlError> {
    let mut looks = tokio::time::interval(LOOK_INTERVAL);
    let mut tell = tokio::time::interval(PROGRESS_INTERVAL);
    tell.tick().await;
    loop {
        tokio::select! {
            _ = looks.tick() => {
                let snapshot = engine.catalog.snapshot();
                let Some(rebuild) = snapshot.rebuild(id) else { return Ok(()) };
                match &rebuild.phase {
                    RebuildPhase::Running | RebuildPhase::Paused => {}
                    RebuildPhase::Applied | RebuildPhase::Waiting => {
                        // However quick it was, whoever waited is told once.
                        tell_progress(engine, id, context);
                        return Ok(());
                    }
                    RebuildPhase::Cancelled => {
                        return Err(SqlError::new(SqlState::QueryCanceled, "the rebuild was cancelled"));
                    }
                    RebuildPhase::Failed { reason } => {
                        return Err(SqlError::new(
                            SqlState::ObjectNotInPrerequisiteState,
                            format!("rebuild of \"{}\" has failed", rebuild.relation_name),
                        ).with_detail(reason.clone()));
                    }
                }
            }
            _ = tell.tick() => tell_progress(engine, id, context),
        }
    }
}

fn tell_progress(engine: &Engine, id: kappa_types::RebuildId, context: &ExecuteContext) {
    let snapshot = engine.catalog.snapshot();
    let Some(running) = snapshot.rebuild(id) else { return };
    let shadows = rebuild::progress(engine, running);
    let done: u64 = shadows.iter().map(|progress| progress.rows_done).sum();
    let total: u64 = shadows.iter().map(|progress| progress.rows_total).sum();
    let speed: u64 = shadows.iter().map(|progress| progress.rows_per_second).sum();
    context.notices.send(Notice::new(format!(
        "rebuild of \"{}\": {done} of {total} rows, {speed} rows/s",
        running.relation_name
    )));
}

/// The new definition and those that come along, planned against the catalogue after the flip.
fn job(
    engine: &Arc<Engine>,
    snapshot: &Arc<Snapshot>,
    new: Definition,
    plan: Option<ViewPlan>,
) -> Result<Job, SqlError> {
    let root = new.relation;
    let mut plans = PlanMap::new();
    let keys_kept = plan.as_ref().is_some_and(|plan| keys_kept(engine, snapshot, root, plan));
    if let Some(plan) = plan {
        plans.insert(new.version, Arc::new(plan));
    }
    let mut definitions = vec![new];
    // Relations whose readers must be bound again, because they hold its text.
    let mut inlined: BTreeSet<RelationId> = BTreeSet::new();
    if matches!(definitions[0].kind, RelationKind::View { .. }) {
        inlined.insert(root);
    }
    let mut redefined: BTreeSet<RelationId> = [root].into();
    for id in snapshot.dependents_transitive(root) {
        let Some(dependent) = snapshot.relation(id) else { continue };
        let reads = |set: &BTreeSet<RelationId>| {
            dependent.dependencies.iter().any(|dependency| set.contains(&dependency.relation))
        };
        match &dependent.kind {
            RelationKind::View { .. }
                // A plain view passes on what it reads.
                if (reads(&redefined) || reads(&inlined)) => {
                    inlined.insert(id);
                }
            RelationKind::MaterializedView { emit_on_close, .. } => {
                let touched = reads(&redefined) || reads(&inlined);
                let carried = touched
                    && (*emit_on_close
                        || reads(&inlined)
                        || engine
                            .plans
                            .get(dependent.version)
                            .is_some_and(|plan| relies_on(&plan.root, &redefined, keys_kept)));
                if carried {
                    let version = engine.catalog.ids().version_id();
                    definitions.push(Definition { version, ..dependent.definition() });
                    redefined.insert(id);
                }
                // Who closes windows reads through it, whether it is carried or fed.
                if touched {
                    inlined_by_closing(snapshot, id, &mut redefined);
                }
            }
            _ => {}
        }
    }
    plan_carried(engine, snapshot, &definitions, &mut plans)?;
    Ok(Job { definitions, plans })
}

/// A view with EMIT ON WINDOW CLOSE holds the definitions of the views below it, so a change further
/// down concerns it even if the view in between is only fed the difference.
fn inlined_by_closing(snapshot: &Snapshot, id: RelationId, redefined: &mut BTreeSet<RelationId>) {
    let closing = snapshot.dependents(id).into_iter().any(|reader| {
        snapshot.relation(reader).is_some_and(|reader| {
            matches!(reader.kind, RelationKind::MaterializedView { emit_on_close: true, .. })
        })
    });
    if closing {
        redefined.insert(id);
    }
}

/// Whether a plan reads one of the relations and relied on more than its rows: that none is ever
/// taken away (the difference at the flip takes rows away), or on a key that the change breaks.
fn relies_on(node: &Node, changed: &BTreeSet<RelationId>, keys_kept: bool) -> bool {
    match &node.operator {
        Operator::Input(input) => {
            let keyed = !node.properties.unique_keys.is_empty();
            changed.contains(&input.relation)
                && (node.properties.append_only || keyed && !keys_kept)
        }
        _ => node.children().into_iter().any(|child| relies_on(child, changed, keys_kept)),
    }
}

/// Whether the new plan has the unique keys of the one that runs, in the same columns.
fn keys_kept(engine: &Engine, snapshot: &Snapshot, relation: RelationId, new: &ViewPlan) -> bool {
    let old = snapshot.relation(relation).and_then(|old| engine.plans.get(old.version));
    old.is_some_and(|old| {
        let names = |plan: &ViewPlan| -> Vec<String> {
            plan.root.schema.fields().iter().map(|field| field.name().clone()).collect()
        };
        old.root.properties.unique_keys == new.root.properties.unique_keys
            && names(&old) == names(new)
    })
}

fn plan_carried(
    engine: &Engine,
    snapshot: &Arc<Snapshot>,
    definitions: &[Definition],
    plans: &mut PlanMap,
) -> Result<(), SqlError> {
    let after = after_flip(snapshot, definitions);
    for definition in definitions {
        if plans.contains_key(&definition.version)
            || !matches!(definition.kind, RelationKind::MaterializedView { .. })
        {
            continue;
        }
        let mut known = engine.plans.all();
        known.extend(plans.iter().map(|(version, plan)| (*version, Arc::clone(plan))));
        let plan = plan_definition(&after, definition, &known, &*engine.clock)
            .map_err(|error| breaks_dependent(&after, definitions, definition, error))?;
        plans.insert(definition.version, Arc::new(plan));
    }
    Ok(())
}

/// 2BP01 for a change under which the definition of a view above means nothing any more. The error is
/// about a text that the client has not sent, so its position says nothing.
fn breaks_dependent(
    after: &Snapshot,
    definitions: &[Definition],
    dependent: &Definition,
    error: SqlError,
) -> SqlError {
    if error.state == SqlState::InternalError {
        return error;
    }
    let named = |id: RelationId| {
        after.relation(id).map_or_else(String::new, |relation| {
            format!("{} {}", relation.kind.noun(), relation.name)
        })
    };
    let changed = definitions.first().map_or_else(String::new, |root| named(root.relation));
    SqlError::new(
        SqlState::DependentObjectsStillExist,
        format!("cannot change {changed} because other objects depend on it"),
    )
    .with_detail(format!("{} would no longer hold: {}", named(dependent.relation), error.message))
    .with_hint("Columns may be added; those that are read must keep name and type.")
}

/// The catalogue as it will be when all of `definitions` have taken effect.
#[must_use]
pub fn after_flip(snapshot: &Snapshot, definitions: &[Definition]) -> Arc<Snapshot> {
    let edits: Vec<Edit> = definitions
        .iter()
        .map(|definition| Edit::SetVersion(Box::new(definition.clone())))
        .collect();
    Arc::new(snapshot.after(snapshot.time.next(), &edits))
}
