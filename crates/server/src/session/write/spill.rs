//! A transaction whose changes are too large for the log's write-ahead files: they go into sealed
//! files first, and the commit only names those.
//!
//! The one idea: all changes of a relation go the same way and keep their order, so that nothing is
//! taken away before it has come. Tables need their changes in memory as well; those stay with the
//! files until the commit has its place.

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use kappa_catalog::Snapshot;
use kappa_log::{Commit, Log, RelationRows, RowKind};
use kappa_types::{RelationId, SqlError};

use crate::session::error::log_error;

/// Bytes of changes that are committed inline. The log takes twice as many; the rest is room for
/// what encoding adds.
const INLINE_BYTES_MAX: usize = 16 << 20;

/// Bytes of a view of a string beside the string itself.
const VIEW_BYTES: usize = 16;

/// The same commit, small enough for the log.
///
/// # Errors
/// 53100, and other errors of the log; nothing is left behind then.
pub(super) fn spilled(
    log: &Log,
    snapshot: &Snapshot,
    mut commit: Commit,
) -> Result<Commit, SqlError> {
    let total: usize = commit.rows.iter().map(|rows| written_bytes(&rows.rows)).sum();
    if total <= INLINE_BYTES_MAX {
        return Ok(commit);
    }
    let mut relations: Vec<RelationId> = commit.rows.iter().map(|rows| rows.relation).collect();
    relations.sort_unstable();
    relations.dedup();
    for id in relations {
        let Some(relation) = snapshot.relation(id) else { continue };
        let (own, others): (Vec<RelationRows>, Vec<RelationRows>) =
            std::mem::take(&mut commit.rows).into_iter().partition(|rows| {
                rows.relation == id
                    && rows.kind == RowKind::Rows
                    && rows.schema_version == relation.schema.version
            });
        commit.rows = others;
        if own.is_empty() {
            continue;
        }
        let mut spool = log.spool(id, &relation.schema).map_err(log_error)?;
        if own.iter().any(|rows| rows.diffs.is_some()) {
            spool = spool.with_diffs();
        }
        let finished = tokio::task::block_in_place(|| {
            for rows in &own {
                spool.append_changes(&rows.rows, rows.diffs.as_ref())?;
            }
            spool.finish()
        });
        let mut attachment = finished.map_err(log_error)?;
        attachment.watermark = own.iter().filter_map(|rows| rows.watermark).max();
        attachment.kept = own.into_iter().map(|rows| (rows.rows, rows.diffs)).collect();
        commit.attachments.push(attachment);
    }
    Ok(commit)
}

/// Bytes of rows as they are written: strings as often as they stand there, whatever they share.
fn written_bytes(rows: &RecordBatch) -> usize {
    let columns = rows.columns().iter().map(|column| match column.data_type() {
        DataType::Utf8View => {
            let lengths = column.as_string_view().lengths();
            lengths.map(|length| length as usize + VIEW_BYTES).sum()
        }
        DataType::BinaryView => {
            let lengths = column.as_binary_view().lengths();
            lengths.map(|length| length as usize + VIEW_BYTES).sum()
        }
        _ => column.get_array_memory_size(),
    });
    columns.sum()
}
