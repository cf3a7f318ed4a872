//! Windows by name: `OVER (w ROWS …)` and `WINDOW b AS (a ORDER BY …)` get what the named window has.
//!
//! ```text
//! sum(n) OVER (w ROWS 1 PRECEDING) … WINDOW w AS (PARTITION BY k ORDER BY id)
//!   ->  sum(n) OVER (PARTITION BY k ORDER BY id ROWS 1 PRECEDING) … WINDOW w AS (…)
//! ```
//! The one idea: names are written out before DataFusion plans the query, since it passes over a name
//! inside parentheses. `OVER w` it knows, and that is left as it is.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, NamedWindowDefinition, NamedWindowExpr, Query, Select, SetExpr, VisitMut,
    VisitorMut, WindowSpec, WindowType,
};
use kappa_types::{SqlError, SqlState};

use crate::parse::{fold, span_position};

/// Writes out the windows of one SELECT, those of queries inside it left alone.
pub(crate) fn write_out_in_select(select: &mut Select) -> Result<(), SqlError> {
    let windows = definitions(&mut select.named_window)?;
    write_out(&mut select.projection, &windows)?;
    write_out(&mut select.qualify, &windows)
}

/// Writes out the windows in the ORDER BY of a query.
pub(crate) fn write_out_in_order(query: &mut Query) -> Result<(), SqlError> {
    let SetExpr::Select(select) = query.body.as_mut() else { return Ok(()) };
    let windows = definitions(&mut select.named_window)?;
    write_out(&mut query.order_by, &windows)
}

/// Each named window, complete.
fn definitions(named: &mut [NamedWindowDefinition]) -> Result<Vec<(String, WindowSpec)>, SqlError> {
    let mut windows = Vec::with_capacity(named.len());
    for NamedWindowDefinition(name, definition) in named {
        let spec = match definition {
            NamedWindowExpr::WindowSpec(spec) => {
                complete(spec, &windows)?;
                spec.clone()
            }
            NamedWindowExpr::NamedWindow(other) => find(other, &windows)?.clone(),
        };
        windows.push((fold(name), spec));
    }
    Ok(windows)
}

fn write_out(part: &mut impl VisitMut, windows: &[(String, WindowSpec)]) -> Result<(), SqlError> {
    match part.visit(&mut WriteOut { windows, query_depth: 0 }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct WriteOut<'a> {
    windows: &'a [(String, WindowSpec)],
    /// How many queries inside the SELECT stand around the current expression.
    query_depth: usize,
}

impl VisitorMut for WriteOut<'_> {
    type Break = SqlError;

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<SqlError> {
        self.query_depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<SqlError> {
        self.query_depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        if let Expr::Function(function) = expr
            && let Some(WindowType::WindowSpec(spec)) = &mut function.over
            && self.query_depth == 0
            && let Err(error) = complete(spec, self.windows)
        {
            return ControlFlow::Break(error);
        }
        ControlFlow::Continue(())
    }
}

/// Adds what the window named in `spec` has.
fn complete(spec: &mut WindowSpec, windows: &[(String, WindowSpec)]) -> Result<(), SqlError> {
    let Some(name) = spec.window_name.take() else { return Ok(()) };
    let base = find(&name, windows)?;
    let shown = fold(&name);
    let refused = if !spec.partition_by.is_empty() {
        Some(format!("cannot override PARTITION BY clause of window \"{shown}\""))
    } else if !spec.order_by.is_empty() && !base.order_by.is_empty() {
        Some(format!("cannot override ORDER BY clause of window \"{shown}\""))
    } else if base.window_frame.is_some() {
        Some(format!("cannot copy window \"{shown}\" because it has a frame clause"))
    } else {
        None
    };
    if let Some(message) = refused {
        return Err(placed(SqlError::new(SqlState::WindowingError, message), &name));
    }
    spec.partition_by.clone_from(&base.partition_by);
    if spec.order_by.is_empty() {
        spec.order_by.clone_from(&base.order_by);
    }
    Ok(())
}

fn find<'w>(name: &Ident, windows: &'w [(String, WindowSpec)]) -> Result<&'w WindowSpec, SqlError> {
    let wanted = fold(name);
    let found = windows.iter().find(|(known, _)| *known == wanted).map(|(_, spec)| spec);
    found.ok_or_else(|| {
        let message = format!("window \"{wanted}\" does not exist");
        placed(SqlError::new(SqlState::UndefinedObject, message), name)
    })
}

fn placed(mut error: SqlError, name: &Ident) -> SqlError {
    error.position = span_position(name.span);
    error
}
