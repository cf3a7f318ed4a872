//! Statements that change the catalogue: CREATE, DROP, COMMENT, REBUILD.
//!
//! The one idea: bind under the catalogue's lock, so that what was checked is still true when the
//! record is logged; then one record, see `engine/ddl.rs`. The session waits for its boundary, and,
//! for views, until they have read their history.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kappa_catalog::{DdlRecord, Definition, Edit, PUBLIC, Relation, RelationKind, Snapshot};
use kappa_connect::SourceState;
use kappa_dataflow::Phase;
use kappa_plan::ViewPlan;
use kappa_sql::statement::{Comment, CommentTarget};
use kappa_sql::{
    Bound, BoundCreateMaterializedView, BoundCreateRelation, BoundCreateView, BoundDefinition,
    BoundDrop, Target,
};
use kappa_types::{Schema, SqlError, SqlState, Timestamp, VersionId};
use kappa_wire::{ExecuteContext, Notice, Outcome};
use tokio::sync::OwnedMutexGuard;

use super::Session;
use super::execute::complete;
use super::prepared::{Prepared, StatementBody};
use super::show::{is_noun, resolve, wrong_noun};
use crate::engine::{Change, Connectors, Cut, Engine};

/// How often progress is told to a client that waits.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// How often it is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);

impl Session {
    /// Runs a statement that changes the catalogue.
    pub(super) async fn run_ddl(
        &mut self,
        prepared: &Prepared,
        body: &StatementBody,
        context: &ExecuteContext,
    ) -> Result<Outcome, SqlError> {
        let word = prepared.text.split_whitespace().next().unwrap_or("").to_uppercase();
        self.check_outside_block(&word)?;
        self.flush(context).await?;
        let guard = Arc::clone(&self.engine.ddl).lock_owned().await;
        let snapshot = self.engine.catalog.snapshot();
        let bound = self.bound_to(prepared, body, &snapshot, context.is_described)?;
        match bound.as_ref() {
            Bound::CreateRelation(create) => {
                self.create_relation(guard, &prepared.text, create, context).await
            }
            Bound::CreateView(create) => {
                self.create_view(guard, &prepared.text, create, context).await
            }
            Bound::CreateMaterializedView(create) => {
                self.create_materialized_view(guard, &prepared.text, create, context).await
            }
            Bound::Drop(drop) => self.drop_relations(guard, &prepared.text, drop, context).await,
            Bound::Comment(comment) => self.comment(guard, &prepared.text, comment, context).await,
            Bound::Rebuild(rebuild) => {
                self.run_rebuild(guard, &prepared.text, rebuild, context).await
            }
            _ => Err(SqlError::new(SqlState::InternalError, "not a statement on the catalogue")),
        }
    }

    /// Logs a change and waits until it has happened. That is not interrupted: nobody may be told
    /// that it did not happen.
    pub(super) async fn change(
        &self,
        guard: OwnedMutexGuard<()>,
        change: Change,
        context: &ExecuteContext,
    ) -> Result<Cut, SqlError> {
        let _held = context.cancel.hold();
        self.engine.change(guard, change).await
    }

    /// Drops the view whose creation has just been interrupted, as PostgreSQL would leave none. If
    /// somebody has made views above it meanwhile, it stays.
    pub(super) async fn undo_creation(&mut self) {
        let Some(id) = self.unfinished.take() else { return };
        let guard = Arc::clone(&self.engine.ddl).lock_owned().await;
        let Some(view) = self.engine.catalog.snapshot().relation(id) else { return };
        let text = format!("DROP MATERIALIZED VIEW {}", view.name);
        let record = self.record(&text, vec![Edit::DropRelation(id)]);
        let dropped = self.engine.change(guard, Change { record, ..Change::default() }).await;
        if let Err(error) = dropped {
            tracing::warn!(view = %view.name, %error, "a view stays though its creation was interrupted");
        }
    }

    /// The record of a statement, with the settings that it was bound with.
    pub(super) fn record(&self, text: &str, edits: Vec<Edit>) -> DdlRecord {
        let variables = self.parameters();
        DdlRecord {
            text: text.to_owned(),
            edits,
            time_zone: variables.value("TimeZone"),
            search_path: variables.search_path(),
        }
    }

    async fn create_relation(
        &mut self,
        guard: OwnedMutexGuard<()>,
        text: &str,
        create: &BoundCreateRelation,
        context: &ExecuteContext,
    ) -> Result<Outcome, SqlError> {
        let tag = if create.is_source { "CREATE SOURCE" } else { "CREATE TABLE" };
        if let Some(existing) = &create.target.existing {
            skip_existing(existing, context);
            return Ok(complete(tag));
        }
        let kind = if create.is_source {
            RelationKind::Source {
                watermark: create.watermark.clone(),
                connector: create.connector.clone(),
            }
        } else {
            RelationKind::Table {
                primary_key: create.primary_key.clone(),
                watermark: create.watermark.clone(),
            }
        };
        let schema = Schema {
            version: self.engine.catalog.ids().schema_version_id(),
            columns: create.columns.clone(),
        };
        let mut relation = self.new_relation(text, &create.target, kind, schema);
        relation.columns.clone_from(&create.definitions);
        let relation = Arc::new(relation);
        Connectors::check(&relation)?;
        let change = Change {
            record: self.record(text, vec![Edit::CreateRelation(Box::new((*relation).clone()))]),
            schemas: vec![(relation.id, relation.schema.clone())],
            ..Change::default()
        };
        let cut = self.change(guard, change, context).await?;
        if let Some(relation) = cut.snapshot.relation(relation.id) {
            let is_load = Connectors::start(&self.engine, &relation)?;
            if is_load {
                self.wait_until_loaded(&relation, context).await?;
            }
        }
        Ok(complete(tag))
    }

    /// Waits until a source that ends by itself has been read, telling the client how far it is.
    async fn wait_until_loaded(
        &self,
        relation: &Relation,
        context: &ExecuteContext,
    ) -> Result<(), SqlError> {
        let mut looks = tokio::time::interval(LOOK_INTERVAL);
        let mut tell = tokio::time::interval(PROGRESS_INTERVAL);
        tell.tick().await;
        loop {
            let is_time_to_tell = tokio::select! {
                _ = looks.tick() => false,
                _ = tell.tick() => true,
            };
            let status = self.engine.connectors.lock().status(relation.id);
            let Some(status) = status else { return Ok(()) };
            match status.state {
                SourceState::Ended | SourceState::Stopped => return Ok(()),
                SourceState::Failed(error) => return Err(error),
                SourceState::Retrying(error) if is_time_to_tell => {
                    let text = format!("\"{}\" is tried again: {error}", relation.name);
                    context.notices.send(Notice::new(text));
                }
                SourceState::Running if is_time_to_tell => {
                    let text = format!("\"{}\": {} rows read", relation.name, status.row_count);
                    context.notices.send(Notice::new(text));
                }
                SourceState::Running | SourceState::Retrying(_) => {}
            }
        }
    }

    fn new_relation(
        &self,
        text: &str,
        target: &Target,
        kind: RelationKind,
        schema: Schema,
    ) -> Relation {
        let ids = self.engine.catalog.ids();
        let keyed = matches!(&kind, RelationKind::Table { primary_key: Some(_), .. });
        let next_column = schema.columns.iter().map(|column| column.id.0).max().unwrap_or(0) + 1;
        let variables = self.parameters();
        Relation {
            id: ids.relation_id(),
            oid: ids.oid(),
            type_oid: ids.oid(),
            array_type_oid: ids.oid(),
            index_oid: keyed.then(|| ids.oid()),
            namespace: target.namespace,
            namespace_name: target.namespace_name.clone(),
            name: target.name.clone(),
            owner: self.user.clone(),
            created_at: Timestamp::MIN,
            comment: None,
            next_column,
            version: ids.version_id(),
            kind,
            columns: vec![kappa_catalog::ColumnDefinition::default(); schema.columns.len()],
            schema,
            dependencies: Vec::new(),
            text: text.to_owned(),
            time_zone: variables.value("TimeZone"),
            search_path: variables.search_path(),
        }
    }

    /// A definition of a relation that exists, under a new version.
    pub(super) fn new_definition(
        &self,
        text: &str,
        relation: &Relation,
        kind: RelationKind,
        bound: &BoundDefinition,
    ) -> Definition {
        let ids = self.engine.catalog.ids();
        let variables = self.parameters();
        Definition {
            relation: relation.id,
            version: ids.version_id(),
            kind,
            schema: Schema { version: ids.schema_version_id(), columns: bound.columns.clone() },
            columns: vec![kappa_catalog::ColumnDefinition::default(); bound.columns.len()],
            dependencies: bound.dependencies.clone(),
            text: text.to_owned(),
            time_zone: variables.value("TimeZone"),
            search_path: variables.search_path(),
        }
    }

    async fn create_view(
        &mut self,
        guard: OwnedMutexGuard<()>,
        text: &str,
        create: &BoundCreateView,
        context: &ExecuteContext,
    ) -> Result<Outcome, SqlError> {
        let kind = RelationKind::View { query: create.definition.query.clone() };
        if let Some(existing) = &create.target.existing {
            return self
                .replace_view(guard, text, existing, kind, &create.definition, context)
                .await;
        }
        let schema = Schema {
            version: self.engine.catalog.ids().schema_version_id(),
            columns: create.definition.columns.clone(),
        };
        let mut relation = self.new_relation(text, &create.target, kind, schema);
        relation.dependencies.clone_from(&create.definition.dependencies);
        let edits = vec![Edit::CreateRelation(Box::new(relation))];
        let change = Change { record: self.record(text, edits), ..Change::default() };
        self.change(guard, change, context).await?;
        Ok(complete("CREATE VIEW"))
    }

    async fn create_materialized_view(
        &mut self,
        guard: OwnedMutexGuard<()>,
        text: &str,
        create: &BoundCreateMaterializedView,
        context: &ExecuteContext,
    ) -> Result<Outcome, SqlError> {
        create.notices.iter().for_each(|notice| context.notices.send(Notice::new(notice)));
        if let Some(existing) = &create.target.existing {
            if create.replaces {
                return self
                    .replace_materialized_view(guard, text, existing, create, context)
                    .await;
            }
            skip_existing(existing, context);
            return Ok(complete("CREATE MATERIALIZED VIEW"));
        }
        Engine::check_plan(&create.plan)?;
        let kind = RelationKind::MaterializedView {
            query: create.definition.query.clone(),
            emit_on_close: create.emit_on_close,
            options: create.options.clone(),
        };
        let schema = Schema {
            version: self.engine.catalog.ids().schema_version_id(),
            columns: create.definition.columns.clone(),
        };
        let mut relation = self.new_relation(text, &create.target, kind, schema);
        relation.dependencies.clone_from(&create.definition.dependencies);
        let (id, version) = (relation.id, relation.version);
        let plan = Arc::new(create.plan.clone());
        let change = Change {
            record: self.record(text, vec![Edit::CreateRelation(Box::new(relation))]),
            plans: BTreeMap::from([(version, plan)]),
            ..Change::default()
        };
        self.unfinished = Some(id);
        self.change(guard, change, context).await?;
        // Where this is interrupted, `finish` undoes the creation.
        let live = self.wait_until_live(version, &create.target.name, context).await;
        self.unfinished = None;
        live?;
        Ok(complete("CREATE MATERIALIZED VIEW"))
    }

    /// Waits until a version has read its history, telling the client how far it is.
    async fn wait_until_live(
        &self,
        version: VersionId,
        name: &str,
        context: &ExecuteContext,
    ) -> Result<(), SqlError> {
        let mut looks = tokio::time::interval(LOOK_INTERVAL);
        let mut tell = tokio::time::interval(PROGRESS_INTERVAL);
        tell.tick().await;
        loop {
            tokio::select! {
                _ = looks.tick() => {
                    let Some(progress) = self.engine.progress(version) else { return Ok(()) };
                    if let Phase::Failed(reason) = progress.phase {
                        return Err(SqlError::new(
                            SqlState::ObjectNotInPrerequisiteState,
                            format!("materialized view \"{name}\" has failed"),
                        ).with_detail(reason).with_hint(format!("DROP MATERIALIZED VIEW {name} removes it.")));
                    }
                    if progress.live_from.is_some_and(|from| from <= self.engine.store.boundary()) {
                        return Ok(());
                    }
                }
                _ = tell.tick() => {
                    if let Some(progress) = self.engine.progress(version) {
                        context.notices.send(Notice::new(format!(
                            "\"{name}\": {} of {} rows read, {} rows/s",
                            progress.rows_done, progress.rows_total, progress.rows_per_second
                        )));
                    }
                }
            }
        }
    }

    async fn drop_relations(
        &mut self,
        guard: OwnedMutexGuard<()>,
        text: &str,
        drop: &BoundDrop,
        context: &ExecuteContext,
    ) -> Result<Outcome, SqlError> {
        for missing in &drop.missing {
            context.notices.send(Notice::new(format!("{missing} does not exist, skipping")));
        }
        if drop.relations.is_empty() {
            return Ok(complete(drop.tag));
        }
        let snapshot = self.engine.catalog.snapshot();
        let named: Vec<_> = drop.relations.iter().map(|relation| relation.id).collect();
        let mut order = Vec::new();
        for id in &named {
            let mut dependents = snapshot.dependents_transitive(*id);
            dependents.reverse();
            let added = if drop.cascade { dependents } else { Vec::new() };
            for id in added.into_iter().chain([*id]) {
                if !order.contains(&id) {
                    order.push(id);
                }
            }
        }
        notice_cascade(&snapshot, &order, &named, context);
        let bases: Vec<_> = order
            .iter()
            .copied()
            .filter(|id| snapshot.relation(*id).is_some_and(|relation| relation.is_base()))
            .collect();
        let edits: Vec<Edit> = order.iter().map(|id| Edit::DropRelation(*id)).collect();
        kappa_catalog::check(&snapshot, &edits)?;
        for id in &bases {
            let running = self.engine.connectors.lock().take(*id);
            if let Some(running) = running {
                tokio::task::block_in_place(|| running.stop());
            }
        }
        let change = Change { record: self.record(text, edits), drops: bases, ..Change::default() };
        self.change(guard, change, context).await?;
        Ok(complete(drop.tag))
    }

    async fn comment(
        &mut self,
        guard: OwnedMutexGuard<()>,
        text: &str,
        comment: &Comment,
        context: &ExecuteContext,
    ) -> Result<Outcome, SqlError> {
        let snapshot = self.engine.catalog.snapshot();
        let edit = match &comment.target {
            CommentTarget::Relation { noun, name } => {
                let relation = resolve(self, &snapshot, name)?;
                if !is_noun(&relation, *noun) {
                    return Err(wrong_noun(&relation, *noun).at(name.position));
                }
                let comment = comment.text.clone();
                Edit::SetComment { relation: relation.id, column: None, comment }
            }
            CommentTarget::Column { relation, column } => {
                let found = resolve(self, &snapshot, relation)?;
                let Some(index) = found.schema.index_of(&column.name) else {
                    return Err(SqlError::new(
                        SqlState::UndefinedColumn,
                        format!(
                            "column \"{}\" of relation \"{}\" does not exist",
                            column.name, found.name
                        ),
                    )
                    .at(column.position));
                };
                Edit::SetComment {
                    relation: found.id,
                    column: Some(found.schema.columns[index].id),
                    comment: comment.text.clone(),
                }
            }
            CommentTarget::Namespace(name) => {
                let namespace = snapshot.namespace_named(name).map_or(PUBLIC, |found| found.id);
                if snapshot.namespace_named(name).is_none() {
                    return Err(SqlError::new(
                        SqlState::InvalidSchemaName,
                        format!("schema \"{name}\" does not exist"),
                    ));
                }
                Edit::SetNamespaceComment { namespace, comment: comment.text.clone() }
            }
        };
        let change = Change { record: self.record(text, vec![edit]), ..Change::default() };
        self.change(guard, change, context).await?;
        Ok(complete("COMMENT"))
    }
}

fn skip_existing(existing: &Relation, context: &ExecuteContext) {
    let mut notice =
        Notice::new(format!("relation \"{}\" already exists, skipping", existing.name));
    notice.state = SqlState::DuplicateTable;
    context.notices.send(notice);
}

/// PostgreSQL's notice of what CASCADE takes along.
fn notice_cascade(
    snapshot: &Snapshot,
    order: &[kappa_types::RelationId],
    named: &[kappa_types::RelationId],
    context: &ExecuteContext,
) {
    let along: Vec<String> = order
        .iter()
        .filter(|id| !named.contains(id))
        .filter_map(|id| snapshot.relation(*id))
        .map(|relation| format!("{} {}", relation.kind.noun(), relation.name))
        .collect();
    match along.as_slice() {
        [] => {}
        [one] => context.notices.send(Notice::new(format!("drop cascades to {one}"))),
        many => {
            let mut notice = Notice::new(format!("drop cascades to {} other objects", many.len()));
            let lines: Vec<String> =
                many.iter().map(|one| format!("drop cascades to {one}")).collect();
            notice.detail = Some(lines.join("\n"));
            context.notices.send(notice);
        }
    }
}

/// Plans by the version they belong to.
pub(super) type PlanMap = BTreeMap<VersionId, Arc<ViewPlan>>;
