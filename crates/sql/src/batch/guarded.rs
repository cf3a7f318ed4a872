//! [`Guarded`]: a rule of DataFusion that some plans do not get to see.

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// A rule under its own name, for every plan but those that it would change the answer of.
#[derive(Debug)]
pub(crate) struct Guarded<R> {
    rule: R,
    /// Whether a plan stays as it is.
    stays: fn(&LogicalPlan) -> Result<bool>,
}

impl<R> Guarded<R> {
    pub(super) const fn new(rule: R, stays: fn(&LogicalPlan) -> Result<bool>) -> Self {
        Self { rule, stays }
    }
}

impl<R: OptimizerRule> OptimizerRule for Guarded<R> {
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.rule.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        if (self.stays)(&plan)? {
            Ok(Transformed::no(plan))
        } else {
            self.rule.rewrite(plan, config)
        }
    }
}
