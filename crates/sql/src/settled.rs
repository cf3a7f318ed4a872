//! [`Settled`]: a plan whose types are already decided, inside one whose types are not.
//!
//! A view is bound with the settings its definition was made with; the marker keeps the pass over
//! the query that reads it from deciding again. The pass takes the marker out.

use std::fmt;
use std::sync::Arc;

use datafusion::common::{DFSchemaRef, Result};
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};

/// The marker around a settled plan. It shows no inputs, so that nothing looks inside.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd)]
struct Settled {
    plan: LogicalPlan,
}

/// Marks a plan as settled.
pub(crate) fn settled(plan: LogicalPlan) -> LogicalPlan {
    LogicalPlan::Extension(Extension { node: Arc::new(Settled { plan }) })
}

/// The plan that a node marks as settled, if it is a marker.
pub(crate) fn settled_plan(node: &dyn UserDefinedLogicalNode) -> Option<&LogicalPlan> {
    node.as_any().downcast_ref::<Settled>().map(|settled| &settled.plan)
}

impl UserDefinedLogicalNodeCore for Settled {
    fn name(&self) -> &str {
        "Settled"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        Vec::new()
    }

    fn schema(&self) -> &DFSchemaRef {
        self.plan.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settled")
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, _: Vec<LogicalPlan>) -> Result<Self> {
        Ok(self.clone())
    }
}
