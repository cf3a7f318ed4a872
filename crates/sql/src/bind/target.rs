//! Names of relations: those that must exist, and those that must be free.

use std::sync::Arc;

use kappa_catalog::{Relation, RelationKind};
use kappa_types::{SqlError, SqlState};

use super::{Planner, Target};
use crate::statement::{ColumnName, Name};

impl Planner {
    /// The relation of that name.
    ///
    /// # Errors
    /// 42P01.
    pub(super) fn existing(&self, name: &Name) -> Result<Arc<Relation>, SqlError> {
        let found = self.catalog.resolve(&self.search_path, name.namespace.as_deref(), &name.name);
        if let Some(found) = found {
            return Ok(found);
        }
        if self.system.schema(name.namespace.as_deref(), &name.name).is_some() {
            return Err(SqlError::new(
                SqlState::InsufficientPrivilege,
                format!("permission denied: \"{}\" is a system catalog", name.name),
            )
            .at(name.position));
        }
        Err(SqlError::new(SqlState::UndefinedTable, format!("relation \"{name}\" does not exist"))
            .at(name.position))
    }

    /// A relation whose rows can be written.
    ///
    /// # Errors
    /// 42P01, and 42809 for views.
    pub(super) fn writable(&self, name: &Name, verb: &str) -> Result<Arc<Relation>, SqlError> {
        let relation = self.existing(name)?;
        match relation.kind {
            RelationKind::Source { .. } | RelationKind::Table { .. } => Ok(relation),
            RelationKind::View { .. } | RelationKind::MaterializedView { .. } => {
                Err(SqlError::new(
                    SqlState::WrongObjectType,
                    format!("cannot {verb} {} \"{}\"", relation.kind.noun(), relation.name),
                )
                .with_hint("Write to the tables and sources that it reads.")
                .at(name.position))
            }
        }
    }

    /// Where a new relation goes. `may_exist` lets an existing one pass.
    ///
    /// # Errors
    /// 3F000 without the namespace, 42501 for system namespaces, 42P07 if the name is taken.
    pub(super) fn target(&self, name: &Name, may_exist: bool) -> Result<Target, SqlError> {
        let wanted = match &name.namespace {
            Some(namespace) => Some(namespace.as_str()),
            None => self
                .search_path
                .iter()
                .map(String::as_str)
                .find(|namespace| self.catalog.namespace_named(namespace).is_some()),
        };
        let Some(wanted) = wanted else {
            return Err(SqlError::new(
                SqlState::InvalidSchemaName,
                "no schema has been selected to create in",
            )
            .at(name.position));
        };
        let Some(namespace) = self.catalog.namespace_named(wanted) else {
            return Err(SqlError::new(
                SqlState::InvalidSchemaName,
                format!("schema \"{wanted}\" does not exist"),
            )
            .at(name.position));
        };
        if wanted == "pg_catalog" || wanted == "information_schema" {
            return Err(SqlError::new(
                SqlState::InsufficientPrivilege,
                format!("permission denied to create \"{wanted}.{}\"", name.name),
            )
            .with_detail("System catalog modifications are currently disallowed.")
            .at(name.position));
        }
        let existing = self.catalog.resolve(&[], Some(wanted), &name.name);
        if existing.is_some() && !may_exist {
            return Err(SqlError::new(
                SqlState::DuplicateTable,
                format!("relation \"{}\" already exists", name.name),
            ));
        }
        Ok(Target {
            namespace: namespace.id,
            namespace_name: namespace.name.clone(),
            name: name.name.clone(),
            existing,
        })
    }
}

/// The position of a column that a statement names.
///
/// # Errors
/// 42703.
pub(super) fn column_index(relation: &Relation, column: &ColumnName) -> Result<usize, SqlError> {
    relation.schema.index_of(&column.name).ok_or_else(|| {
        SqlError::new(
            SqlState::UndefinedColumn,
            format!("column \"{}\" of relation \"{}\" does not exist", column.name, relation.name),
        )
        .at(column.position)
    })
}

/// Fails with 42701 if a column is named twice.
pub(super) fn refuse_duplicates(columns: &[ColumnName]) -> Result<(), SqlError> {
    for (index, column) in columns.iter().enumerate() {
        if columns[..index].iter().any(|other| other.name == column.name) {
            return Err(SqlError::new(
                SqlState::DuplicateColumn,
                format!("column \"{}\" specified more than once", column.name),
            )
            .at(column.position));
        }
    }
    Ok(())
}
