//! [`check`]: whether a statement's edits may be applied. Asked before the log, under the DDL lock.
//!
//! The one idea: the edits are tried one after another on a snapshot of their own, each against what
//! those before it left; what must hold of the whole (nothing reads a dropped relation) is asked at
//! the end, so that CASCADE may list its drops in any order.
//!
//! It does not know SQL: types of expressions, grants and options are checked by whoever made the
//! edits.

use std::collections::BTreeSet;

use kappa_types::{ColumnId, NamespaceId, RebuildId, RelationId, SqlError, SqlState, Timestamp};

use crate::{Definition, Edit, INFORMATION_SCHEMA, PG_CATALOG, Rebuild, Relation, Snapshot};

/// Columns of a relation, as in PostgreSQL.
pub const COLUMN_COUNT_MAX: usize = 1600;
/// Lines that a DETAIL of dependents shows; PostgreSQL's `MAX_REPORTED_DEPS`.
const DEPENDENT_LINE_COUNT_MAX: usize = 100;

/// Checks `edits` against `snapshot`.
///
/// # Errors
/// 42P07, 42P06, 42P01, 3F000, 42703, 42704 (names), 2BP01 (dependents, with PostgreSQL's detail and
/// hint), 55006 (a rebuild is in the way), 55000 (a rebuild in another phase), 42P16 and 54011 (a
/// column list that cannot be), 42939 (`pg_catalog`).
pub fn check(snapshot: &Snapshot, edits: &[Edit]) -> Result<(), SqlError> {
    check_rebuilds_free(snapshot, edits)?;
    check_dropped_unread(snapshot, edits)?;
    let mut next = snapshot.clone();
    for edit in edits {
        check_edit(&next, edit)?;
        // The time does not matter to what is checked; it is not kept.
        next = next.after(Timestamp(snapshot.time.0.saturating_add(1)), std::slice::from_ref(edit));
    }
    check_readers_bound(&next, edits)
}

fn check_edit(at: &Snapshot, edit: &Edit) -> Result<(), SqlError> {
    match edit {
        Edit::CreateNamespace(namespace) => match at.namespace_named(&namespace.name) {
            Some(_) => Err(SqlError::new(
                SqlState::DuplicateSchema,
                format!("schema \"{}\" already exists", namespace.name),
            )),
            None if namespace.name.starts_with("pg_") => Err(SqlError::new(
                SqlState::ReservedName,
                format!("unacceptable schema name \"{}\"", namespace.name),
            )
            .with_detail("The prefix \"pg_\" is reserved for system schemas.")),
            None => Ok(()),
        },
        Edit::DropNamespace(id) => check_drop_namespace(at, *id),
        Edit::CreateRelation(relation) => check_create(at, relation),
        Edit::DropRelation(id) => existing(at, *id).map(|_| ()),
        Edit::SetVersion(definition) => check_definition(at, definition),
        Edit::RenameRelation { relation, name } => {
            let relation = existing(at, *relation)?;
            check_name_free(at, relation.namespace, name)
        }
        Edit::CreateRebuild(rebuild) => check_rebuild(at, rebuild),
        Edit::UpdateRebuild { rebuild, phase } => {
            check_active(at, *rebuild)?;
            match phase.is_ended() {
                true => Err(broken("a rebuild ends by EndRebuild")),
                false => Ok(()),
            }
        }
        Edit::EndRebuild { rebuild, outcome } => {
            check_active(at, *rebuild)?;
            match outcome.is_ended() {
                true => Ok(()),
                false => Err(broken("EndRebuild ends a rebuild")),
            }
        }
        Edit::SetComment { relation, column, .. } => {
            let relation = existing(at, *relation)?;
            column.map_or(Ok(()), |column| check_column(&relation, column))
        }
        Edit::SetNamespaceComment { namespace, .. } => existing_namespace(at, *namespace),
    }
}

/// An edit that only a programming error can make.
fn broken(message: &str) -> SqlError {
    SqlError::new(SqlState::InternalError, message)
}

fn existing(at: &Snapshot, id: RelationId) -> Result<std::sync::Arc<Relation>, SqlError> {
    at.relation(id).ok_or_else(|| {
        SqlError::new(SqlState::UndefinedTable, format!("relation with id {id} does not exist"))
    })
}

fn existing_namespace(at: &Snapshot, id: NamespaceId) -> Result<(), SqlError> {
    at.namespace(id).map(|_| ()).ok_or_else(|| {
        SqlError::new(SqlState::InvalidSchemaName, format!("schema with id {id} does not exist"))
    })
}

fn check_column(relation: &Relation, id: ColumnId) -> Result<(), SqlError> {
    if relation.schema.columns.iter().any(|column| column.id == id) {
        return Ok(());
    }
    let message = format!("column with id {id} of relation \"{}\" does not exist", relation.name);
    Err(SqlError::new(SqlState::UndefinedColumn, message))
}

fn check_name_free(at: &Snapshot, namespace: NamespaceId, name: &str) -> Result<(), SqlError> {
    match at.named(namespace, name) {
        None => Ok(()),
        Some(_) => Err(SqlError::new(
            SqlState::DuplicateTable,
            format!("relation \"{name}\" already exists"),
        )),
    }
}

fn check_create(at: &Snapshot, relation: &Relation) -> Result<(), SqlError> {
    existing_namespace(at, relation.namespace)?;
    if [PG_CATALOG, INFORMATION_SCHEMA].contains(&relation.namespace) {
        let message = format!("permission denied to create \"{}\"", relation.qualified_name());
        return Err(SqlError::new(SqlState::InsufficientPrivilege, message)
            .with_detail("System catalog modifications are currently disallowed."));
    }
    check_name_free(at, relation.namespace, &relation.name)?;
    if at.relation(relation.id).is_some() || at.by_oid(relation.oid).is_some() {
        return Err(broken("an id was given out twice"));
    }
    check_columns(&relation.definition())?;
    check_dependencies(at, &relation.definition())
}

fn check_columns(definition: &Definition) -> Result<(), SqlError> {
    let columns = &definition.schema.columns;
    if columns.len() != definition.columns.len() {
        return Err(broken("one column definition per column"));
    }
    if columns.len() > COLUMN_COUNT_MAX {
        let message = format!("tables can have at most {COLUMN_COUNT_MAX} columns");
        return Err(SqlError::new(SqlState::TooManyColumns, message));
    }
    let mut names = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for column in columns {
        if !names.insert(&column.name) {
            let message = format!("column \"{}\" specified more than once", column.name);
            return Err(SqlError::new(SqlState::DuplicateColumn, message));
        }
        if !ids.insert(column.id) {
            return Err(broken("a column id was given out twice"));
        }
    }
    Ok(())
}

fn check_dependencies(at: &Snapshot, definition: &Definition) -> Result<(), SqlError> {
    let mut seen = BTreeSet::new();
    for dependency in &definition.dependencies {
        let read = existing(at, dependency.relation)?;
        if !seen.insert(dependency.relation) {
            return Err(broken("each relation that is read stands once in the dependencies"));
        }
        let below = at.dependencies_transitive(dependency.relation);
        if dependency.relation == definition.relation || below.contains(&definition.relation) {
            let message = format!("\"{}\" cannot read itself, not even through others", read.name);
            return Err(SqlError::new(SqlState::InvalidObjectDefinition, message));
        }
        dependency.columns.iter().try_for_each(|(column, _)| check_column(&read, *column))?;
    }
    Ok(())
}

fn check_definition(at: &Snapshot, definition: &Definition) -> Result<(), SqlError> {
    let relation = existing(at, definition.relation)?;
    if std::mem::discriminant(&relation.kind) != std::mem::discriminant(&definition.kind) {
        let message = format!("\"{}\" is not a {}", relation.name, definition.kind.noun());
        return Err(SqlError::new(SqlState::WrongObjectType, message));
    }
    check_columns(definition)?;
    check_dependencies(at, definition)
}

fn check_rebuild(at: &Snapshot, rebuild: &Rebuild) -> Result<(), SqlError> {
    if at.rebuild(rebuild.id).is_some() || rebuild.phase.is_ended() {
        return Err(broken("a rebuild begins once and is not over at its beginning"));
    }
    if rebuild.definitions.first().map(|definition| definition.relation) != Some(rebuild.relation) {
        return Err(broken("the first definition of a rebuild is that of its relation"));
    }
    // Tried in order, since a carried dependent reads the new columns of those before it.
    let mut next = at.clone();
    for definition in &rebuild.definitions {
        check_definition(&next, definition)?;
        let edit = Edit::SetVersion(Box::new(definition.clone()));
        next = next.after(at.time, std::slice::from_ref(&edit));
    }
    let flips: Vec<Edit> = rebuild
        .definitions
        .iter()
        .map(|definition| Edit::SetVersion(Box::new(definition.clone())))
        .collect();
    check_readers_bound(&next, &flips)
}

fn check_active(at: &Snapshot, id: RebuildId) -> Result<(), SqlError> {
    match at.rebuild(id) {
        Some(rebuild) if !rebuild.phase.is_ended() => Ok(()),
        Some(rebuild) => Err(SqlError::new(
            SqlState::ObjectNotInPrerequisiteState,
            format!("rebuild of \"{}\" has ended", rebuild.relation_name),
        )),
        None => Err(SqlError::new(
            SqlState::UndefinedObject,
            format!("rebuild with id {id} does not exist"),
        )),
    }
}

/// Dropping or redefining what a rebuild is made of must wait until the rebuild ends, unless it ends
/// in the same record.
fn check_rebuilds_free(at: &Snapshot, edits: &[Edit]) -> Result<(), SqlError> {
    let ends = |id: RebuildId| {
        edits.iter().any(|edit| matches!(edit, Edit::EndRebuild { rebuild, .. } if *rebuild == id))
    };
    let touched = edits.iter().flat_map(|edit| match edit {
        Edit::DropRelation(id) => vec![*id],
        Edit::RenameRelation { relation, .. } => vec![*relation],
        Edit::SetVersion(definition) => vec![definition.relation],
        Edit::CreateRebuild(rebuild) => {
            rebuild.definitions.iter().map(|definition| definition.relation).collect()
        }
        _ => Vec::new(),
    });
    for id in touched {
        let Some(rebuild) = at.rebuild_touching(id).filter(|rebuild| !ends(rebuild.id)) else {
            continue;
        };
        let name = at.relation(id).map_or_else(|| id.to_string(), |found| found.name.clone());
        let message = format!("cannot change \"{name}\" because it takes part in a rebuild");
        let hint = format!(
            "Wait until it ends, or stop it with ALTER VIEW {} REBUILD CANCEL.",
            rebuild.relation_name
        );
        return Err(SqlError::new(SqlState::ObjectInUse, message)
            .with_detail(format!("A rebuild of \"{}\" is under way.", rebuild.relation_name))
            .with_hint(hint));
    }
    Ok(())
}

/// Every relation that reads a dropped one must be dropped in the same record.
fn check_dropped_unread(at: &Snapshot, edits: &[Edit]) -> Result<(), SqlError> {
    let dropped: Vec<RelationId> = edits
        .iter()
        .filter_map(|edit| match edit {
            Edit::DropRelation(id) => Some(*id),
            _ => None,
        })
        .collect();
    let mut lines = Vec::new();
    for id in &dropped {
        existing(at, *id)?;
        dependent_lines(at, *id, &dropped, &mut BTreeSet::new(), &mut lines);
    }
    let Some(first) = dropped.first() else { return Ok(()) };
    if lines.is_empty() {
        return Ok(());
    }
    let what = match dropped.as_slice() {
        [_] => described(at, *first),
        _ => "desired object(s)".to_owned(),
    };
    Err(dependents_exist(&what, &lines))
}

/// A line for each relation that reads `id`, itself or through others, in PostgreSQL's order: each
/// reader is followed by its own readers.
fn dependent_lines(
    at: &Snapshot,
    id: RelationId,
    dropped: &[RelationId],
    seen: &mut BTreeSet<RelationId>,
    lines: &mut Vec<String>,
) {
    for dependent in at.dependents(id) {
        if dropped.contains(&dependent) || !seen.insert(dependent) {
            continue;
        }
        lines.push(format!("{} depends on {}", described(at, dependent), described(at, id)));
        dependent_lines(at, dependent, dropped, seen, lines);
    }
}

fn dependents_exist(what: &str, lines: &[String]) -> SqlError {
    let mut detail = lines[..lines.len().min(DEPENDENT_LINE_COUNT_MAX)].join("\n");
    if lines.len() > DEPENDENT_LINE_COUNT_MAX {
        let more = lines.len() - DEPENDENT_LINE_COUNT_MAX;
        let plural = if more == 1 { "" } else { "s" };
        detail.push_str(&format!("\nand {more} other object{plural} (see server log for list)"));
    }
    let message = format!("cannot drop {what} because other objects depend on it");
    let message = match what {
        "desired object(s)" => message.replace("on it", "on them"),
        _ => message,
    };
    SqlError::new(SqlState::DependentObjectsStillExist, message)
        .with_detail(detail)
        .with_hint("Use DROP ... CASCADE to drop the dependent objects too.")
}

/// `materialized view v`; qualified outside `public`, as PostgreSQL does outside the search_path.
fn described(at: &Snapshot, id: RelationId) -> String {
    at.relation(id).map_or_else(
        || id.to_string(),
        |relation| {
            let name = match relation.namespace {
                crate::PUBLIC => relation.name.clone(),
                _ => relation.qualified_name(),
            };
            format!("{} {name}", relation.kind.noun())
        },
    )
}

fn check_drop_namespace(at: &Snapshot, id: NamespaceId) -> Result<(), SqlError> {
    existing_namespace(at, id)?;
    let namespace = at.namespace(id).map_or("", |namespace| namespace.name.as_str());
    if [PG_CATALOG, INFORMATION_SCHEMA, crate::PUBLIC].contains(&id) {
        let message =
            format!("cannot drop schema {namespace} because it is required by the database system");
        return Err(SqlError::new(SqlState::DependentObjectsStillExist, message));
    }
    let lines: Vec<String> = at
        .relations()
        .filter(|relation| relation.namespace == id)
        .map(|relation| format!("{} depends on schema {namespace}", described(at, relation.id)))
        .collect();
    match lines.is_empty() {
        true => Ok(()),
        false => Err(dependents_exist(&format!("schema {namespace}"), &lines)),
    }
}

/// After new definitions, every column that a reader was bound to is there, with its type, unless
/// the reader got a new definition too.
fn check_readers_bound(after: &Snapshot, edits: &[Edit]) -> Result<(), SqlError> {
    let defined: Vec<RelationId> = edits
        .iter()
        .filter_map(|edit| match edit {
            Edit::SetVersion(definition) => Some(definition.relation),
            _ => None,
        })
        .collect();
    for id in &defined {
        let Some(relation) = after.relation(*id) else { continue };
        let broken: Vec<String> = after
            .dependents(*id)
            .into_iter()
            .filter_map(|reader| after.relation(reader))
            .filter(|reader| !reads_well(reader, &relation))
            .map(|reader| {
                format!("{} reads columns that would change", described(after, reader.id))
            })
            .collect();
        if !broken.is_empty() {
            let message = format!(
                "cannot change the columns of {} because other objects depend on them",
                described(after, *id)
            );
            return Err(SqlError::new(SqlState::DependentObjectsStillExist, message)
                .with_detail(broken.join("\n"))
                .with_hint("Columns may be added; those that are read must keep name and type."));
        }
    }
    Ok(())
}

fn reads_well(reader: &Relation, read: &Relation) -> bool {
    reader
        .dependencies
        .iter()
        .filter(|dependency| dependency.relation == read.id)
        .flat_map(|dependency| &dependency.columns)
        .all(|(id, sql_type)| {
            let mut columns = read.schema.columns.iter();
            columns.any(|column| column.id == *id && column.sql_type == *sql_type)
        })
}
