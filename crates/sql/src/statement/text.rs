//! [`QueryText`] and [`ExpressionText`]: syntax trees with the text they were read from.

use datafusion::sql::sqlparser::ast;

/// A query inside a statement.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryText {
    /// The syntax tree; spans are positions in the whole statement.
    pub query: Box<ast::Query>,
    /// As typed.
    pub text: String,
}

/// An expression inside a statement.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpressionText {
    /// The syntax tree; spans are positions in the whole statement.
    pub expression: ast::Expr,
    /// As typed.
    pub text: String,
}
