//! The wire's side of a [`Session`]: splitting, preparing, describing, running, finishing.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::ArrayRef;
use kappa_types::text::TextOptions;
use kappa_types::{SqlError, SqlState};
use kappa_wire::{Description, ExecuteContext, Outcome, StatementText, TransactionStatus};

use super::Session;
use super::prepared::{Body, Prepared};
use super::transaction::Extent;
use crate::metrics::Counters;

impl kappa_wire::Session for Session {
    type Prepared = Prepared;

    fn split(&mut self, text: &str) -> Result<Vec<StatementText>, SqlError> {
        let spans = kappa_sql::split(text)?;
        Ok(spans
            .into_iter()
            .map(|span| StatementText { text: span.text, offset_chars: span.offset_chars })
            .collect())
    }

    async fn prepare(
        &mut self,
        statement: &StatementText,
        parameter_oids: &[u32],
    ) -> Result<Arc<Prepared>, SqlError> {
        let prepared = self.prepare_text(&statement.text, parameter_oids);
        if prepared.is_err() {
            Counters::add(&self.engine.counters.statement_error_count, 1);
        }
        prepared.map(Arc::new)
    }

    fn describe(&self, prepared: &Prepared) -> Description {
        prepared.describe()
    }

    async fn execute(
        &mut self,
        prepared: &Arc<Prepared>,
        parameters: Vec<ArrayRef>,
        context: ExecuteContext,
    ) -> Result<Outcome, SqlError> {
        self.check_not_failed(prepared)?;
        self.note_activity(&prepared.text);
        let extent = if context.implicit_block { Extent::Query } else { Extent::Statement };
        let outcome = self.run(prepared, parameters, &context, extent).await;
        let counters = &self.engine.counters;
        match &outcome {
            Ok(_) => Counters::add(&counters.statement_count, 1),
            Err(_) => Counters::add(&counters.statement_error_count, 1),
        }
        outcome
    }

    async fn finish(&mut self, success: bool) -> Result<(), SqlError> {
        if !success {
            self.undo_creation().await;
        }
        if self.in_block() {
            self.failed |= !success;
            self.note_idle();
            return Ok(());
        }
        let finished = match (self.transaction.take(), success) {
            (Some(mut transaction), true) => {
                self.engine.commit_transaction(&mut transaction).await.map(drop)
            }
            _ => Ok(()),
        };
        self.variables.0.lock().end(success && finished.is_ok());
        self.note_idle();
        finished
    }

    fn transaction_status(&self) -> TransactionStatus {
        match (self.in_block(), self.failed) {
            (true, true) => TransactionStatus::Failed,
            (true, false) => TransactionStatus::InTransaction,
            (false, _) => TransactionStatus::Idle,
        }
    }

    fn reported_parameters(&self) -> Vec<(String, String)> {
        self.reported.clone()
    }

    fn take_parameter_changes(&mut self) -> Vec<(String, String)> {
        let variables = self.variables.0.lock();
        if variables.version() == self.reported_version {
            return Vec::new();
        }
        let now = variables.reported();
        self.reported_version = variables.version();
        let changed =
            now.iter().filter(|parameter| !self.reported.contains(parameter)).cloned().collect();
        self.reported = now;
        changed
    }

    fn text_options(&self) -> TextOptions {
        self.text()
    }

    fn statement_timeout(&self) -> Option<Duration> {
        self.duration("statement_timeout")
    }

    fn idle_in_transaction_timeout(&self) -> Option<Duration> {
        self.duration("idle_in_transaction_session_timeout")
    }

    fn idle_session_timeout(&self) -> Option<Duration> {
        self.duration("idle_session_timeout")
    }

    async fn close(mut self) {
        self.transaction = None;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connections.leave(self.process_id);
        let counter = &self.engine.counters.session_count;
        counter.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
}

impl Session {
    /// 25P02 unless the block is sound or the statement ends it.
    pub(super) fn check_not_failed(&self, prepared: &Prepared) -> Result<(), SqlError> {
        let ends = matches!(&prepared.body, Body::Statement(body) if body.ends_block());
        if !self.failed || ends {
            return Ok(());
        }
        Err(failed_block())
    }

    fn note_activity(&self, text: &str) {
        let now = self.engine.clock.now_micros();
        self.connections.note(self.process_id, |activity| {
            "active".clone_into(&mut activity.state);
            text.clone_into(&mut activity.query);
            activity.query_start_micros = Some(now);
        });
    }

    fn note_idle(&self) {
        let state = if self.in_block() { "idle in transaction" } else { "idle" };
        self.connections.note(self.process_id, |activity| state.clone_into(&mut activity.state));
    }
}

/// The answer to everything in a failed block but its end.
pub(super) fn failed_block() -> SqlError {
    SqlError::new(
        SqlState::InFailedSqlTransaction,
        "current transaction is aborted, commands ignored until end of transaction block",
    )
}
