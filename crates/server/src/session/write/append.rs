//! [`Append`]: rows of one statement on their way into a relation, however many.
//!
//! The one idea: up to a bound they wait in memory; past it, rows of a source go into sealed files
//! that nobody sees, and become real by one small record of the commit. A statement that fails
//! leaves nothing in either case: dropping this is enough.
//!
//! Rows of a table stay in memory, as the table itself does.

use std::sync::Arc;

use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use kappa_catalog::{Relation, RelationKind};
use kappa_log::{RelationRows, RowKind, Spool};
use kappa_types::SqlError;

use crate::engine::{Engine, StoredRows};
use crate::session::error::{arrow_error, log_error};
use crate::session::transaction::{Changes, size_bytes};

/// Bytes of a statement that are committed inline; past it, rows are spooled.
const INLINE_BYTES_MAX: usize = 32 << 20;

/// Rows of one statement that are not yet part of a transaction.
#[derive(Debug)]
pub(crate) struct Append {
    engine: Arc<Engine>,
    relation: Arc<Relation>,
    inline: Vec<RecordBatch>,
    inline_bytes: usize,
    spool: Option<Spool>,
    watermark: Option<i64>,
    row_count: u64,
}

impl Append {
    pub(crate) const fn new(engine: Arc<Engine>, relation: Arc<Relation>) -> Self {
        Self {
            engine,
            relation,
            inline: Vec::new(),
            inline_bytes: 0,
            spool: None,
            watermark: None,
            row_count: 0,
        }
    }

    /// All rows, of a table.
    pub(crate) fn rows(&self) -> Result<RecordBatch, SqlError> {
        concat_batches(&self.relation.schema.arrow(), &self.inline).map_err(arrow_error)
    }

    /// Adds stored rows: all columns, in order.
    pub(crate) fn push(&mut self, stored: StoredRows) -> Result<(), SqlError> {
        self.row_count += stored.rows.num_rows() as u64;
        self.watermark = self.watermark.max(stored.watermark);
        if self.spool.is_some() {
            return self.write(&stored.rows);
        }
        self.inline_bytes += size_bytes(&stored.rows);
        self.inline.push(stored.rows);
        let is_source = matches!(self.relation.kind, RelationKind::Source { .. });
        if !is_source || self.inline_bytes <= INLINE_BYTES_MAX {
            return Ok(());
        }
        let spool = self.engine.log.spool(self.relation.id, &self.relation.schema);
        self.spool = Some(spool.map_err(log_error)?);
        for rows in std::mem::take(&mut self.inline) {
            self.write(&rows)?;
        }
        Ok(())
    }

    fn write(&mut self, rows: &RecordBatch) -> Result<(), SqlError> {
        let spool = self.spool.as_mut().expect("only called once there is one");
        // Encoding a batch takes milliseconds of CPU and perhaps a write.
        tokio::task::block_in_place(|| spool.append(rows)).map_err(log_error)
    }

    /// Hands everything to the transaction.
    pub(crate) fn finish(self, changes: &mut Changes) -> Result<u64, SqlError> {
        if let Some(spool) = self.spool {
            let finished = tokio::task::block_in_place(|| spool.finish());
            let mut attachment = finished.map_err(log_error)?;
            attachment.watermark = self.watermark;
            changes.attach(attachment);
            return Ok(self.row_count);
        }
        let mut watermark = self.watermark;
        for rows in self.inline {
            changes.push(RelationRows {
                relation: self.relation.id,
                schema_version: self.relation.schema.version,
                kind: RowKind::Rows,
                rows,
                diffs: None,
                // Once is enough; it holds for the commit as a whole.
                watermark: watermark.take(),
            })?;
        }
        Ok(self.row_count)
    }
}
