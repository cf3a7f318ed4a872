//! UPDATE.

use datafusion::sql::sqlparser::ast;

use super::{Assignment, Name};

/// `[WITH …] UPDATE t [AS alias] SET … [FROM …] [WHERE …] [RETURNING …]`
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The common table expressions that its expressions see.
    pub with: Option<ast::With>,
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
