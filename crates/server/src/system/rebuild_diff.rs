//! `kappa_rebuild_diff('v')`: what APPLY would change: rows of the new version that the old one has
//! not (`diff` positive), and the other way round.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::record_batch::RecordBatch;
use kappa_catalog::{Relation, Snapshot};
use kappa_types::{Column, ColumnId, Schema, SchemaVersionId, SqlError, SqlState, SqlType};

use crate::engine::{Cut, Engine};
use crate::session::error::arrow_error;
use crate::session::planner::resolve_view;

/// The columns: those of the new definition, then `diff`.
///
/// # Errors
/// 42P01, and 55000 if no rebuild is under way.
pub fn schema(snapshot: &Snapshot, view: &str) -> Result<Schema, SqlError> {
    let (_, definition) = find(snapshot, view)?;
    let mut columns = definition.schema.columns.clone();
    let id = ColumnId(columns.iter().map(|column| column.id.0).max().unwrap_or(0) + 1);
    let (name, sql_type) = ("diff".to_owned(), SqlType::BigInt);
    columns.push(Column { id, name, sql_type, nullable: false });
    Ok(Schema { version: SchemaVersionId(0), columns })
}

/// The difference at a cut.
///
/// # Errors
/// 55000 if the shadow is not complete there, or its columns are others than those of the view.
pub fn rows(engine: &Arc<Engine>, cut: &Cut, view: &str) -> Result<Vec<RecordBatch>, SqlError> {
    let (relation, definition) = find(&cut.snapshot, view)?;
    let old = engine.readable(&relation.name, relation.version, cut.at)?;
    let new = engine.readable(&relation.name, definition.version, cut.at)?;
    let state = |what: &str| SqlError::new(SqlState::ObjectNotInPrerequisiteState, what);
    let types = |schema: &Schema| -> Vec<SqlType> {
        schema.columns.iter().map(|column| column.sql_type.clone()).collect()
    };
    if types(&relation.schema) != types(&definition.schema) {
        return Err(state("the new definition has other columns, so rows cannot be compared"));
    }
    let schema = schema(&cut.snapshot, view)?.arrow();
    let deltas = kappa_serving::difference(&old.rows, cut.at, &new.rows, cut.at)?;
    deltas
        .into_iter()
        .map(|delta| {
            let diffs = (0..delta.row_count()).map(|row| delta.diff(row));
            let diffs: ArrayRef = Arc::new(Int64Array::from_iter_values(diffs));
            let columns = delta.rows.columns().iter().cloned().chain([diffs]).collect();
            RecordBatch::try_new(Arc::clone(&schema), columns).map_err(arrow_error)
        })
        .collect()
}

fn find(
    snapshot: &Snapshot,
    view: &str,
) -> Result<(Arc<Relation>, kappa_catalog::Definition), SqlError> {
    let relation = resolve_view(snapshot, view).ok_or_else(|| {
        SqlError::new(SqlState::UndefinedTable, format!("relation \"{view}\" does not exist"))
    })?;
    let rebuild = snapshot.rebuild_touching(relation.id);
    let definition = rebuild.and_then(|rebuild| rebuild.definition(relation.id).cloned());
    match definition {
        Some(definition) => Ok((relation, definition)),
        None => Err(SqlError::new(
            SqlState::ObjectNotInPrerequisiteState,
            format!("no rebuild of \"{view}\" is under way"),
        )
        .with_hint("ALTER VIEW … REBUILD WITH (apply = 'manual') stops before the flip.")),
    }
}
