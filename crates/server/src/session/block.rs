//! BEGIN, COMMIT, ROLLBACK and the modes of transactions.

use kappa_sql::statement::{IsolationLevel, Transaction as Statement, TransactionModes};
use kappa_types::{SqlError, SqlState};
use kappa_wire::{ExecuteContext, Notice, Outcome, Release};

use super::Session;
use super::execute::complete;
use super::session::isolation_of;
use super::transaction::{Extent, Isolation, Transaction};
use super::variable::Scope;

impl Session {
    /// Runs a statement that begins, ends or shapes a transaction.
    pub(super) async fn transaction_statement(
        &mut self,
        statement: &Statement,
        context: &ExecuteContext,
    ) -> Result<Outcome, SqlError> {
        match statement {
            Statement::Begin { start, modes } => {
                self.begin(modes, context).await?;
                Ok(complete(if *start { "START TRANSACTION" } else { "BEGIN" }))
            }
            Statement::Commit { chain } if self.in_block() => self.commit(*chain, context).await,
            Statement::Commit { chain } => self.end_implicit(true, *chain, "COMMIT", context).await,
            Statement::Rollback { chain } if self.in_block() => self.rollback(*chain),
            Statement::Rollback { chain } => {
                self.end_implicit(false, *chain, "ROLLBACK", context).await
            }
            Statement::SetModes(modes) => {
                if !self.in_block() {
                    warn(
                        context,
                        SqlState::NoActiveSqlTransaction,
                        "SET TRANSACTION can only be used in transaction blocks",
                    );
                    return Ok(complete("SET"));
                }
                self.apply_modes(modes)?;
                Ok(complete("SET"))
            }
            Statement::SetSessionModes(modes) => {
                let mut variables = self.variables.0.lock();
                if let Some(level) = modes.isolation {
                    let level = level_name(level);
                    variables.set("default_transaction_isolation", level, Scope::Session)?;
                }
                if let Some(read_only) = modes.read_only {
                    let value = if read_only { "on" } else { "off" };
                    variables.set("default_transaction_read_only", value, Scope::Session)?;
                }
                Ok(complete("SET"))
            }
        }
    }

    async fn begin(
        &mut self,
        modes: &TransactionModes,
        context: &ExecuteContext,
    ) -> Result<(), SqlError> {
        if self.in_block() {
            let message = "there is already a transaction in progress";
            warn(context, SqlState::ActiveSqlTransaction, message);
            return Ok(());
        }
        // What earlier statements of the same query string changed is part of the block.
        self.open(Extent::Block).extent = Extent::Block;
        self.variables.0.lock().begin();
        self.failed = false;
        self.apply_modes(modes)
    }

    fn apply_modes(&mut self, modes: &TransactionModes) -> Result<(), SqlError> {
        if let Some(level) = modes.isolation {
            self.set_isolation(isolation_of(level_name(level)))?;
            let name = level_name(level);
            self.variables.0.lock().set("transaction_isolation", name, Scope::Local)?;
        }
        if let Some(read_only) = modes.read_only {
            let value = if read_only { "on" } else { "off" };
            self.variables.0.lock().set("transaction_read_only", value, Scope::Local)?;
            if let Some(open) = self.transaction_mut() {
                open.read_only = read_only;
            }
        }
        Ok(())
    }

    /// Sets the isolation of the open transaction, which must not have read anything yet.
    pub(super) fn set_isolation(&mut self, isolation: Isolation) -> Result<(), SqlError> {
        let Some(open) = self.transaction_mut() else { return Ok(()) };
        if open.isolation != isolation && open.cut.is_some() {
            return Err(SqlError::new(
                SqlState::ActiveSqlTransaction,
                "SET TRANSACTION ISOLATION LEVEL must be called before any query",
            ));
        }
        open.isolation = isolation;
        Ok(())
    }

    /// COMMIT and ROLLBACK without BEGIN: a warning, and the end of what the statements before them in
    /// the same query string, or since the last Sync, have changed. Portals end with it.
    async fn end_implicit(
        &mut self,
        commits: bool,
        chain: bool,
        tag: &str,
        context: &ExecuteContext,
    ) -> Result<Outcome, SqlError> {
        if chain {
            return Err(SqlError::new(
                SqlState::NoActiveSqlTransaction,
                format!("{tag} AND CHAIN can only be used in transaction blocks"),
            ));
        }
        let message = "there is no transaction in progress";
        warn(context, SqlState::NoActiveSqlTransaction, message);
        if commits {
            self.flush(context).await?;
        } else {
            self.transaction = None;
        }
        self.variables.0.lock().end(commits);
        Ok(Outcome::Release { what: Release::AllPortals, tag: tag.to_owned() })
    }

    async fn commit(&mut self, chain: bool, context: &ExecuteContext) -> Result<Outcome, SqlError> {
        if self.failed {
            return self.rollback(chain);
        }
        let Some(mut open) = self.transaction.take() else { return Ok(complete("COMMIT")) };
        let _held = context.cancel.hold();
        let committed = self.engine.commit_transaction(&mut open).await;
        self.variables.0.lock().end(committed.is_ok());
        committed?;
        self.chain(chain, &open);
        Ok(complete("COMMIT"))
    }

    fn rollback(&mut self, chain: bool) -> Result<Outcome, SqlError> {
        let open = self.transaction.take();
        self.failed = false;
        self.variables.0.lock().end(false);
        if let Some(open) = &open {
            self.chain(chain, open);
        }
        Ok(complete("ROLLBACK"))
    }

    /// AND CHAIN: another block with the same modes.
    fn chain(&mut self, chain: bool, ended: &Transaction) {
        if !chain {
            return;
        }
        let now = self.engine.clock.now_micros();
        let next = Transaction::new(Extent::Block, ended.isolation, ended.read_only, now);
        self.transaction = Some(next);
        self.variables.0.lock().begin();
    }
}

fn warn(context: &ExecuteContext, state: SqlState, message: &str) {
    context.notices.send(Notice::warning(state, message));
}

const fn level_name(level: IsolationLevel) -> &'static str {
    match level {
        IsolationLevel::ReadUncommitted => "read uncommitted",
        IsolationLevel::ReadCommitted => "read committed",
        IsolationLevel::RepeatableRead => "repeatable read",
        IsolationLevel::Serializable => "serializable",
    }
}
