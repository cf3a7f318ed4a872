//! BEGIN, COMMIT, ROLLBACK, SET TRANSACTION.

/// A statement that begins, ends or shapes a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// `BEGIN`, `START TRANSACTION`
    Begin {
        /// Whether the words were START TRANSACTION, which the command tag repeats.
        start: bool,
        /// The modes that were given.
        modes: TransactionModes,
    },
    /// `COMMIT`, `END`
    Commit {
        /// AND CHAIN.
        chain: bool,
    },
    /// `ROLLBACK`, `ABORT`
    Rollback {
        /// AND CHAIN.
        chain: bool,
    },
    /// `SET TRANSACTION`
    SetModes(TransactionModes),
    /// `SET SESSION CHARACTERISTICS AS TRANSACTION`
    SetSessionModes(TransactionModes),
}

/// The modes that were given; `None` where one was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionModes {
    /// ISOLATION LEVEL.
    pub isolation: Option<IsolationLevel>,
    /// READ ONLY (true) or READ WRITE (false).
    pub read_only: Option<bool>,
    /// DEFERRABLE (true) or NOT DEFERRABLE (false); has no effect.
    pub deferrable: Option<bool>,
}

/// ISOLATION LEVEL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsolationLevel {
    /// READ UNCOMMITTED, which is READ COMMITTED as in PostgreSQL.
    ReadUncommitted,
    /// READ COMMITTED: a new time per statement.
    ReadCommitted,
    /// REPEATABLE READ: one time per transaction.
    RepeatableRead,
    /// SERIALIZABLE: one time per transaction.
    Serializable,
}
