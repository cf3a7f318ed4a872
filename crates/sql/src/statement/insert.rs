//! INSERT.

use datafusion::sql::sqlparser::ast;

use super::{ColumnName, Name};

/// `[WITH …] INSERT INTO t [AS alias] [(columns)] {query | DEFAULT VALUES} [ON CONFLICT …] [RETURNING …]`
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// The table or source.
    pub table: Name,
    /// The name by which ON CONFLICT and RETURNING see the row.
    pub alias: Option<String>,
    /// Target columns; empty means all, in order.
    pub columns: Vec<ColumnName>,
    /// The rows, `DEFAULT` in VALUES included; `None` is DEFAULT VALUES.
    pub source: Option<Box<ast::Query>>,
    /// ON CONFLICT.
    pub on_conflict: Option<OnConflict>,
    /// RETURNING; empty without.
    pub returning: Vec<ast::SelectItem>,
}

/// `ON CONFLICT [(columns)] DO …`
#[derive(Clone, Debug, PartialEq)]
pub struct OnConflict {
    /// The conflict target; empty means any.
    pub columns: Vec<ColumnName>,
    /// What happens to a row whose key is there already.
    pub action: ConflictAction,
}

/// What happens to a row whose key is there already.
#[expect(clippy::large_enum_variant, reason = "one per statement")]
#[derive(Clone, Debug, PartialEq)]
pub enum ConflictAction {
    /// The new row is left out.
    DoNothing,
    /// The old row is changed; the new one is called `excluded`.
    DoUpdate {
        /// SET.
        assignments: Vec<Assignment>,
        /// WHERE.
        selection: Option<ast::Expr>,
    },
}

/// `column = expression`
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The column.
    pub column: ColumnName,
    /// Its new value; `None` is DEFAULT.
    pub value: Option<ast::Expr>,
}
