//! The incremental plan of a whole query.

use datafusion::common::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use kappa_plan::{Emit, ViewPlan};
use kappa_types::SqlError;

use super::{close, node, prepare};

/// What the user is told of an error of DataFusion's rules.
#[expect(clippy::needless_pass_by_value, reason = "it is made for map_err")]
pub(super) fn plan_error(error: DataFusionError) -> SqlError {
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
