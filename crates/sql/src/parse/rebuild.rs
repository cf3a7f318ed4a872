//! ALTER VIEW … REBUILD.

use kappa_types::SqlError;

use super::dispatch::unsupported_statement;
use super::options::rebuild_options;
use super::reader::Reader;
use super::tail::{cut_emit, find_with, refuse_other_emit};
use crate::statement::{Name, Rebuild, RebuildAction, RebuildOptions, Statement};

/// After ALTER.
pub(super) fn alter(reader: &mut Reader<'_>) -> Result<Statement, SqlError> {
    let is_view = reader.words(&["materialized", "view"]) || reader.word("view");
    if !is_view {
        return unsupported_statement(reader);
    }
    let name = reader.relation_name()?;
    if !reader.word("rebuild") {
        if reader.at_end() {
            return reader.unexpected();
        }
        return Err(SqlError::unsupported(
            "this form of ALTER VIEW is not supported",
            "ALTER VIEW … REBUILD [AS query] gives a view a new definition.",
        )
        .at(reader.position()));
    }
    let words = [
        ("apply", RebuildAction::Apply),
        ("cancel", RebuildAction::Cancel),
        ("pause", RebuildAction::Pause),
        ("resume", RebuildAction::Resume),
    ];
    for (word, action) in words {
        if reader.word(word) {
            reader.finish()?;
            return Ok(Statement::Rebuild(Rebuild { name, action }));
        }
    }
    start(reader, name)
}

fn start(reader: &mut Reader<'_>, name: Name) -> Result<Statement, SqlError> {
    let mut options = rebuild_options(reader)?;
    let mut query = None;
    let mut emit_on_close = None;
    if reader.word("as") {
        let mut end = reader.tokens().len();
        (end, emit_on_close) = cut_emit(reader, end);
        if let Some(with) = find_with(reader, end) {
            let mut tail = reader.until(end);
            while tail.index() < with {
                tail.take()?;
            }
            let given = rebuild_options(&mut tail)?;
            if options != RebuildOptions::default() {
                return Err(reader.syntax_error(with));
            }
            options = given;
            end = with;
            if emit_on_close.is_none() {
                (end, emit_on_close) = cut_emit(reader, end);
            }
        }
        refuse_other_emit(reader, end)?;
        query = Some(reader.until(end).query()?);
    } else {
        reader.finish()?;
    }
    let action = RebuildAction::Start { query, emit_on_close, options };
    Ok(Statement::Rebuild(Rebuild { name, action }))
}
