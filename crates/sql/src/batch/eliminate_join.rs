//! [`eliminate_join`]: joins whose columns nobody needs are left out, with nothing that could fail.
//!
//! A join that is left out takes the errors of its rows along: the query answers where the view of the
//! same definition has rows in error. So it stays in plans in which anything may fail. Every aggregate
//! counts as something that may, as a sum does.

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::eliminate_join::EliminateJoin;

use super::guarded::Guarded;
use super::three_valued::may_fail;

/// The rule, for plans that cannot fail.
pub(super) fn eliminate_join() -> Guarded<EliminateJoin> {
    Guarded::new(EliminateJoin::new(), has_what_may_fail)
}

/// Whether any expression of a plan may raise an error.
fn has_what_may_fail(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    let is_aggregate = |expr: &Expr| {
        expr.exists(|part| Ok(matches!(part, Expr::AggregateFunction(_) | Expr::WindowFunction(_))))
    };
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found |= may_fail(expr) || is_aggregate(expr)?;
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    Ok(found)
}
