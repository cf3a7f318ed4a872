//! What a bound of one column of a row says of another column of the same row.
//!
//! ```text
//! window_end >= b        =>   window_start >= start of the oldest window that ends then
//! date_trunc('h', t) >= b =>  t >= b
//! ```
//! The one idea: a time lies in its window, so each of time, start and end bounds the others; rows
//! keep that on their way up, so it is looked for where both columns come from one node.

use kappa_plan::{Node, Operator, WatermarkStep, Window};

use super::expression::{as_column, columns_of, remap};
use super::monotone::{inverse, is_monotone};

/// What a column is to the window that a node puts its rows into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The start of the window.
    Start,
    /// The end of the window.
    End,
    /// A time in the window.
    Time,
}

/// The way from a bound of column `from` to one of column `to`, if there is one.
pub(super) fn between(node: &Node, from: usize, to: usize) -> Option<Vec<WatermarkStep>> {
    if from == to {
        return Some(Vec::new());
    }
    match &node.operator {
        Operator::Filter { input, .. }
        | Operator::Arrange { input, .. }
        | Operator::Close { input, .. }
        | Operator::Frozen { input, .. } => between(input, from, to),
        Operator::Project { input, expressions } => {
            let (below, mut way) = inverse(&expressions[from].physical)?;
            let columns = columns_of(&expressions[to]);
            let reached = *columns.first().filter(|_| is_monotone(&expressions[to].physical))?;
            way.extend(between(input, below, reached)?);
            if as_column(&expressions[to]).is_none() {
                way.push(WatermarkStep::Expression(remap(&expressions[to], |_| 0)));
            }
            Some(way)
        }
        Operator::AssignWindow { input, time, window } => {
            let width = input.schema.fields().len();
            let part = |column: usize| part_of(column, width);
            in_window(input, *time, *window, (part(from).ok_or(from), part(to).ok_or(to)))
        }
        Operator::WindowAggregate { input, time, window, keys, .. } => {
            let place = |column: usize| match part_of(column, keys.len()) {
                Some(part) => Some(Ok(part)),
                None => keys.get(column).map(|key| Err(*key)),
            };
            in_window(input, *time, *window, (place(from)?, place(to)?))
        }
        Operator::Aggregate { input, keys, .. } => between(input, *keys.get(from)?, *keys.get(to)?),
        Operator::Join { left, right, .. } => {
            let width = left.schema.fields().len();
            match (from < width, to < width) {
                (true, true) => between(left, from, to),
                (false, false) => between(right, from - width, to - width),
                _ => None,
            }
        }
        Operator::Union { .. } | Operator::Input(_) | Operator::Constant { .. } => None,
    }
}

/// The way from a bound of one part of a window to one of another.
pub(super) fn between_parts(from: Part, to: Part, window: Window) -> Vec<WatermarkStep> {
    if from == to {
        return Vec::new();
    }
    let mut way = match from {
        Part::Start => Vec::new(),
        // What ends at a time holds the microsecond before it.
        Part::End => vec![WatermarkStep::Shift(-1), WatermarkStep::OldestStart(window)],
        Part::Time => vec![WatermarkStep::OldestStart(window)],
    };
    if to == Part::End {
        way.push(WatermarkStep::End(window));
    }
    way
}

fn part_of(column: usize, start: usize) -> Option<Part> {
    match column.checked_sub(start)? {
        0 => Some(Part::Start),
        1 => Some(Part::End),
        _ => None,
    }
}

/// The way where rows are put into windows; a column of the rows themselves is an error.
fn in_window(
    input: &Node,
    time: usize,
    window: Window,
    (from, to): (Result<Part, usize>, Result<Part, usize>),
) -> Option<Vec<WatermarkStep>> {
    let mut way = Vec::new();
    let from = match (from, to) {
        (Err(from), Err(to)) => return between(input, from, to),
        (Err(from), Ok(_)) => {
            way.extend(between(input, from, time)?);
            Part::Time
        }
        (Ok(part), _) => part,
    };
    match to {
        Ok(part) => way.extend(between_parts(from, part, window)),
        Err(to) => {
            way.extend(between_parts(from, Part::Time, window));
            way.extend(between(input, time, to)?);
        }
    }
    Some(way)
}
