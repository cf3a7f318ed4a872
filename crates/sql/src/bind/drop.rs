//! DROP.

use kappa_catalog::RelationKind;
use kappa_types::{SqlError, SqlState};

use super::{BoundDrop, Planner};
use crate::statement::{Drop, RelationNoun};

impl Planner {
    pub(super) fn drop_relations(&self, drop: &Drop) -> Result<BoundDrop, SqlError> {
        let mut relations = Vec::new();
        let mut missing = Vec::new();
        for name in &drop.names {
            let found =
                self.catalog.resolve(&self.search_path, name.namespace.as_deref(), &name.name);
            let Some(relation) = found else {
                if drop.if_exists {
                    missing.push(format!("{} \"{name}\"", drop.noun.name()));
                    continue;
                }
                return Err(SqlError::new(
                    SqlState::UndefinedTable,
                    format!("{} \"{name}\" does not exist", drop.noun.name()),
                ));
            };
            if noun_of(&relation.kind) != drop.noun {
                let is = noun_of(&relation.kind);
                return Err(SqlError::new(
                    SqlState::WrongObjectType,
                    format!("\"{}\" is not a {}", relation.name, drop.noun.name()),
                )
                .with_hint(format!(
                    "Use DROP {} to remove a {}.",
                    is.name().to_ascii_uppercase(),
                    is.name()
                )));
            }
            if !relations
                .iter()
                .any(|other: &std::sync::Arc<kappa_catalog::Relation>| other.id == relation.id)
            {
                relations.push(relation);
            }
        }
        let tag = match drop.noun {
            RelationNoun::Source => "DROP SOURCE",
            RelationNoun::Table => "DROP TABLE",
            RelationNoun::View => "DROP VIEW",
            RelationNoun::MaterializedView => "DROP MATERIALIZED VIEW",
        };
        Ok(BoundDrop { relations, missing, cascade: drop.cascade, tag })
    }
}

/// The word for a kind of relation.
pub(super) const fn noun_of(kind: &RelationKind) -> RelationNoun {
    match kind {
        RelationKind::Source { .. } => RelationNoun::Source,
        RelationKind::Table { .. } => RelationNoun::Table,
        RelationKind::View { .. } => RelationNoun::View,
        RelationKind::MaterializedView { .. } => RelationNoun::MaterializedView,
    }
}
