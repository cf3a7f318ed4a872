//! ALTER VIEW … REBUILD.

use std::sync::Arc;

use kappa_catalog::{Relation, RelationKind};
use kappa_types::{ColumnId, SqlError, SqlState};

use super::{BoundDefinition, BoundRebuild, BoundRebuildAction, Planner};
use crate::statement::{QueryText, Rebuild, RebuildAction, RebuildOptions};

impl Planner {
    pub(super) fn rebuild(&self, rebuild: &Rebuild) -> Result<BoundRebuild, SqlError> {
        let relation = self.existing(&rebuild.name)?;
        if relation.is_base() {
            return Err(SqlError::new(
                SqlState::WrongObjectType,
                format!("\"{}\" is a {}, not a view", relation.name, relation.kind.noun()),
            )
            .with_hint("A table or source is the history that views are rebuilt from.")
            .at(rebuild.name.position));
        }
        let action = match &rebuild.action {
            RebuildAction::Start { query, emit_on_close, options } => {
                self.rebuild_start(&relation, query.as_ref(), *emit_on_close, *options)?
            }
            RebuildAction::Apply => BoundRebuildAction::Apply,
            RebuildAction::Cancel => BoundRebuildAction::Cancel,
            RebuildAction::Pause => BoundRebuildAction::Pause,
            RebuildAction::Resume => BoundRebuildAction::Resume,
        };
        Ok(BoundRebuild { relation, action })
    }

    fn rebuild_start(
        &self,
        relation: &Arc<Relation>,
        query: Option<&QueryText>,
        emit_on_close: Option<bool>,
        options: RebuildOptions,
    ) -> Result<BoundRebuildAction, SqlError> {
        let present_emit = match &relation.kind {
            RelationKind::MaterializedView { emit_on_close, .. } => Some(*emit_on_close),
            _ => None,
        };
        // A new query without EMIT is a view without EMIT; the present one keeps its own.
        let emit = match (query, emit_on_close) {
            (_, Some(given)) => given,
            (Some(_), None) => false,
            (None, None) => present_emit.unwrap_or(false),
        };
        if present_emit.is_none() && emit {
            return Err(SqlError::new(SqlState::WrongObjectType, "EMIT is for materialized views"));
        }
        let definition = match query {
            Some(query) => {
                let definition = self.definition(&query.query, &[], emit)?.0;
                self.refuse_cycle(relation, &definition)?;
                with_ids_of(relation, definition)
            }
            None => present(relation),
        };
        let plan = match present_emit {
            Some(_) => {
                let planner =
                    if query.is_some() { self.clone() } else { self.as_of_definition(relation) };
                Some(planner.plan_view(&definition.query, emit)?)
            }
            None => None,
        };
        let is_present = query.is_none();
        Ok(BoundRebuildAction::Start { is_present, definition, emit_on_close: emit, plan, options })
    }

    /// 42P17 for a view that would read itself.
    fn refuse_cycle(
        &self,
        relation: &Relation,
        definition: &BoundDefinition,
    ) -> Result<(), SqlError> {
        for dependency in &definition.dependencies {
            let read = dependency.relation;
            let below = self.catalog.dependencies_transitive(read);
            if read == relation.id || below.contains(&relation.id) {
                return Err(SqlError::new(
                    SqlState::InvalidObjectDefinition,
                    format!("view \"{}\" would read itself", relation.name),
                ));
            }
        }
        Ok(())
    }
}

/// The definition that a view has now.
fn present(relation: &Relation) -> BoundDefinition {
    BoundDefinition {
        query: relation.query().unwrap_or_default().to_owned(),
        columns: relation.schema.columns.clone(),
        dependencies: relation.dependencies.clone(),
    }
}

/// Columns that stay, by name, keep their ids; new ones get ids that were never used.
fn with_ids_of(relation: &Relation, mut definition: BoundDefinition) -> BoundDefinition {
    let mut next = relation.next_column;
    for column in &mut definition.columns {
        let old = relation.schema.columns.iter().find(|old| old.name == column.name);
        column.id = match old {
            Some(old) => old.id,
            None => {
                next += 1;
                ColumnId(next - 1)
            }
        };
    }
    definition
}
