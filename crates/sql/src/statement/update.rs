//! UPDATE.

use datafusion::sql::sqlparser::ast;

use super::{Assignment, Name};

/// `UPDATE t [AS alias] SET … [FROM …] [WHERE …] [RETURNING …]`
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The table.
    pub table: Name,
    /// The name by which expressions see the row.
    pub alias: Option<String>,
    /// SET.
    pub assignments: Vec<Assignment>,
    /// FROM.
    pub from: Vec<ast::TableWithJoins>,
    /// WHERE.
    pub selection: Option<ast::Expr>,
    /// RETURNING; empty without.
    pub returning: Vec<ast::SelectItem>,
}
