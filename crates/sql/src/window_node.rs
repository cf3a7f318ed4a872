//! [`WindowNode`]: TUMBLE and HOP in a plan: the input's columns, then window_start and window_end.
//!
//! Each row comes once for every window that holds its time; a row without a time comes not at all.
//! How it runs in a batch query is in `batch`; in a view it becomes an AssignWindow.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::common::{Column, DFSchema, DFSchemaRef, Result, plan_err};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use kappa_plan::Window;

/// Name of the column with the start of a row's window.
pub(crate) const WINDOW_START: &str = "window_start";
/// Name of the column with the end of a row's window, which is not in it.
pub(crate) const WINDOW_END: &str = "window_end";

/// Puts rows into windows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WindowNode {
    /// Where rows come from.
    pub input: Arc<LogicalPlan>,
    /// A timestamp or timestamptz column of the input.
    pub time: Column,
    /// Which windows.
    pub window: Window,
    schema: DFSchemaRef,
}

impl WindowNode {
    /// A node over `input`.
    ///
    /// # Errors
    /// If `time` is not a column of the input.
    pub fn try_new(input: Arc<LogicalPlan>, time: Column, window: Window) -> Result<Self> {
        let schema = input.schema();
        let Some(index) = schema.maybe_index_of_column(&time) else {
            return plan_err!("there is no column {time}");
        };
        let time_type = schema.field(index).data_type().clone();
        let mut fields: Vec<_> =
            schema.iter().map(|(table, field)| (table.cloned(), Arc::clone(field))).collect();
        for name in [WINDOW_START, WINDOW_END] {
            fields.push((None, Arc::new(Field::new(name, time_type.clone(), true))));
        }
        let metadata = schema.metadata().clone();
        let schema = Arc::new(DFSchema::new_with_metadata(fields, metadata)?);
        Ok(Self { input, time, window, schema })
    }
}

impl PartialOrd for WindowNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for WindowNode {
    fn name(&self) -> &str {
        "Window"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![Expr::Column(self.time.clone())]
    }

    /// Predicates on the input's own columns may be applied before rows are put into windows.
    fn prevent_predicate_push_down_columns(&self) -> std::collections::HashSet<String> {
        [WINDOW_START.to_owned(), WINDOW_END.to_owned()].into()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Window: {} of {}", self.window, self.time)
    }

    fn with_exprs_and_inputs(
        &self,
        mut exprs: Vec<Expr>,
        mut inputs: Vec<LogicalPlan>,
    ) -> Result<Self> {
        match (exprs.pop(), inputs.pop()) {
            (Some(Expr::Column(time)), Some(input)) => {
                Self::try_new(Arc::new(input), time, self.window)
            }
            _ => plan_err!("a window is over one input and one column"),
        }
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let input = self.input.schema();
        let time = input.maybe_index_of_column(&self.time)?;
        let mut needed: Vec<usize> =
            output_columns.iter().copied().filter(|index| *index < input.fields().len()).collect();
        if !needed.contains(&time) {
            needed.push(time);
        }
        needed.sort_unstable();
        Some(vec![needed])
    }
}
