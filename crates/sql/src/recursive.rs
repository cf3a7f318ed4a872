//! WITH RECURSIVE in the syntax tree, before SqlToRel plans it.
//!
//! SqlToRel takes each UNION in WITH RECURSIVE apart into its two sides, and casts what the second
//! gives to what the first seems to give while nothing has a type yet. What it may stand on is prepared
//! here; who reads what, and in which types, is seen to in `typing/recursive.rs`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, SelectItem, SetExpr, TableFactor, Value, Visit, Visitor,
};
use kappa_types::SqlError;

use crate::desugar::{call, empty_select, query_of};
use crate::function::CELL;
use crate::parse::fold;

/// Puts a UNION with its own WITH, ORDER BY or LIMIT into parentheses: SqlToRel would lose them.
///
/// # Errors
/// 0A000 if such a query reads itself.
pub(crate) fn whole_unions(query: &mut Query) -> Result<(), SqlError> {
    let recursive = query.with.iter_mut().filter(|with| with.recursive);
    for common in recursive.flat_map(|with| &mut with.cte_tables) {
        let inner = &mut common.query;
        let is_plain = inner.with.is_none()
            && inner.order_by.is_none()
            && inner.limit_clause.is_none()
            && inner.fetch.is_none();
        if is_plain || !matches!(inner.body.as_ref(), SetExpr::SetOperation { .. }) {
            continue;
        }
        let mut reads = Reads { name: fold(&common.alias.name) };
        if inner.visit(&mut reads).is_break() {
            return Err(SqlError::unsupported(
                "WITH, ORDER BY and LIMIT in a recursive query are not supported",
                "Put them into the query that reads it.",
            ));
        }
        let nothing = query_of(Box::new(SetExpr::Select(Box::new(empty_select()))));
        let whole = std::mem::replace(inner.as_mut(), nothing);
        *inner.body = SetExpr::Query(Box::new(whole));
    }
    Ok(())
}

/// Makes the results of second terms calls, which may be of any type until they have types.
pub(crate) fn free_second_terms(query: &mut Query) {
    let recursive = query.with.iter_mut().filter(|with| with.recursive);
    for common in recursive.flat_map(|with| &mut with.cte_tables) {
        if let SetExpr::SetOperation { right, .. } = common.query.body.as_mut() {
            free_items(right);
        }
    }
}

fn free_items(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => {
            for (index, item) in select.projection.iter_mut().enumerate() {
                let (expr, alias) = match item {
                    SelectItem::UnnamedExpr(expr) => (expr, Ident::new(format!("column {index}"))),
                    SelectItem::ExprWithAlias { expr, alias } => (expr, alias.clone()),
                    _ => continue,
                };
                let taken = std::mem::replace(expr, Expr::value(Value::Null));
                *item = SelectItem::ExprWithAlias { expr: call(CELL, vec![taken], None), alias };
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            free_items(left);
            free_items(right);
        }
        SetExpr::Query(query) => free_items(&mut query.body),
        _ => {}
    }
}

/// Looks for a relation of this name.
struct Reads {
    name: String,
}

impl Visitor for Reads {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, .. } => match name.0.as_slice() {
                [part] if part.as_ident().is_some_and(|ident| fold(ident) == self.name) => {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            },
            _ => ControlFlow::Continue(()),
        }
    }
}
