//! `kappa_errors`: input that could not be decoded, and rows whose expression fails in some view.

use arrow::array::AsArray;
use kappa_catalog::{Relation, RelationKind};
use kappa_log::{RowKind, Scan, reject_schema};
use kappa_types::{SqlError, SqlType, Timestamp};

use super::SystemTable;
use super::rows::{Cell, batch};
use crate::engine::{Cut, Engine};
use crate::session::error::log_error;
use crate::session::read_error;

pub(super) static TABLE: SystemTable = SystemTable {
    name: "kappa_errors",
    doc: "Rows in error: kept, counted, and no part of any view until they are corrected.",
    columns: &[
        (
            "relation_name",
            SqlType::Text,
            "The source of undecodable input; NULL for rows of a view.",
        ),
        (
            "view_name",
            SqlType::Text,
            "The view whose expression fails; NULL for undecodable input.",
        ),
        ("at_time", SqlType::Timestamptz, "When the input was committed; NULL for rows of a view."),
        ("position", SqlType::Text, "Where the input stood, or the place in the plan."),
        ("reason", SqlType::Text, "SQLSTATE and message."),
        ("row", SqlType::Text, "The input, or the row as JSON."),
    ],
    waits_for_views: true,
    rows: |engine, cut| {
        let mut rows = Vec::new();
        for relation in cut.snapshot.relations() {
            match &relation.kind {
                RelationKind::MaterializedView { .. } => {
                    view_errors(engine, cut, relation, &mut rows)?;
                }
                RelationKind::Source { .. } => rejects(engine, cut, relation, &mut rows)?,
                _ => {}
            }
        }
        batch(&TABLE.schema(), &rows)
    },
};

fn view_errors(
    engine: &Engine,
    cut: &Cut,
    view: &Relation,
    rows: &mut Vec<Vec<Cell>>,
) -> Result<(), SqlError> {
    let Some(contents) = engine.view_contents(view.version) else { return Ok(()) };
    for errors in contents.errors.scan(cut.at, None, &[]).map_err(read_error)? {
        let text = |column: usize, row: usize| {
            Cell::Text(errors.column(column).as_string_view().value(row).to_owned())
        };
        rows.extend((0..errors.num_rows()).map(|row| {
            let name = Cell::Text(super::shown_name(view));
            vec![Cell::Null, name, Cell::Null, text(0, row), text(1, row), text(2, row)]
        }));
    }
    Ok(())
}

fn rejects(
    engine: &Engine,
    cut: &Cut,
    source: &Relation,
    rows: &mut Vec<Vec<Cell>>,
) -> Result<(), SqlError> {
    let schema = reject_schema();
    let scan = Scan {
        relation: source.id,
        kind: RowKind::Rejects,
        columns: schema.columns.iter().map(|column| column.id).collect(),
        schema,
        after: Timestamp::MIN,
        until: cut.at,
        ranges: Vec::new(),
        batch_row_count_max: 8_192,
    };
    for part in engine.log.scan(&scan).map_err(log_error)? {
        for history in part.open().map_err(log_error)? {
            let history = history.map_err(log_error)?;
            let times = &history.times;
            let text = |column: usize, row: usize| {
                Cell::Text(history.rows.column(column).as_string_view().value(row).to_owned())
            };
            rows.extend((0..history.rows.num_rows()).map(|row| {
                let at = Timestamp(times.value(row)).micros();
                let name = Cell::Text(super::shown_name(source));
                vec![name, Cell::Null, Cell::Time(at), text(0, row), text(1, row), text(2, row)]
            }));
        }
    }
    Ok(())
}
