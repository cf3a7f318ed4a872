//! Plan to operators: the one place where the nodes of a plan are matched.
//!
//! ```text
//! Project            Stage::Row  [Filter, Project]
//!   Filter     -->     Stage::Keyed WindowAggregate, rows routed by key
//!     WindowAggregate    Stage::Input
//! ```
//! The one idea: a [`Stage`] says which rows must meet on one worker and what runs there; how rows
//! travel is not said here.

use std::cell::RefCell;
use std::rc::Rc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::physical_expr::expressions::Column;
use kappa_plan::{Input, Node, NodePath, Operator as Plan, ViewPlan, Window};

use crate::Error;
use crate::operator::{
    Aggregate, AssignWindow, Close, Filter, GroupWriter, Join, JoinOptions, Operator,
    PartialAggregate, PartialWindows, Project, Shelf, WindowAggregate, WindowAggregateOptions,
};
use crate::state::{
    Arrangement, ArrangementOptions, GroupLayout, hash_rows, virtual_node, worker_of,
};

/// The worker that operators are built for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Which worker.
    pub(crate) worker: usize,
    /// How many there are.
    pub(crate) worker_count: usize,
}

impl Place {
    /// Whether this worker keeps the rows without a key.
    pub(crate) fn owns_empty_key(self) -> bool {
        worker_of(virtual_node(hash_rows(&[], 1)[0]), self.worker_count) == self.worker
    }
}

/// Which worker a row goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Any: it stays where it is.
    Stay,
    /// The one that owns these columns' values.
    Key(Vec<usize>),
}

/// Running operators, as a tree.
pub(crate) enum Stage {
    /// Changes of a relation, with the schema of the columns that are read.
    Input(Input, SchemaRef),
    /// Rows that are there from the beginning, on the worker that owns the empty key.
    Constant(RecordBatch),
    /// Operators that look at one row at a time, one after another.
    Rows {
        /// Where rows come from.
        input: Box<Stage>,
        /// First to last.
        operators: Vec<Box<dyn Operator>>,
    },
    /// An operator whose rows must meet by key. One port per input.
    Keyed {
        /// Inputs and which worker their rows go to.
        inputs: Vec<(Stage, Route)>,
        /// What runs.
        operator: Box<dyn Operator>,
        /// For logs.
        name: &'static str,
        /// Which Close of the plan it belongs to, by number, whose watermark it is told.
        close: Option<usize>,
    },
    /// All rows of all inputs.
    Union(Vec<Stage>),
}

impl Stage {
    /// Whether a row is taken away on the worker that added it.
    ///
    /// Base relations are dealt out to workers as they come, so without a keyed operator in between
    /// only rows that are never taken away have a fixed place.
    pub(crate) fn is_placed(&self) -> bool {
        match self {
            Self::Input(..) => false,
            Self::Constant(_) | Self::Keyed { .. } => true,
            Self::Rows { input, .. } => input.is_placed(),
            Self::Union(inputs) => inputs.iter().all(Self::is_placed),
        }
    }
}

/// What nodes are built with.
struct Context {
    place: Place,
    /// For the node at this path, which places its rows itself.
    shelf: RefCell<Option<(NodePath, Box<dyn Shelf>)>>,
    /// Paths of the Close nodes by number.
    closes: Vec<NodePath>,
}

impl Context {
    /// The shelf, if it is for the node at `path`.
    fn shelf_for(&self, path: &NodePath) -> Option<Box<dyn Shelf>> {
        self.shelf.borrow_mut().take_if(|(wanted, _)| wanted == path).map(|(_, shelf)| shelf)
    }

    /// The number of the Close at `path`.
    fn close_at(&self, path: &NodePath) -> Option<usize> {
        self.closes.iter().position(|close| close == path)
    }
}

/// The operators of `plan` for one worker. Rows that the last stage takes away were added on the
/// same worker.
///
/// # Errors
/// [`Error::Unsupported`] names the first thing that has no operator.
pub(crate) fn build(plan: &ViewPlan, place: Place) -> Result<Stage, Error> {
    build_with(plan, place, None)
}

/// As [`build`], for plans that end in an aggregate: it places its rows on the shelf that `shelf`
/// makes for the columns it is given (positions in the aggregate's rows). `None` for other plans.
///
/// # Errors
/// As [`build`].
pub(crate) fn build_placed(
    plan: &ViewPlan,
    place: Place,
    shelf: impl FnOnce(Vec<usize>) -> Box<dyn Shelf>,
) -> Result<Option<Stage>, Error> {
    let Some((path, columns)) = last_aggregate(&plan.root) else { return Ok(None) };
    build_with(plan, place, Some((path, shelf(columns)))).map(Some)
}

/// The aggregate that a plan ends in, and which of its columns are the plan's.
fn last_aggregate(root: &Node) -> Option<(NodePath, Vec<usize>)> {
    let mut path = NodePath::default();
    let mut columns: Vec<usize> = (0..root.schema.fields().len()).collect();
    let mut node = root;
    while let Plan::Project { input, expressions } = &node.operator {
        let position = |column: &usize| {
            let any: &dyn std::any::Any = expressions[*column].physical.as_ref();
            any.downcast_ref::<Column>().map(Column::index)
        };
        columns = columns.iter().map(position).collect::<Option<_>>()?;
        node = input;
        path = path.child(0);
    }
    let aggregates = matches!(node.operator, Plan::Aggregate { .. } | Plan::WindowAggregate { .. });
    aggregates.then_some((path, columns))
}

fn build_with(
    plan: &ViewPlan,
    place: Place,
    shelf: Option<(NodePath, Box<dyn Shelf>)>,
) -> Result<Stage, Error> {
    let closes = plan.closings().into_iter().map(|closing| closing.path).collect();
    let context = Context { place, shelf: RefCell::new(shelf), closes };
    let stage = node(&plan.root, &NodePath::default(), &context)?;
    if plan.root.properties.append_only || stage.is_placed() {
        return Ok(stage);
    }
    let columns = (0..plan.root.schema.fields().len()).collect();
    Ok(Stage::Keyed {
        inputs: vec![(stage, Route::Key(columns))],
        operator: Box::new(crate::operator::Pass),
        name: "Place",
        close: None,
    })
}

fn node(plan: &Node, path: &NodePath, context: &Context) -> Result<Stage, Error> {
    let child = |input: &Node| node(input, &path.child(0), context);
    let schema = || plan.schema.clone();
    Ok(match &plan.operator {
        Plan::Input(input) => Stage::Input(input.clone(), schema()),
        Plan::Constant { rows } => Stage::Constant(rows.clone()),
        Plan::Filter { input, predicate } => {
            let position = format!("{path} {}", predicate.text);
            row_stage(child(input)?, Filter::new(predicate.physical.clone(), position))
        }
        Plan::Project { input, expressions } => {
            let physical = expressions.iter().map(|e| e.physical.clone()).collect();
            let positions = expressions.iter().map(|e| format!("{path} {}", e.text)).collect();
            row_stage(child(input)?, Project::new(physical, positions, schema()))
        }
        Plan::AssignWindow { input, time, window } => {
            let position = format!("{path} {window}");
            row_stage(child(input)?, AssignWindow::new(*time, *window, schema(), position))
        }
        Plan::Aggregate { input, keys, aggregates } => {
            let layout = GroupLayout {
                input: input.schema.clone(),
                keys: keys.clone(),
                aggregates: aggregates.clone(),
                append_only: input.properties.append_only,
                tracked: true,
                always_one: keys.is_empty(),
            };
            layout.accumulators().map_err(Error::Unsupported)?;
            let here = context.place.owns_empty_key();
            let shelf = context.shelf_for(path);
            let writer = GroupWriter::new(schema(), path.to_string(), shelf);
            let input = partial(child(input)?, &layout, None, context.place);
            let operator = Aggregate::new(layout, writer, here);
            keyed("Aggregate", vec![(input, Route::Key(keys.clone()))], operator)
        }
        Plan::WindowAggregate { .. } => window_aggregate(plan, path, context, None)?,
        Plan::Union { inputs } => {
            let inputs = inputs.iter().enumerate();
            let stages =
                inputs.map(|(index, input)| node(input, &path.child(index as u8), context));
            Stage::Union(stages.collect::<Result<_, _>>()?)
        }
        Plan::Arrange { input, .. } => child(input)?,
        Plan::Join { .. } => join(plan, path, context)?,
        Plan::Close { input, window_start, window }
        | Plan::Frozen { input, window_start, window, .. } => {
            let close = context.close_at(path);
            if closes_itself(input, *window_start, window) {
                return window_aggregate(input, &path.child(0), context, close);
            }
            let operator = Close::new(*window_start, *window, schema());
            let columns = (0..input.schema.fields().len()).collect();
            let stage = child(input)?;
            // A row must be taken away where it is held back.
            let route = if stage.is_placed() { Route::Stay } else { Route::Key(columns) };
            closing(keyed("Close", vec![(stage, route)], operator), close)
        }
    })
}

/// Whether `input` is a WindowAggregate over the windows that are to be closed.
fn closes_itself(input: &Node, window_start: usize, closing: &Window) -> bool {
    matches!(&input.operator, Plan::WindowAggregate { window, keys, .. }
        if window == closing && window_start == keys.len())
}

fn window_aggregate(
    plan: &Node,
    path: &NodePath,
    context: &Context,
    close: Option<usize>,
) -> Result<Stage, Error> {
    let on_close = close.is_some();
    let Plan::WindowAggregate { input, time, window, null_time, keys, aggregates } = &plan.operator
    else {
        unreachable!("the caller has matched the node")
    };
    let layout = GroupLayout {
        input: input.schema.clone(),
        keys: keys.clone(),
        aggregates: aggregates.clone(),
        append_only: input.properties.append_only,
        tracked: !on_close,
        always_one: false,
    };
    layout.accumulators().map_err(Error::Unsupported)?;
    let windows = PartialWindows { time: *time, window: *window, on_close, watermark: None };
    let input = node(input, &path.child(0), context)?;
    let input = partial(input, &layout, Some((windows, close)), context.place);
    let operator = WindowAggregate::new(WindowAggregateOptions {
        time: *time,
        window: *window,
        null_time: *null_time,
        on_close,
        layout,
        writer: GroupWriter::new(plan.schema.clone(), path.to_string(), context.shelf_for(path)),
    });
    // Without keys the windows are dealt out by time, which is the same for all rows of a group.
    let route = Route::Key(if keys.is_empty() { Vec::new() } else { keys.clone() });
    Ok(closing(keyed("WindowAggregate", vec![(input, route)], operator), close))
}

/// `input`, grouped before it travels where that saves work; windows come with their Close.
fn partial(
    input: Stage,
    layout: &GroupLayout,
    windows: Option<(PartialWindows, Option<usize>)>,
    place: Place,
) -> Stage {
    let (windows, close) = windows.map_or((None, None), |(windows, close)| (Some(windows), close));
    let repeats = |w: PartialWindows| !w.on_close && w.window.windows_per_time() > 1;
    if (place.worker_count == 1 && !windows.is_some_and(repeats)) || !PartialAggregate::fits(layout)
    {
        return input;
    }
    let operator = PartialAggregate::new(layout, windows);
    closing(keyed("PartialAggregate", vec![(input, Route::Stay)], operator), close)
}

fn join(plan: &Node, path: &NodePath, context: &Context) -> Result<Stage, Error> {
    let Plan::Join { left, right, kind, residual } = &plan.operator else {
        unreachable!("the caller has matched the node")
    };
    let mut inputs = Vec::new();
    let mut sides = Vec::new();
    for (index, side) in [left, right].into_iter().enumerate() {
        let Plan::Arrange { input, key } = &side.operator else {
            return Err(Error::Unsupported("a join of rows that are not arranged".to_owned()));
        };
        let arrangement = Arrangement::new(ArrangementOptions {
            schema: input.schema.clone(),
            key: key.clone(),
            append_only: input.properties.append_only,
        });
        sides.push(Rc::new(RefCell::new(arrangement)));
        inputs.push((node(side, &path.child(index as u8), context)?, Route::Key(key.clone())));
    }
    let [left_side, right_side] = <[_; 2]>::try_from(sides).unwrap_or_else(|_| unreachable!());
    let operator = Join::new(JoinOptions {
        sides: [left_side, right_side],
        kind: *kind,
        residual: residual.as_ref().map(|residual| residual.physical.clone()),
        schema: plan.schema.clone(),
        left_column_count: left.schema.fields().len(),
        position: path.to_string(),
    });
    Ok(keyed("Join", inputs, operator))
}

fn row_stage(input: Stage, operator: impl Operator + 'static) -> Stage {
    match input {
        Stage::Rows { input, mut operators } => {
            operators.push(Box::new(operator));
            Stage::Rows { input, operators }
        }
        input => Stage::Rows { input: Box::new(input), operators: vec![Box::new(operator)] },
    }
}

fn keyed(
    name: &'static str,
    inputs: Vec<(Stage, Route)>,
    operator: impl Operator + 'static,
) -> Stage {
    Stage::Keyed { inputs, operator: Box::new(operator), name, close: None }
}

/// `stage`, told the watermark of the Close with this number.
fn closing(mut stage: Stage, number: Option<usize>) -> Stage {
    if let Stage::Keyed { close, .. } = &mut stage {
        *close = number;
    }
    stage
}
