//! The simple protocol: a query string of any number of statements, one implicit transaction.

use kappa_types::SqlError;

use super::Connection;
use super::guard::Guard;
use super::outcome::{Ending, Mode};
use crate::backend::{Session, StatementText};
use crate::failure::Failure;
use crate::message::backend;

impl<S: Session> Connection<S> {
    /// Runs a query string up to its first error.
    pub(super) async fn simple_query(&mut self, text: &str) -> Result<(), Failure> {
        // As in PostgreSQL, a query string replaces the unnamed statement and portal.
        self.statements.remove("");
        self.portals.remove("");
        let statements = self.session.split(text)?;
        if statements.is_empty() {
            self.session.finish(true).await?;
            self.output.push(backend::empty_query);
            return self.ready().await;
        }
        let count = statements.len();
        for (index, statement) in statements.iter().enumerate() {
            let ending = self
                .simple_statement(statement, count > 1)
                .await
                .map_err(|failure| shift_position(failure, statement.offset_chars))?;
            // The last answer waits for the commit, which is not interrupted: who has read the answer
            // may rely on it.
            if index + 1 == count {
                self.session.finish(true).await?;
            }
            self.parameter_changes();
            self.push_ending(&ending);
        }
        self.ready().await
    }

    async fn simple_statement(
        &mut self,
        statement: &StatementText,
        implicit_block: bool,
    ) -> Result<Ending, Failure> {
        let mut guard = Guard::begin(&self.interrupts, self.session.statement_timeout());
        let prepared = tokio::select! {
            biased;
            failure = guard.interrupted() => return Err(failure),
            prepared = self.session.prepare(statement, &[]) => prepared?,
        };
        let parameters = self.session.describe(&prepared).parameters;
        if !parameters.is_empty() {
            return Err(SqlError::new(
                kappa_types::SqlState::UndefinedParameter,
                "there is no parameter $1",
            )
            .into());
        }
        let (mode, parameters) = (Mode::Simple, Vec::new());
        let (outcome, notices) =
            self.run_prepared(&prepared, parameters, implicit_block, &mode, &mut guard).await?;
        self.send_outcome(outcome, notices, mode, &mut guard).await
    }
}

/// Makes a position in a statement one in the query string.
fn shift_position(mut failure: Failure, offset_chars: usize) -> Failure {
    if let Failure::Error(report) = &mut failure
        && let Some(position) = &mut report.error.position
    {
        *position += offset_chars;
    }
    failure
}
