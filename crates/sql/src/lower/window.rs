//! Aggregates over windows: found below (TUMBLE, HOP) or in the keys (date_trunc, date_bin,
//! time_bucket), and run with one table of groups per window.
//!
//! ```text
//! Aggregate by window_start, k            Project to the order asked for
//!   Project k, x, window_start      =>      WindowAggregate by k, window of t
//!     AssignWindow of t                       Project k, x, t
//!       input                                   input
//! ```
//! The one idea: putting rows into windows commutes with row-wise nodes that do not look at the
//! window, so it is pulled up to the aggregate, which then sees each row once instead of once per
//! window.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use kappa_plan::{
    Aggregate, CalendarUnit, Expression, Node, NullTime, Operator, Properties, Window,
};

use super::aggregate::{aggregate_node, project_below};
use super::expression::{as_column, column, columns_of, remap};
use super::node::{filter_node, pick, project_node};
use super::properties;
use crate::window_node::{WINDOW_END, WINDOW_START};

/// An AssignWindow.
pub(super) fn assign_node(input: Node, time: usize, window: Window, schema: SchemaRef) -> Node {
    let start = input.schema.fields().len();
    let own = &input.properties;
    let unique_keys = own.unique_keys.iter().map(|key| {
        let hop = (window.windows_per_time() > 1).then_some(start);
        key.iter().copied().chain(hop).collect()
    });
    let properties =
        Properties { append_only: own.append_only, unique_keys: unique_keys.collect() };
    let operator = Operator::AssignWindow { input: Box::new(input), time, window };
    Node { operator, schema, properties }
}

/// The window that a grouping expression stands for: `date_trunc('hour', t)` and its like.
pub(super) fn of_group(expr: &Expr, input: &LogicalPlan) -> Option<Window> {
    let Expr::ScalarFunction(call) = expr.clone().unalias() else { return None };
    let (_, field) = expr.to_field(input.schema()).ok()?;
    if !matches!(field.data_type(), DataType::Timestamp(..)) {
        return None;
    }
    let name = call.func.name().to_ascii_lowercase();
    match (name.as_str(), call.args.as_slice()) {
        ("date_trunc", [Expr::Literal(unit, _), _time]) => truncation(unit.try_as_str()??),
        ("date_bin", [Expr::Literal(stride, _), _time, Expr::Literal(origin, _)]) => {
            tumble(interval_micros(stride)?, timestamp_micros(origin)?)
        }
        ("time_bucket", [Expr::Literal(stride, _), _time]) => tumble(interval_micros(stride)?, 0),
        _ => None,
    }
}

fn tumble(size_micros: i64, origin: i64) -> Option<Window> {
    (size_micros > 0)
        .then(|| Window::Tumble { size_micros, offset_micros: origin.rem_euclid(size_micros) })
}

fn truncation(unit: &str) -> Option<Window> {
    const SECOND: i64 = 1_000_000;
    const DAY: i64 = 86_400 * SECOND;
    let fixed = |size_micros| Some(Window::Tumble { size_micros, offset_micros: 0 });
    match unit.to_ascii_lowercase().as_str() {
        "milliseconds" | "millisecond" => fixed(1_000),
        "second" => fixed(SECOND),
        "minute" => fixed(60 * SECOND),
        "hour" => fixed(3_600 * SECOND),
        "day" => fixed(DAY),
        // 1970-01-05 was a Monday.
        "week" => Some(Window::Tumble { size_micros: 7 * DAY, offset_micros: 4 * DAY }),
        "month" => Some(Window::Calendar { unit: CalendarUnit::Month }),
        "quarter" => Some(Window::Calendar { unit: CalendarUnit::Quarter }),
        "year" => Some(Window::Calendar { unit: CalendarUnit::Year }),
        "decade" => Some(Window::Calendar { unit: CalendarUnit::Decade }),
        _ => None,
    }
}

/// An interval without months, in microseconds.
pub(super) fn interval_micros(value: &ScalarValue) -> Option<i64> {
    let ScalarValue::IntervalMonthDayNano(Some(value)) = value else { return None };
    let days = i64::from(value.days).checked_mul(86_400_000_000)?;
    (value.months == 0).then(|| days.checked_add(value.nanoseconds / 1_000)).flatten()
}

const fn timestamp_micros(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::TimestampMicrosecond(value, _) => *value,
        _ => None,
    }
}

/// Groups of `expressions` over `input`: by windows where there are some, plain otherwise. The
/// output has the keys, then the aggregates.
pub(super) fn group(
    input: Node,
    expressions: Vec<Expression>,
    windows: &[Option<Window>],
    keys: Vec<usize>,
    aggregates: Vec<Aggregate>,
) -> Node {
    let below = project_below(input, expressions);
    let key_window = windows.iter().position(Option::is_some);
    match split(&below) {
        Some(split) if split.serves(&keys, &aggregates) => split.aggregate(&keys, aggregates),
        _ => match key_window {
            Some(position) => {
                let window = windows[position].expect("it was found a moment ago");
                group_by_key(below, window, position, &keys, aggregates)
            }
            None => aggregate_node(below, keys, aggregates),
        },
    }
}

/// Groups by a key that is the start of a window. The start of a window lies in that window, so
/// the key itself serves as the time.
fn group_by_key(
    input: Node,
    window: Window,
    position: usize,
    keys: &[usize],
    aggregates: Vec<Aggregate>,
) -> Node {
    let time = keys[position];
    let others: Vec<usize> = keys.iter().copied().filter(|key| *key != time).collect();
    let aggregate_count = aggregates.len();
    let null_time = NullTime::Group;
    let node = window_aggregate(input, time, window, null_time, others.clone(), aggregates);
    let start = others.len();
    let output =
        keys.iter().map(|key| others.iter().position(|other| other == key).unwrap_or(start));
    let output: Vec<usize> = output.chain(start + 2..start + 2 + aggregate_count).collect();
    pick(node, &output)
}

/// A WindowAggregate: keys, window_start, window_end, aggregates.
fn window_aggregate(
    input: Node,
    time: usize,
    window: Window,
    null_time: NullTime,
    keys: Vec<usize>,
    aggregates: Vec<Aggregate>,
) -> Node {
    let time_type = input.schema.field(time).data_type().clone();
    let mut fields: Vec<Field> = keys.iter().map(|key| input.schema.field(*key).clone()).collect();
    fields.push(Field::new(WINDOW_START, time_type.clone(), true));
    fields.push(Field::new(WINDOW_END, time_type, true));
    fields.extend(aggregates.iter().map(|call| call.sql_type.field(&call.name, true)));
    let start = keys.len();
    let mut properties = properties::groups(start + 1);
    properties.unique_keys.push((0..start).chain([start + 1]).collect());
    Node {
        operator: Operator::WindowAggregate {
            input: Box::new(input),
            time,
            window,
            null_time,
            keys,
            aggregates,
        },
        schema: Arc::new(Schema::new(fields)),
        properties,
    }
}

/// What a column over windows is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// A column of the rows before they were put into windows.
    Base(usize),
    /// The start of the window.
    Start,
    /// The end of the window.
    End,
}

/// A node as rows (`base`) that are put into windows afterwards.
struct Split {
    base: Node,
    time: usize,
    window: Window,
    /// Each column of the node.
    origins: Vec<Origin>,
}

impl Split {
    fn base_of(&self, column: usize) -> Option<usize> {
        match self.origins[column] {
            Origin::Base(base) => Some(base),
            Origin::Start | Origin::End => None,
        }
    }

    /// Whether groups by `keys` are groups within windows, and nothing else looks at the window.
    fn serves(&self, keys: &[usize], aggregates: &[Aggregate]) -> bool {
        let windowed = keys.iter().any(|key| self.base_of(*key).is_none());
        let mut read =
            aggregates.iter().flat_map(|call| call.argument.into_iter().chain(call.filter));
        windowed && read.all(|column| self.base_of(column).is_some())
    }

    fn aggregate(self, keys: &[usize], aggregates: Vec<Aggregate>) -> Node {
        let base_keys: Vec<usize> = keys.iter().filter_map(|key| self.base_of(*key)).collect();
        let moved = |column: Option<usize>| column.and_then(|column| self.base_of(column));
        let aggregates: Vec<Aggregate> = aggregates
            .iter()
            .map(|call| Aggregate {
                argument: moved(call.argument),
                filter: moved(call.filter),
                ..call.clone()
            })
            .collect();
        let start = base_keys.len();
        let mut next_key = 0..start;
        let mut output: Vec<usize> = keys
            .iter()
            .map(|key| match self.origins[*key] {
                Origin::Base(_) => next_key.next().expect("as many as were filtered above"),
                Origin::Start => start,
                Origin::End => start + 1,
            })
            .collect();
        output.extend(start + 2..start + 2 + aggregates.len());
        let Self { base, time, window, .. } = self;
        let node = window_aggregate(base, time, window, NullTime::Drop, base_keys, aggregates);
        pick(node, &output)
    }
}

/// Pulls an AssignWindow up through row-wise nodes, if there is one.
fn split(node: &Node) -> Option<Split> {
    match &node.operator {
        Operator::AssignWindow { input, time, window } => {
            let width = input.schema.fields().len();
            let base = (0..width).map(Origin::Base);
            let origins = base.chain([Origin::Start, Origin::End]).collect();
            Some(Split { base: (**input).clone(), time: *time, window: *window, origins })
        }
        Operator::Filter { input, predicate } => {
            let below = split(input)?;
            columns_of(predicate).into_iter().try_for_each(|c| below.base_of(c).map(|_| ()))?;
            let predicate = remap(predicate, |c| below.base_of(c).expect("checked a moment ago"));
            Some(Split { base: filter_node(below.base.clone(), predicate), ..below })
        }
        Operator::Project { input, expressions } => split_project(split(input)?, expressions),
        _ => None,
    }
}

fn split_project(below: Split, expressions: &[Expression]) -> Option<Split> {
    let mut origins = Vec::with_capacity(expressions.len());
    let mut base_expressions: Vec<Expression> = Vec::new();
    for expression in expressions {
        match as_column(expression).map(|column| below.origins[column]) {
            Some(origin @ (Origin::Start | Origin::End)) => origins.push(origin),
            _ => {
                let read = columns_of(expression);
                read.into_iter().try_for_each(|c| below.base_of(c).map(|_| ()))?;
                origins.push(Origin::Base(base_expressions.len()));
                base_expressions
                    .push(remap(expression, |c| below.base_of(c).expect("checked a moment ago")));
            }
        }
    }
    let kept = base_expressions.iter().position(|e| as_column(e) == Some(below.time));
    let time = kept.unwrap_or_else(|| {
        base_expressions.push(column(below.time, below.base.schema.field(below.time)));
        base_expressions.len() - 1
    });
    let base = project_node(below.base, base_expressions);
    Some(Split { base, time, window: below.window, origins })
}
