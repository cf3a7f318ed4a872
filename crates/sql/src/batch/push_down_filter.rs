//! [`push_down_filter`]: DataFusion's rule, but not through aggregates without GROUP BY.
//!
//! DataFusion moves a condition below an aggregate when it names group columns only. One that names no
//! column at all, such as `NULL < 5`, satisfies that for every aggregate; but below an aggregate without
//! GROUP BY it takes away the rows and not the one row of the result.

use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::push_down_filter::PushDownFilter;

use super::guarded::Guarded;

/// The rule, node by node.
pub(crate) fn push_down_filter() -> Guarded<PushDownFilter> {
    Guarded::new(PushDownFilter::new(), |plan| Ok(filters_one_row(plan)))
}

/// Whether the plan is conditions on the row of an aggregate without GROUP BY.
fn filters_one_row(plan: &LogicalPlan) -> bool {
    let LogicalPlan::Filter(filter) = plan else { return false };
    match filter.input.as_ref() {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        below => filters_one_row(below),
    }
}
