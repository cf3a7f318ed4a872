//! Text into [`crate::statement::Statement`]s: PostgreSQL's lexer rules and grammar, as much of it as we speak.
//!
//! sqlparser reads expressions, queries and DML; everything else is read by a small recursive
//! descent over the same tokens, one file per statement.

mod comment;
mod copy;
mod create;
mod dialect;
mod dispatch;
mod dml;
mod drop;
mod explain;
mod lexer;
mod options;
mod prepare;
mod reader;
mod rebuild;
mod session;
mod show;
mod sql_type;
mod table_forms;
mod tail;

pub use dispatch::parse;
pub(crate) use dispatch::{parse_expression, parse_query};
pub(crate) use dml::is_default;
pub use lexer::{StatementSpan, split};
pub(crate) use reader::{fold, relation_name, span_position};
pub(crate) use sql_type::sql_type;
