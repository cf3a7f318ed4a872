//! A transaction's changes into one commit of the log.

use kappa_types::{SqlError, Timestamp};
use kappa_wire::ExecuteContext;

use super::spill::spilled;
use crate::engine::Engine;
use crate::metrics::Counters;
use crate::session::Session;
use crate::session::error::log_error;
use crate::session::transaction::{Extent, Transaction};

impl Engine {
    /// Commits what the transaction has changed; returns the time once it is durable, or `None` if
    /// there was nothing to commit. Locks are given back as soon as the commit has its place: who
    /// comes next reads the head of the tables, which then holds these changes.
    ///
    /// # Errors
    /// Of the log: nothing was committed.
    pub(crate) async fn commit_transaction(
        &self,
        transaction: &mut Transaction,
    ) -> Result<Option<Timestamp>, SqlError> {
        let commit = transaction.changes.lock().take();
        if commit.rows.is_empty() && commit.attachments.is_empty() {
            transaction.locks.clear();
            return Ok(None);
        }
        let commit = spilled(&self.log, &self.catalog.snapshot(), commit)?;
        let row_count: usize = commit.rows.iter().map(|rows| rows.rows.num_rows()).sum();
        let attached: u64 = commit.attachments.iter().map(|attachment| attachment.row_count).sum();
        let placed = self.log.place(commit).map_err(log_error)?;
        transaction.locks.clear();
        let time = self.durable(&placed).await?;
        Counters::add(&self.counters.row_written_count, row_count as u64 + attached);
        Ok(Some(time))
    }
}

impl Session {
    /// Ends one statement's changes: inside a block they wait for COMMIT, otherwise they are
    /// committed here, before the statement answers.
    ///
    /// # Errors
    /// Of the log.
    pub(crate) async fn end_statement(&mut self, context: &ExecuteContext) -> Result<(), SqlError> {
        let alone = self.transaction.as_ref().is_some_and(|open| open.extent == Extent::Statement);
        if !alone {
            return Ok(());
        }
        let _held = context.cancel.hold();
        match self.transaction.take() {
            Some(mut open) => self.engine.commit_transaction(&mut open).await.map(drop),
            None => Ok(()),
        }
    }
}
