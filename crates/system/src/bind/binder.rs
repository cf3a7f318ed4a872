//! What binding carries along: frames, parameters and positions.

use super::scope::{Frame, VisibleCte};
use crate::bound::{Aggregate, Expr, Query, SetCall, Window};
use crate::session::Session;
use crate::value::PgType;
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Span;
use kappa_types::SqlError;
use std::sync::Arc;

/// Parameters that one statement may have, as the protocol counts them.
pub(super) const PARAMETER_COUNT_MAX: usize = 65_535;

/// An expression and its type.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub(crate) expr: Expr,
    pub(crate) ty: PgType,
}

impl Typed {
    pub(crate) const fn new(expr: Expr, ty: PgType) -> Self {
        Self { expr, ty }
    }
}

/// A bound statement.
pub(crate) struct Statement {
    pub(crate) query: Query,
    /// Types of the parameters.
    pub(crate) parameters: Vec<PgType>,
}

/// Binds one statement.
pub(super) struct Binder<'a> {
    pub(super) session: &'a Session<'a>,
    /// The statement, for positions.
    pub(super) text: &'a str,
    pub(super) frames: Vec<Frame>,
    pub(super) ctes: Vec<VisibleCte>,
    /// Type of each parameter as far as it is known.
    pub(super) parameters: Vec<Option<PgType>>,
    next_id: usize,
}

/// What stages besides the expression itself the binder found in a SELECT list.
#[derive(Default)]
pub(super) struct Stages {
    pub(super) aggregates: Vec<Aggregate>,
    pub(super) windows: Vec<Window>,
    pub(super) sets: Vec<SetCall>,
}

/// Binds `query`; `parameters` are the declared types, `None` for undeclared ones.
///
/// # Errors
/// 42P01, 42703, 42883, 42804, … and 0A000 for what the evaluator does not do.
pub(crate) fn bind(
    session: &Session<'_>,
    text: &str,
    query: &ast::Query,
    parameters: Vec<Option<PgType>>,
) -> Result<Statement, SqlError> {
    let mut binder =
        Binder { session, text, frames: Vec::new(), ctes: Vec::new(), parameters, next_id: 0 };
    let mut query = binder.query(query)?;
    query = binder.with_known_types(query);
    let parameters = binder.parameters.into_iter().map(|ty| ty.unwrap_or(PgType::Text));
    Ok(Statement { query, parameters: parameters.collect() })
}

impl Binder<'_> {
    pub(super) fn take_id(&mut self) -> usize {
        self.next_id += 1;
        self.next_id
    }

    /// 1-based character position of `span` in the statement.
    pub(super) fn position(&self, span: Span) -> Option<usize> {
        let line_index = usize::try_from(span.start.line).ok()?.checked_sub(1)?;
        let column = usize::try_from(span.start.column).ok()?;
        let before: usize =
            self.text.split('\n').take(line_index).map(|line| line.chars().count() + 1).sum();
        (column > 0).then_some(before + column)
    }

    /// `error` at `span`, if it has no position yet.
    pub(super) fn locate(&self, error: SqlError, span: Span) -> SqlError {
        match (error.position, self.position(span)) {
            (None, Some(position)) => error.at(position),
            _ => error,
        }
    }

    /// Wraps a bound query for use in an expression.
    pub(super) fn subquery(&mut self, query: Query) -> Arc<crate::bound::Subquery> {
        Arc::new(crate::bound::Subquery { id: self.take_id(), query })
    }
}
