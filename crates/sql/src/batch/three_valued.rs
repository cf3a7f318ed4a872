//! [`three_valued`]: AND and OR that do not look at an operand which can no longer decide.
//!
//! A view keeps the error of an operand apart, so that `false AND error` is false and `true OR
//! error` true. DataFusion evaluates both sides over whole batches and fails. Here the operands that
//! cannot fail come first, and each other one is evaluated only for the rows that are still open.
//!
//! ```text
//! a OR f(b)    =>    CASE WHEN a THEN true ELSE a OR f(b) END
//! a AND f(b)   =>    CASE WHEN NOT a THEN false ELSE a AND f(b) END
//! ```
//! It runs after the optimizer, which would take the CASE apart again. Where all operands can fail
//! the first decides, so that `f(a) AND false_for_column` is the only order a view is better at.

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{BinaryExpr, Case};
use datafusion::logical_expr::utils::{split_binary, split_binary_owned};
use datafusion::logical_expr::{Expr, LogicalPlan, Operator, lit};

use crate::named::map_named;

/// The plan with AND and OR of filters, projections and join conditions in order.
pub(super) fn three_valued(plan: LogicalPlan) -> Result<LogicalPlan> {
    let changed = plan.transform_down(|node| match node {
        LogicalPlan::Filter(_) | LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) => {
            map_named(node, &ordered)
        }
        LogicalPlan::Join(mut join) => {
            join.filter = match join.filter {
                Some(filter) => Some(ordered(filter)?.data),
                None => None,
            };
            Ok(Transformed::yes(LogicalPlan::Join(join)))
        }
        other => Ok(Transformed::no(other)),
    });
    Ok(changed?.data)
}

/// An expression with every AND and OR in it in order.
fn ordered(expr: Expr) -> Result<Transformed<Expr>> {
    expr.transform_down(|part| {
        let op = match &part {
            Expr::BinaryExpr(BinaryExpr { op: op @ (Operator::And | Operator::Or), .. }) => *op,
            _ => return Ok(Transformed::no(part)),
        };
        let operands = split_binary(&part, op);
        if !operands.iter().any(|operand| may_fail(operand)) || repeats_badly(&part) {
            return Ok(Transformed::new(part, false, TreeNodeRecursion::Jump));
        }
        let operands = split_binary_owned(part, op)
            .into_iter()
            .map(|operand| ordered(operand).map(|operand| operand.data))
            .collect::<Result<Vec<_>>>()?;
        Ok(Transformed::new(chain(operands, op), true, TreeNodeRecursion::Jump))
    })
}

/// The operands that cannot fail, then the others one after the other.
fn chain(operands: Vec<Expr>, op: Operator) -> Expr {
    let (risky, safe): (Vec<_>, Vec<_>) = operands.into_iter().partition(may_fail);
    let joined = |left: Expr, right: Expr| {
        Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
    };
    let last = risky.into_iter().rev().reduce(|rest, first| open(first, rest, op));
    match (safe.into_iter().reduce(joined), last) {
        (Some(safe), Some(rest)) => open(safe, rest, op),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => lit(op == Operator::And),
    }
}

/// `first op rest`, where `rest` is evaluated for the rows that `first` leaves open.
fn open(first: Expr, rest: Expr, op: Operator) -> Expr {
    let (decided, value) = match op {
        Operator::And => (Expr::Not(Box::new(first.clone())), false),
        _ => (first.clone(), true),
    };
    let both = Expr::BinaryExpr(BinaryExpr::new(Box::new(first), op, Box::new(rest)));
    Expr::Case(Case {
        expr: None,
        when_then_expr: vec![(Box::new(decided), Box::new(lit(value)))],
        else_expr: Some(Box::new(both)),
    })
}

/// Whether evaluating may raise an error: a function, a conversion or arithmetic is in it.
pub(super) fn may_fail(expr: &Expr) -> bool {
    has(expr, |part| match part {
        Expr::ScalarFunction(_) | Expr::Cast(_) | Expr::TryCast(_) | Expr::Negative(_) => true,
        Expr::BinaryExpr(binary) => matches!(
            binary.op,
            Operator::Plus
                | Operator::Minus
                | Operator::Multiply
                | Operator::Divide
                | Operator::Modulo
        ),
        _ => false,
    })
}

/// Whether evaluating an operand twice gives other values or costs a query.
fn repeats_badly(expr: &Expr) -> bool {
    expr.is_volatile()
        || has(expr, |part| {
            matches!(
                part,
                Expr::ScalarSubquery(_)
                    | Expr::InSubquery(_)
                    | Expr::Exists(_)
                    | Expr::SetComparison(_)
            )
        })
}

fn has(expr: &Expr, test: impl Fn(&Expr) -> bool) -> bool {
    expr.exists(|part| Ok(test(part))).unwrap_or(true)
}
