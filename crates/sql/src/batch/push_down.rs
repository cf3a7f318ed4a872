//! [`PushDownFilter`]: DataFusion's rule, but not through aggregates without GROUP BY.
//!
//! DataFusion moves a condition below an aggregate when it names group columns only. One that names no
//! column at all, such as `NULL < 5`, satisfies that for every aggregate; but below an aggregate without
//! GROUP BY it takes away the rows and not the one row of the result.

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::push_down_filter::PushDownFilter as Inner;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// The rule, node by node.
#[derive(Debug, Default)]
pub(crate) struct PushDownFilter {
    inner: Inner,
}

impl OptimizerRule for PushDownFilter {
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
        if filters_one_row(&plan) {
            Ok(Transformed::no(plan))
        } else {
            self.inner.rewrite(plan, config)
        }
    }
}

/// Whether the plan is conditions on the row of an aggregate without GROUP BY.
fn filters_one_row(plan: &LogicalPlan) -> bool {
    let LogicalPlan::Filter(filter) = plan else { return false };
    match filter.input.as_ref() {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        below => filters_one_row(below),
    }
}
