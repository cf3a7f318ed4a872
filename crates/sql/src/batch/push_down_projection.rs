//! [`PushDownProjection`]: projections go below other operators unless they then see more rows.
//!
//! DataFusion computes `n / d` of `SELECT d, n / d FROM t WHERE d <> 0` below the filter where that
//! makes rows narrower, and for the condition of a join without equal columns it computes what one
//! side is enough for on that side, out of a CASE if need be. Rows that the condition would have left
//! out then fail. Here only columns go below a filter, and conditions of joins stay as they are.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::expressions::{Column, Literal};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::{
    ProjectionExec, remove_unnecessary_projections, try_embed_projection,
};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

/// In the place of DataFusion's rule of the same name.
#[derive(Debug, Default)]
pub(super) struct PushDownProjection;

impl PhysicalOptimizerRule for PushDownProjection {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(push_down).data()
    }

    fn name(&self) -> &'static str {
        "ProjectionPushdown"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn push_down(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>()
        && let Some(filter) = projection.input().downcast_ref::<FilterExec>()
        && projection.expr().iter().any(|of| !is_plain(of.expr.as_ref()))
    {
        // The filter hands out the columns that are needed, and the rest is computed above it.
        let embedded = try_embed_projection(projection, filter)?
            // Made anew, a projection may lose metadata that it was given.
            .filter(|embedded| embedded.schema() == plan.schema());
        return Ok(embedded.map_or_else(|| Transformed::no(plan), Transformed::yes));
    }
    remove_unnecessary_projections(plan)
}

/// Whether an expression cannot fail and costs nothing.
fn is_plain(expr: &dyn PhysicalExpr) -> bool {
    expr.downcast_ref::<Column>().is_some() || expr.downcast_ref::<Literal>().is_some()
}
