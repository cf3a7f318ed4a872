//! [`prepare`] and [`execute`]: a catalogue query from text to rows.

use arrow::array::{ArrayRef, RecordBatch};
use kappa_types::{SqlError, SqlType};

use crate::SystemContext;
use crate::error::unsupported;

/// A query that is parsed and bound: its columns and parameters are known.
#[derive(Clone, Debug)]
pub struct SystemQuery {
    /// Name and type of each column; names need not be unique.
    pub columns: Vec<(String, SqlType)>,
    /// Types of `$1`, `$2`, …
    pub parameters: Vec<SqlType>,
}

/// Parses and binds `text`. `parameter_oids` are the types that the client declared, 0 for unknown;
/// the others are inferred.
///
/// # Errors
/// 42601, 42P01, 42703, 42883 and their like as PostgreSQL reports them; 0A000 for what the
/// evaluator does not do.
pub fn prepare(
    _context: &SystemContext,
    _text: &str,
    _parameter_oids: &[u32],
) -> Result<SystemQuery, SqlError> {
    Err(unsupported("this query"))
}

/// The rows of `query`. Each of `parameters` has length 1 and the Arrow type of its SQL type.
///
/// # Errors
/// As evaluation fails: 22P02, 22012, 21000, …; 57014 on interrupt; 54000 past the row bound.
pub fn execute(
    _context: &SystemContext,
    _query: &SystemQuery,
    _parameters: &[ArrayRef],
) -> Result<RecordBatch, SqlError> {
    Err(unsupported("this query"))
}
