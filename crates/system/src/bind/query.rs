//! Queries: WITH, set operations, ORDER BY and LIMIT.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{
    self, LimitClause, OrderByExpr, OrderByKind, SetExpr, SetOperator as AstOperator, SetQuantifier,
};
use kappa_types::{SqlError, SqlState};

use super::scope::{VisibleCte, fold};
use super::{Binder, Typed};
use crate::bound::{Body, Cte, Expr, Query, SetOperator, SortKey};
use crate::error::{undefined_column, unsupported};
use crate::value::PgType;

impl Binder<'_> {
    pub(super) fn query(&mut self, query: &ast::Query) -> Result<Query, SqlError> {
        let visible = self.ctes.len();
        let bound = self.query_inside(query);
        self.ctes.truncate(visible);
        bound
    }

    fn query_inside(&mut self, query: &ast::Query) -> Result<Query, SqlError> {
        let mut ctes = Vec::new();
        let mut escapes = 0;
        if let Some(with) = &query.with {
            for cte in &with.cte_tables {
                let cte = self.cte(cte, with.recursive)?;
                escapes |= cte.query.escapes;
                escapes |= cte.recursive.as_ref().map_or(0, |(query, _)| query.escapes);
                ctes.push(cte);
            }
        }
        let order: &[OrderByExpr] = match query.order_by.as_ref().map(|order| &order.kind) {
            None => &[],
            Some(OrderByKind::Expressions(keys)) => keys,
            Some(OrderByKind::All(_)) => return Err(unsupported("ORDER BY ALL")),
        };
        let mut bound = match query.body.as_ref() {
            SetExpr::Select(select) => self.select(select, order)?,
            other => {
                let mut bound = self.set_expr(other)?;
                bound.order = order_of_output(order, &bound.columns)?;
                bound
            }
        };
        let (limit, offset) = self.limits(query)?;
        if let Some((expr, limit_escapes)) = limit {
            bound.limit = Some(expr);
            escapes |= limit_escapes;
        }
        if let Some((expr, offset_escapes)) = offset {
            bound.offset = Some(expr);
            escapes |= offset_escapes;
        }
        bound.ctes = ctes;
        bound.escapes |= escapes;
        Ok(bound)
    }

    #[expect(clippy::type_complexity, reason = "limit and offset, each with what it refers to")]
    fn limits(
        &mut self,
        query: &ast::Query,
    ) -> Result<(Option<(Expr, u64)>, Option<(Expr, u64)>), SqlError> {
        let (mut limit, mut offset) = match &query.limit_clause {
            None => (None, None),
            Some(LimitClause::LimitOffset { limit, offset, .. }) => {
                (limit.as_ref(), offset.as_ref().map(|offset| &offset.value))
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => (Some(limit), Some(offset)),
        };
        if let Some(fetch) = &query.fetch {
            if fetch.with_ties || fetch.percent {
                return Err(unsupported("FETCH WITH TIES"));
            }
            limit = limit.or(fetch.quantity.as_ref());
        }
        offset = offset.filter(|offset| !is_null_literal(offset));
        limit = limit.filter(|limit| !is_null_literal(limit));
        let mut bind = |expr: Option<&ast::Expr>| {
            let Some(expr) = expr else { return Ok(None) };
            let (expr, frame) = self.with_frame(|binder| {
                binder.frame().clause = "LIMIT";
                let typed = binder.expr(expr)?;
                Ok(binder.coerce(typed, &PgType::Int8)?.expr)
            })?;
            Ok::<_, SqlError>(Some((expr, frame.escapes)))
        };
        Ok((bind(limit)?, bind(offset)?))
    }

    fn cte(&mut self, cte: &ast::Cte, recursive: bool) -> Result<Cte, SqlError> {
        let name = fold(&cte.alias.name);
        let id = self.take_id();
        let frame_count = self.frames.len();
        let rename = |columns: &[(String, PgType)]| -> Vec<(String, PgType)> {
            let aliases = cte.alias.columns.iter().map(|column| Some(fold(&column.name)));
            columns
                .iter()
                .zip(aliases.chain(std::iter::repeat(None)))
                .map(|((name, ty), alias)| (alias.unwrap_or_else(|| name.clone()), ty.clone()))
                .collect()
        };
        if let (
            true,
            SetExpr::SetOperation { op: AstOperator::Union, set_quantifier, left, right },
        ) = (recursive, cte.query.body.as_ref())
        {
            let left = self.set_expr(left)?;
            let left = self.decided_query(left);
            let columns = rename(&left.columns);
            self.ctes.push(VisibleCte { name, id, columns, frame_count });
            let right = self.set_expr(right)?;
            let targets: Vec<PgType> = left.columns.iter().map(|(_, ty)| ty.clone()).collect();
            let right = self.checked_branch(right, &targets)?;
            let distinct = *set_quantifier != SetQuantifier::All;
            let recursive = Some((Arc::new(right), distinct));
            return Ok(Cte { id, query: Arc::new(left), recursive });
        }
        let query = self.query(&cte.query)?;
        let query = self.decided_query(query);
        let columns = rename(&query.columns);
        self.ctes.push(VisibleCte { name, id, columns, frame_count });
        Ok(Cte { id, query: Arc::new(query), recursive: None })
    }

    fn decided_query(&mut self, query: Query) -> Query {
        let targets: Vec<PgType> = query
            .columns
            .iter()
            .map(|(_, ty)| if ty.is_unknown() { PgType::Text } else { ty.clone() })
            .collect();
        self.converted(query, &targets)
    }

    pub(super) fn set_expr(&mut self, body: &SetExpr) -> Result<Query, SqlError> {
        match body {
            SetExpr::Select(select) => self.select(select, &[]),
            SetExpr::Query(query) => {
                let query = self.query(query)?;
                let (columns, escapes) = (query.columns.clone(), query.escapes);
                Ok(plain(Body::Nested(Box::new(query)), columns, escapes))
            }
            SetExpr::Values(values) => {
                self.values(&values.rows.iter().map(|row| &row.content[..]).collect::<Vec<_>>())
            }
            SetExpr::SetOperation { op, set_quantifier, left, right } => {
                let operator = match op {
                    AstOperator::Union => SetOperator::Union,
                    AstOperator::Except | AstOperator::Minus => SetOperator::Except,
                    AstOperator::Intersect => SetOperator::Intersect,
                };
                let all = match set_quantifier {
                    SetQuantifier::All => true,
                    SetQuantifier::None | SetQuantifier::Distinct => false,
                    other => return Err(unsupported(format!("{op} {other}"))),
                };
                let (left, right) = (self.set_expr(left)?, self.set_expr(right)?);
                self.set_operation(operator, all, left, right)
            }
            other => Err(unsupported(format!("the query {other}"))),
        }
    }

    fn set_operation(
        &mut self,
        operator: SetOperator,
        all: bool,
        left: Query,
        right: Query,
    ) -> Result<Query, SqlError> {
        let word = match operator {
            SetOperator::Union => "UNION",
            SetOperator::Except => "EXCEPT",
            SetOperator::Intersect => "INTERSECT",
        };
        if left.columns.len() != right.columns.len() {
            let message = format!("each {word} query must have the same number of columns");
            return Err(SqlError::new(SqlState::SyntaxError, message));
        }
        let mut columns = Vec::with_capacity(left.columns.len());
        for ((name, left), (_, right)) in left.columns.iter().zip(&right.columns) {
            let null =
                |ty: &PgType| Typed::new(Expr::Constant(crate::value::Value::Null), ty.clone());
            let both_unknown = left.is_unknown() && right.is_unknown();
            let ty = match both_unknown {
                true => PgType::Unknown,
                false => self.same_type(vec![null(left), null(right)], word)?.1,
            };
            columns.push((name.clone(), ty));
        }
        let targets: Vec<PgType> = columns.iter().map(|(_, ty)| ty.clone()).collect();
        let (left, right) = (self.converted(left, &targets), self.converted(right, &targets));
        let escapes = left.escapes | right.escapes;
        let body = Body::Set { operator, all, left: Box::new(left), right: Box::new(right) };
        Ok(plain(body, columns, escapes))
    }

    /// The recursive branch of a CTE in the types of the other branch.
    fn checked_branch(&mut self, query: Query, targets: &[PgType]) -> Result<Query, SqlError> {
        if query.columns.len() != targets.len() {
            let message = "each UNION query must have the same number of columns";
            return Err(SqlError::new(SqlState::SyntaxError, message));
        }
        Ok(self.converted(query, targets))
    }

    fn values(&mut self, rows: &[&[ast::Expr]]) -> Result<Query, SqlError> {
        let width = rows.first().map_or(0, |row| row.len());
        let ((bound, columns), frame) = self.with_frame(|binder| {
            binder.frame().clause = "VALUES";
            let mut columns: Vec<Vec<Typed>> = vec![Vec::new(); width];
            for row in rows {
                if row.len() != width {
                    let message = "VALUES lists must all be the same length";
                    return Err(SqlError::new(SqlState::SyntaxError, message));
                }
                for (column, expr) in columns.iter_mut().zip(*row) {
                    column.push(binder.expr(expr)?);
                }
            }
            let mut bound: Vec<Vec<Expr>> = vec![Vec::new(); rows.len()];
            let mut fields = Vec::new();
            for (index, column) in columns.into_iter().enumerate() {
                let (exprs, ty) = binder.same_type(column, "VALUES")?;
                bound.iter_mut().zip(exprs).for_each(|(row, expr)| row.push(expr));
                fields.push((format!("column{}", index + 1), ty));
            }
            Ok((bound, fields))
        })?;
        Ok(plain(Body::Values(bound), columns, frame.escapes))
    }

    /// `query` with its visible columns as `targets`.
    pub(super) fn converted(&mut self, query: Query, targets: &[PgType]) -> Query {
        let same = query.columns.iter().zip(targets).all(|((_, ty), target)| ty == target);
        if same {
            return query;
        }
        let column = |(index, ((_, from), to)): (usize, (&(String, PgType), &PgType))| {
            let column = Expr::Column { depth: 0, slot: 0, column: index };
            match from == to {
                true => column,
                false => {
                    Expr::Cast { operand: Box::new(column), from: from.clone(), to: to.clone() }
                }
            }
        };
        let projection: Vec<Expr> =
            query.columns.iter().zip(targets).enumerate().map(column).collect();
        let columns: Vec<(String, PgType)> = query
            .columns
            .iter()
            .zip(targets)
            .map(|((name, _), ty)| (name.clone(), ty.clone()))
            .collect();
        let escapes = query.escapes;
        let body = Body::Convert { query: Box::new(query), projection };
        plain(body, columns, escapes)
    }
}

fn is_null_literal(expr: &ast::Expr) -> bool {
    match expr {
        ast::Expr::Value(value) => matches!(value.value, ast::Value::Null),
        ast::Expr::Identifier(ident) => ident.value.eq_ignore_ascii_case("all"),
        _ => false,
    }
}

/// ORDER BY after a set operation: names and numbers of its columns.
fn order_of_output(
    keys: &[OrderByExpr],
    columns: &[(String, PgType)],
) -> Result<Vec<SortKey>, SqlError> {
    let key = |key: &OrderByExpr| {
        let column = match &key.expr {
            ast::Expr::Identifier(ident) => {
                let name = fold(ident);
                let position = columns.iter().position(|(column, _)| *column == name);
                position.ok_or_else(|| undefined_column(&format!("\"{name}\"")))?
            }
            expr => super::select::ordinal(expr, columns.len(), "ORDER BY")?
                .ok_or_else(|| unsupported("an expression in ORDER BY of a set operation"))?,
        };
        let descending = key.options.asc == Some(false);
        let nulls_first = key.options.nulls_first.unwrap_or(descending);
        Ok(SortKey { column, descending, nulls_first })
    };
    keys.iter().map(key).collect()
}

/// A query without WITH, ORDER BY and LIMIT.
pub(super) fn plain(body: Body, columns: Vec<(String, PgType)>, escapes: u64) -> Query {
    let (ctes, order) = (Vec::new(), Vec::new());
    Query { ctes, body, order, limit: None, offset: None, columns, escapes }
}
