//! Which of DataFusion's rules run before lowering.
//!
//! The one idea: only rules that keep the meaning of every row and every error of a row, and whose
//! results lowering knows: constants folded, cross joins with a condition made into joins, filters
//! and projections pushed down.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, Volatility};
use datafusion::optimizer::eliminate_cross_join::EliminateCrossJoin;
use datafusion::optimizer::eliminate_filter::EliminateFilter;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::replace_distinct_aggregate::ReplaceDistinctWithAggregate;
use datafusion::optimizer::{Optimizer, OptimizerContext, OptimizerRule};
use kappa_types::{SqlError, SqlState};

use super::plan_error;
use crate::batch::{Simplify, push_down_filter};

/// Runs the rules, after refusing what can never be kept.
pub(super) fn prepare(plan: LogicalPlan) -> Result<LogicalPlan, SqlError> {
    refuse(&plan)?;
    let rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = vec![
        Arc::new(Simplify::default()),
        Arc::new(ReplaceDistinctWithAggregate::new()),
        Arc::new(ExtractEquijoinPredicate::new()),
        Arc::new(EliminateFilter::new()),
        Arc::new(EliminateCrossJoin::new()),
        Arc::new(push_down_filter()),
        Arc::new(OptimizeProjections::new()),
    ];
    let context = OptimizerContext::new().without_query_execution_start_time();
    Optimizer::with_rules(rules).optimize(plan, &context, |_, _| {}).map_err(plan_error)
}

/// Refuses subqueries in expressions, and functions whose value is not in the row.
fn refuse(plan: &LogicalPlan) -> Result<(), SqlError> {
    let mut refused = None;
    let walked = plan.apply(|node| {
        if let LogicalPlan::Distinct(Distinct::On(_)) = node {
            // DataFusion's rule for it needs what is not made yet.
            refused = Some(distinct_on());
            return Ok(TreeNodeRecursion::Stop);
        }
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                refused = refusal(part);
                Ok(if refused.is_some() {
                    TreeNodeRecursion::Stop
                } else {
                    TreeNodeRecursion::Continue
                })
            })
        })
    });
    walked.map_err(plan_error)?;
    refused.map_or(Ok(()), Err)
}

/// 0A000 for DISTINCT ON.
pub(super) fn distinct_on() -> SqlError {
    SqlError::unsupported(
        "DISTINCT ON cannot be kept in a materialized view yet",
        "Use GROUP BY with min or max, or read it with a SELECT.",
    )
}

fn refusal(expr: &Expr) -> Option<SqlError> {
    match expr {
        Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) => {
            Some(SqlError::unsupported(
                "subqueries in expressions cannot be kept in a materialized view yet",
                "Write it as a join, or as a view of its own that is joined.",
            ))
        }
        Expr::SetComparison(_) => Some(SqlError::unsupported(
            "ANY and ALL over a subquery cannot be kept in a materialized view yet",
            "Write it as a join.",
        )),
        Expr::WindowFunction(_) => Some(SqlError::unsupported(
            "window functions (OVER) cannot be kept in a materialized view yet",
            "Group by TUMBLE or HOP instead, or run the query as a SELECT.",
        )),
        Expr::GroupingSet(_) => Some(SqlError::unsupported(
            "GROUPING SETS, ROLLUP and CUBE cannot be kept in a materialized view yet",
            "Create a view for each grouping, joined with UNION ALL.",
        )),
        Expr::ScalarFunction(call) => match call.func.signature().volatility {
            Volatility::Immutable => None,
            Volatility::Stable => Some(SqlError::unsupported(
                format!("{}() in a materialized view is not supported yet", call.func.name()),
                "Temporal filters come later; filter when you read the view.",
            )),
            Volatility::Volatile => Some(
                SqlError::new(
                    SqlState::InvalidObjectDefinition,
                    format!("{}() cannot be in a materialized view", call.func.name()),
                )
                .with_hint("Its value depends on the session or changes by itself."),
            ),
        },
        Expr::Placeholder(_) => Some(SqlError::new(
            SqlState::UndefinedParameter,
            "a materialized view cannot have parameters",
        )),
        _ => None,
    }
}
