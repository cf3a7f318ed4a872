//! Where a time column comes from: the base relations whose watermark bounds it, and the function
//! between their watermark column and it.
//!
//! The one idea: a watermark promises that a column will not fall back by much; the promise holds
//! for a monotone function of that column, and for nothing else.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use kappa_plan::{Expression, Input, Node, Operator, WatermarkLineage};
use kappa_types::{SqlError, SqlState};

use super::expression::{as_column, columns_of, remap};

/// Functions of one time and constants that never fall when the time rises.
const MONOTONE: &[&str] = &["date_trunc", "date_bin", "time_bucket"];
/// Sums of a time and a constant interval, under the names that arithmetic has here.
const SHIFTS: &[&str] = &["+", "-", "kappa_add", "kappa_subtract", "add", "subtract", "kappa_sub"];

/// The watermarks that bound column `column` of `node`.
///
/// # Errors
/// 42P17 if there is none.
pub(super) fn lineage(node: &Node, column: usize) -> Result<Vec<WatermarkLineage>, SqlError> {
    match &node.operator {
        Operator::Input(input) => Err(no_watermark(&input.name)),
        Operator::Constant { .. } => Err(no_watermark("VALUES")),
        Operator::Filter { input, .. }
        | Operator::Arrange { input, .. }
        | Operator::Close { input, .. } => below(input, column),
        Operator::Project { input, expressions } => project(input, &expressions[column]),
        Operator::AssignWindow { input, time, .. } => {
            let width = input.schema.fields().len();
            below(input, if column < width { column } else { *time })
        }
        Operator::Aggregate { input, keys, .. } => match keys.get(column) {
            Some(key) => below(input, *key),
            None => Err(not_monotone(node.schema.field(column).name())),
        },
        Operator::WindowAggregate { input, time, keys, .. } => match keys.get(column) {
            Some(key) => below(input, *key),
            None if column < keys.len() + 2 => below(input, *time),
            None => Err(not_monotone(node.schema.field(column).name())),
        },
        Operator::Join { left, right, .. } => {
            let width = left.schema.fields().len();
            if column < width { below(left, column) } else { below(right, column - width) }
        }
        Operator::Union { inputs } => {
            let mut all = Vec::new();
            for input in inputs {
                all.extend(below(input, column)?);
            }
            Ok(all)
        }
    }
}

fn below(node: &Node, column: usize) -> Result<Vec<WatermarkLineage>, SqlError> {
    match &node.operator {
        Operator::Input(input) => at_input(node, input, column),
        _ => lineage(node, column),
    }
}

/// The relation's own watermark, if it is on this column. The node's schema says so: bind marks the
/// watermark column of an input in its field's metadata.
fn at_input(node: &Node, input: &Input, column: usize) -> Result<Vec<WatermarkLineage>, SqlError> {
    if node.schema.field(column).metadata().contains_key(crate::source::WATERMARK_KEY) {
        Ok(vec![WatermarkLineage { relation: input.relation, mapping: None }])
    } else {
        Err(no_watermark(&input.name))
    }
}

fn project(input: &Node, expression: &Expression) -> Result<Vec<WatermarkLineage>, SqlError> {
    if let Some(column) = as_column(expression) {
        return below(input, column);
    }
    let mut columns = columns_of(expression);
    columns.dedup();
    let [column] = columns.as_slice() else { return Err(not_monotone(&expression.text)) };
    if !is_monotone(&expression.physical) {
        return Err(not_monotone(&expression.text));
    }
    let own = remap(expression, |_| 0);
    let lineages = below(input, *column)?;
    Ok(lineages
        .into_iter()
        .map(|lineage| {
            let mapping = match &lineage.mapping {
                Some(inner) => compose(&own, inner),
                None => own.clone(),
            };
            WatermarkLineage { relation: lineage.relation, mapping: Some(mapping) }
        })
        .collect())
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

/// Whether the expression never falls when its one column rises.
fn is_monotone(physical: &Arc<dyn PhysicalExpr>) -> bool {
    let expr: &dyn PhysicalExpr = physical.as_ref();
    if expr.downcast_ref::<Column>().is_some() {
        return true;
    }
    if let Some(cast) = expr.downcast_ref::<CastExpr>() {
        return cast.cast_type().is_temporal() && is_monotone(cast.expr());
    }
    let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() else { return false };
    let constant = |argument: &Arc<dyn PhysicalExpr>| {
        let argument: &dyn PhysicalExpr = argument.as_ref();
        argument.downcast_ref::<Literal>().is_some()
    };
    let varying: Vec<_> = call.args().iter().filter(|argument| !constant(argument)).collect();
    let [time] = varying.as_slice() else { return false };
    let name = call.name().to_ascii_lowercase();
    // `constant - time` falls.
    let first = call.args().first().is_some_and(|argument| !constant(argument));
    let shift = SHIFTS.contains(&name.as_str()) && (first || !name.contains("sub") && name != "-");
    (shift || MONOTONE.contains(&name.as_str())) && is_monotone(time)
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
