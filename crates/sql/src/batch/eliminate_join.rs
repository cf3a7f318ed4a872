//! [`EliminateJoin`]: joins whose columns nobody needs are left out, with nothing that could fail.
//!
//! A join that is left out takes the errors of its rows along: the query answers where the view of the
//! same definition has rows in error. So it stays in plans in which anything may fail.

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::eliminate_join;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::three_valued::may_fail;

/// In the place of DataFusion's rule of the same name.
#[derive(Debug, Default)]
pub(super) struct EliminateJoin {
    inner: eliminate_join::EliminateJoin,
}

impl OptimizerRule for EliminateJoin {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.inner.apply_order()
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        if has_what_may_fail(&plan)? {
            Ok(Transformed::no(plan))
        } else {
            self.inner.rewrite(plan, config)
        }
    }
}

/// Whether any expression of a plan may raise an error; sums may.
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
