//! [`Expression`]: a scalar computation over the columns of one batch.

use std::sync::Arc;

use datafusion::physical_expr::PhysicalExpr;
use kappa_types::SqlType;

/// A physical expression with the type and text that people see.
///
/// * Pure: the same row gives the same value or the same error, for ever. Volatile and
///   session-dependent functions never get here.
/// * Columns inside are positions in the schema of the node's input.
#[derive(Clone, Debug)]
pub struct Expression {
    /// What is evaluated.
    pub physical: Arc<dyn PhysicalExpr>,
    /// Name of the output column.
    pub name: String,
    /// Type of the value.
    pub sql_type: SqlType,
    /// As EXPLAIN shows it.
    pub text: String,
}
