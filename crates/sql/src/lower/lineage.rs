//! Where a time column comes from: the base relations whose watermark bounds it, and the function
//! between their watermark column and it.
//!
//! ```text
//! hop of 1 h every 5 min over at   window_start: start of the oldest window that holds at's watermark
//! date_trunc over that             the hour of that start
//! ```
//!
//! The one idea: a watermark promises that a column will not fall back by much; the promise holds
//! for a monotone function of that column, and for nothing else.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use kappa_plan::{Expression, Input, Node, Operator, WatermarkLineage, WatermarkStep, Window};
use kappa_types::{SqlError, SqlState};

use super::expression::{as_column, columns_of, remap};
use super::join_lineage::of_other_side;
use super::monotone::is_monotone;
use super::window_column::{Part, between, between_parts};

/// The watermarks that bound column `column` of `node`: no row in which it is less comes or goes any
/// more, but late ones.
///
/// # Errors
/// 42P17 if there is none; 0A000 where rows may come for ever.
pub(super) fn lineage(node: &Node, column: usize) -> Result<Vec<WatermarkLineage>, SqlError> {
    match &node.operator {
        Operator::Input(input) => at_input(node, input, column),
        Operator::Constant { .. } => Err(no_watermark("VALUES")),
        Operator::Filter { input, .. } | Operator::Arrange { input, .. } => lineage(input, column),
        Operator::Project { input, expressions } => project(input, &expressions[column]),
        Operator::AssignWindow { input, time, window } => {
            match column.checked_sub(input.schema.fields().len()) {
                None => lineage(input, column),
                Some(place) => of_window(lineage(input, *time)?, place, *window),
            }
        }
        Operator::Aggregate { input, keys, .. } => match keys.get(column) {
            Some(key) => lineage(input, *key),
            None => Err(not_monotone(node.schema.field(column).name())),
        },
        Operator::WindowAggregate { input, time, window, keys, .. } => match keys.get(column) {
            Some(key) => lineage(input, *key),
            None if column < keys.len() + 2 => {
                of_window(lineage(input, *time)?, column - keys.len(), *window)
            }
            None => Err(not_monotone(node.schema.field(column).name())),
        },
        Operator::Join { left, right, .. } => {
            let width = left.schema.fields().len();
            let own =
                if column < width { lineage(left, column) } else { lineage(right, column - width) };
            let mut all = own?;
            all.extend(of_other_side(node, column)?);
            Ok(all)
        }
        Operator::Union { inputs } => {
            let mut all = Vec::new();
            for input in inputs {
                all.extend(lineage(input, column)?);
            }
            Ok(all)
        }
        // A view's own Close is put above everything else.
        Operator::Close { input, .. } => lineage(input, column),
        Operator::Frozen { input, window_start, window, lineage } => {
            // What is still held back is in a window that holds the watermark or a later one.
            let way = between(input, *window_start, column)
                .ok_or_else(|| held_back(node.schema.field(column).name()))?;
            let starts = mapped(lineage.clone(), &[WatermarkStep::OldestStart(*window)]);
            Ok(mapped(starts, &way))
        }
    }
}

/// Whether a column with a watermark is in what column `column` of `node` is computed from.
pub(super) fn is_of_time(node: &Node, column: usize) -> bool {
    match &node.operator {
        Operator::Input(_) => is_marked(node, column),
        Operator::Filter { input, .. }
        | Operator::Arrange { input, .. }
        | Operator::Close { input, .. }
        | Operator::Frozen { input, .. } => is_of_time(input, column),
        Operator::Project { input, expressions } => {
            columns_of(&expressions[column]).into_iter().any(|column| is_of_time(input, column))
        }
        Operator::AssignWindow { input, time, .. } => {
            let width = input.schema.fields().len();
            is_of_time(input, if column < width { column } else { *time })
        }
        // The value of an aggregate is none of the times it is computed from.
        Operator::Aggregate { input, keys, .. } => {
            keys.get(column).is_some_and(|key| is_of_time(input, *key))
        }
        Operator::WindowAggregate { input, time, keys, .. } => match keys.get(column) {
            Some(key) => is_of_time(input, *key),
            None => column < keys.len() + 2 && is_of_time(input, *time),
        },
        Operator::Join { left, right, .. } => {
            let width = left.schema.fields().len();
            match column.checked_sub(width) {
                None => is_of_time(left, column),
                Some(own) => is_of_time(right, own),
            }
        }
        Operator::Union { inputs } => inputs.iter().any(|input| is_of_time(input, column)),
        Operator::Constant { .. } => false,
    }
}

/// Each of the watermarks, taken further.
pub(super) fn mapped(
    lineages: Vec<WatermarkLineage>,
    way: &[WatermarkStep],
) -> Vec<WatermarkLineage> {
    lineages.into_iter().map(|lineage| lineage.then(way)).collect()
}

/// The bound of the start (place 0) or the end of windows whose times have these bounds.
fn of_window(
    time: Vec<WatermarkLineage>,
    place: usize,
    window: Window,
) -> Result<Vec<WatermarkLineage>, SqlError> {
    let part = if place == 0 { Part::Start } else { Part::End };
    Ok(mapped(time, &between_parts(Part::Time, part, window)))
}

/// The relation's own watermark, if it is on this column. The node's schema says so: bind marks the
/// watermark column of an input in its field's metadata.
fn at_input(node: &Node, input: &Input, column: usize) -> Result<Vec<WatermarkLineage>, SqlError> {
    if is_marked(node, column) {
        Ok(vec![WatermarkLineage { relation: input.relation, mapping: None }])
    } else {
        Err(no_watermark(&input.name))
    }
}

fn is_marked(input: &Node, column: usize) -> bool {
    input.schema.field(column).metadata().contains_key(crate::source::WATERMARK_KEY)
}

fn project(input: &Node, expression: &Expression) -> Result<Vec<WatermarkLineage>, SqlError> {
    if let Some(column) = as_column(expression) {
        return lineage(input, column);
    }
    let columns = columns_of(expression);
    let Some(column) = columns.first().filter(|_| is_monotone(&expression.physical)) else {
        return Err(not_monotone(&expression.text));
    };
    let own = remap(expression, |_| 0);
    let mut lineages = lineage(input, *column)?;
    for lineage in &mut lineages {
        // In one expression, values between the two keep their types.
        let steps = &mut lineage.mapping.get_or_insert_default().steps;
        let whole = match steps.pop() {
            Some(WatermarkStep::Expression(inner)) => compose(&own, &inner),
            last => {
                steps.extend(last);
                own.clone()
            }
        };
        steps.push(WatermarkStep::Expression(whole));
    }
    Ok(lineages)
}

/// `outer` of `inner`; both are over one column.
fn compose(outer: &Expression, inner: &Expression) -> Expression {
    let replaced = Arc::clone(&outer.physical).transform(|part| {
        let physical: &dyn PhysicalExpr = part.as_ref();
        Ok(match physical.downcast_ref::<Column>() {
            Some(_) => Transformed::new(
                Arc::clone(&inner.physical),
                true,
                datafusion::common::tree_node::TreeNodeRecursion::Jump,
            ),
            None => Transformed::no(part),
        })
    });
    let physical = replaced.expect("replacing a column cannot fail").data;
    Expression { physical, ..outer.clone() }
}

/// 0A000 for a column of a closed view that is not bounded by its windows.
fn held_back(column: &str) -> SqlError {
    SqlError::unsupported(
        format!("\"{column}\" of a view that emits on window close has no watermark of its own"),
        "Use the start or the end of the view's windows, or leave EMIT ON WINDOW CLOSE away there.",
    )
}

fn no_watermark(relation: &str) -> SqlError {
    SqlError::new(
        SqlState::InvalidObjectDefinition,
        format!("the time of the windows has no watermark in \"{relation}\""),
    )
    .with_hint(
        "Declare WATERMARK FOR that column in CREATE SOURCE or CREATE TABLE, or leave EMIT ON \
         WINDOW CLOSE away.",
    )
}

fn not_monotone(text: &str) -> SqlError {
    SqlError::new(
        SqlState::InvalidObjectDefinition,
        format!("the time of the windows, \"{text}\", does not rise with a watermark"),
    )
    .with_hint(
        "Use the column itself, a constant interval added to it, date_trunc, date_bin or \
         time_bucket.",
    )
}
