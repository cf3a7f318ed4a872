//! [`ClosedNode`]: the content of an EMIT ON WINDOW CLOSE view in the plan of another.
//!
//! The one idea: such a view shows frozen windows, so who stands on it must read them frozen; the
//! marker is where the Close of the inner view goes. Rules of DataFusion do not move anything
//! through it: a row is held back as its view has it.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use datafusion::common::{DFSchemaRef, Result, plan_err};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

/// Rows that come when their window closes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ClosedNode {
    /// The query of the view.
    pub(super) input: Arc<LogicalPlan>,
}

/// The content of a view with this query and EMIT ON WINDOW CLOSE.
pub(crate) fn closed(plan: LogicalPlan) -> LogicalPlan {
    LogicalPlan::Extension(Extension { node: Arc::new(ClosedNode { input: Arc::new(plan) }) })
}

impl PartialOrd for ClosedNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for ClosedNode {
    fn name(&self) -> &str {
        "Closed"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closed")
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match inputs.pop() {
            Some(input) => Ok(Self { input: Arc::new(input) }),
            None => plan_err!("what is closed has one input"),
        }
    }

    /// All columns: the one with the window is among them.
    fn necessary_children_exprs(&self, _output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![(0..self.input.schema().fields().len()).collect()])
    }
}
