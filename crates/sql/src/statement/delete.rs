//! DELETE.

use datafusion::sql::sqlparser::ast;

use super::Name;

/// `[WITH …] DELETE FROM t [AS alias] [USING …] [WHERE …] [RETURNING …]`
#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    /// The common table expressions that its expressions see.
    pub with: Option<ast::With>,
    /// The table.
    pub table: Name,
    /// The name by which expressions see the row.
    pub alias: Option<String>,
    /// USING.
    pub using: Vec<ast::TableWithJoins>,
    /// WHERE.
    pub selection: Option<ast::Expr>,
    /// RETURNING; empty without.
    pub returning: Vec<ast::SelectItem>,
}
