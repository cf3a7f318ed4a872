//! A typed logical plan into the incremental plan.
//!
//! ```text
//! LogicalPlan --prepare (DataFusion rules)--> --node--> Node --window--> fused windows --close--> ViewPlan
//! ```
//! The one idea: DataFusion's rules turn a query into joins with keys, pruned projections and pushed
//! filters; from there each of its nodes has exactly one incremental node, or the statement is
//! refused by name. Positions replace names on the way, so later steps are arithmetic on columns.
//!
//! * `prepare`: which rules run. `node`, `aggregate`, `join`: one logical node each.
//! * `window`: an aggregate over windows becomes a WindowAggregate. `close`: EMIT ON WINDOW CLOSE.
//! * `lineage`: where a time column comes from. `properties`: what is known of a node's changes.
//!
//! Does not parse and does not decide types.

mod aggregate;
mod close;
mod expression;
mod join;
mod lineage;
mod node;
mod prepare;
mod properties;
mod window;

use datafusion::common::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use kappa_plan::{Emit, ViewPlan};
use kappa_types::SqlError;

pub(crate) use expression::compile;

/// What the user is told of an error of DataFusion's rules.
#[expect(clippy::needless_pass_by_value, reason = "it is made for map_err")]
fn plan_error(error: DataFusionError) -> SqlError {
    crate::error::from_datafusion(&error)
}

/// The incremental plan of a query.
///
/// With `emit_on_close` the plan must read base relations only.
///
/// # Errors
/// 0A000 naming what has no incremental form; 42P17 if windows that close are asked for and the
/// query has none, or their time has no watermark.
pub fn lower_view(plan: LogicalPlan, emit_on_close: bool) -> Result<ViewPlan, SqlError> {
    let plan = prepare::prepare(plan)?;
    let root = node::lower(&plan)?;
    if !emit_on_close {
        return Ok(ViewPlan { root, emit: Emit::OnUpdate });
    }
    let (root, lineage) = close::close(root)?;
    Ok(ViewPlan { root, emit: Emit::OnWindowClose { lineage } })
}
