//! [`CopyInto`]: COPY FROM STDIN: given columns into stored rows, batch by batch.
//!
//! The one idea: rows are checked and completed as they come, so a bad row ends the COPY early; they
//! become visible in one commit at its end or not at all.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use kappa_catalog::Relation;
use kappa_types::SqlError;
use kappa_wire::CopySink;
use parking_lot::Mutex;

use super::Append;
use super::key::Key;
use crate::engine::{Engine, Intake};
use crate::session::transaction::{Changes, Transaction};

/// Whose commit the rows are part of.
pub(crate) enum CopyTransaction {
    /// Their own: it is committed when all rows have come.
    Own(Box<Transaction>),
    /// That of the session's open block, or of the statements that were sent with it.
    Shared(Arc<Mutex<Changes>>),
}

/// Takes the rows of one COPY.
pub(crate) struct CopyInto {
    pub(crate) engine: Arc<Engine>,
    pub(crate) relation: Arc<Relation>,
    pub(crate) intake: Intake,
    pub(crate) append: Append,
    pub(crate) transaction: CopyTransaction,
}

#[async_trait]
impl CopySink for CopyInto {
    async fn append(&mut self, rows: RecordBatch) -> Result<(), SqlError> {
        let stored = self.intake.stored(&rows, self.engine.clock.now_micros())?;
        self.append.push(stored)
    }

    async fn finish(mut self: Box<Self>) -> Result<String, SqlError> {
        let Self { engine, relation, append, transaction, .. } = *self;
        let changes = match &transaction {
            CopyTransaction::Own(own) => Arc::clone(&own.changes),
            CopyTransaction::Shared(changes) => Arc::clone(changes),
        };
        if let Some(contents) = engine.tables.get(relation.id)
            && let Some(key) = Key::of(&relation, &contents)?
        {
            let own = changes.lock().of(relation.id);
            key.check_unique(&append.rows()?, &own)?;
        }
        let row_count = append.finish(&mut changes.lock())?;
        if let CopyTransaction::Own(mut own) = transaction {
            engine.commit_transaction(&mut own).await?;
        }
        Ok(format!("COPY {row_count}"))
    }

    async fn abort(self: Box<Self>, reason: String) {
        tracing::debug!(relation = %self.relation.name, reason, "copy ended without a commit");
    }
}
