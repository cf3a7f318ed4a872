//! PREPARE, EXECUTE and DEALLOCATE.

use datafusion::sql::sqlparser::ast;
use kappa_types::SqlType;

use super::Statement;

/// `PREPARE name [(types)] AS statement`
#[derive(Clone, Debug, PartialEq)]
pub struct Prepare {
    /// Its name.
    pub name: String,
    /// Types of the first parameters.
    pub types: Vec<SqlType>,
    /// What EXECUTE will run.
    pub statement: Box<Statement>,
    /// The text of `statement`, as typed.
    pub text: String,
}

/// `EXECUTE name [(values)]`
#[derive(Clone, Debug, PartialEq)]
pub struct Execute {
    /// Which prepared statement.
    pub name: String,
    /// Values of the parameters.
    pub values: Vec<ast::Expr>,
}

/// `DEALLOCATE {name | ALL}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deallocate {
    /// Which prepared statement; `None` is ALL.
    pub name: Option<String>,
}
