//! EXPLAIN.

use super::{Name, Statement};

/// `EXPLAIN [ANALYZE] [VERBOSE] …`
#[derive(Clone, Debug, PartialEq)]
pub struct Explain {
    /// VERBOSE.
    pub verbose: bool,
    /// What is explained.
    pub target: ExplainTarget,
}

/// What is explained.
#[derive(Clone, Debug, PartialEq)]
pub enum ExplainTarget {
    /// A query or DML statement, or a CREATE MATERIALIZED VIEW that is not run.
    Statement(Box<Statement>),
    /// The plan that an existing materialized view runs.
    MaterializedView(Name),
}
