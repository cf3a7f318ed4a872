//! EMIT ON WINDOW CLOSE: where rows are held back, and which watermark lets them go.
//!
//! The one idea: holding back commutes with row-wise nodes, so it goes as deep as it can: right
//! above the WindowAggregate where there is one, which then keeps nothing but open windows.

use std::sync::Arc;

use kappa_plan::{Node, Operator, WatermarkLineage, Window};
use kappa_types::{SqlError, SqlState};

use super::expression::as_column;
use super::lineage::lineage;

/// The plan with a Close in it, and where the view's watermark comes from.
pub(super) fn close(mut root: Node) -> Result<(Node, Vec<WatermarkLineage>), SqlError> {
    let lineage = close_below(&mut root)?;
    Ok((root, lineage))
}

fn close_below(node: &mut Node) -> Result<Vec<WatermarkLineage>, SqlError> {
    let lineage = match &mut node.operator {
        Operator::Project { input, .. } | Operator::Filter { input, .. } => close_below(input)?,
        _ => return close_here(node),
    };
    node.properties.append_only = true;
    Ok(lineage)
}

fn close_here(node: &mut Node) -> Result<Vec<WatermarkLineage>, SqlError> {
    let (window_start, window) = (0..node.schema.fields().len())
        .find_map(|column| Some((column, window_of(node, column)?)))
        .ok_or_else(no_window)?;
    let lineage = lineage(node, window_start)?;
    let schema = Arc::clone(&node.schema);
    let mut properties = node.properties.clone();
    properties.append_only = true;
    let placeholder = Node {
        operator: Operator::Union { inputs: Vec::new() },
        schema: Arc::clone(&schema),
        properties: properties.clone(),
    };
    let input = Box::new(std::mem::replace(node, placeholder));
    *node = Node { operator: Operator::Close { input, window_start, window }, schema, properties };
    Ok(lineage)
}

/// The window whose start a column of the node is.
fn window_of(node: &Node, column: usize) -> Option<Window> {
    match &node.operator {
        Operator::WindowAggregate { window, keys, .. } if column == keys.len() => Some(*window),
        Operator::WindowAggregate { input, keys, .. } => {
            keys.get(column).and_then(|key| window_of(input, *key))
        }
        Operator::AssignWindow { input, window, .. } => {
            let width = input.schema.fields().len();
            if column == width { Some(*window) } else { window_of_base(input, column, width) }
        }
        Operator::Aggregate { input, keys, .. } => {
            keys.get(column).and_then(|key| window_of(input, *key))
        }
        Operator::Filter { input, .. } | Operator::Arrange { input, .. } => {
            window_of(input, column)
        }
        Operator::Project { input, expressions } => {
            expressions.get(column).and_then(as_column).and_then(|below| window_of(input, below))
        }
        Operator::Join { left, right, .. } => {
            let width = left.schema.fields().len();
            if column < width { window_of(left, column) } else { window_of(right, column - width) }
        }
        Operator::Union { inputs } => {
            let mut windows = inputs.iter().map(|input| window_of(input, column));
            let first = windows.next()??;
            windows.all(|window| window == Some(first)).then_some(first)
        }
        Operator::Input(_) | Operator::Constant { .. } | Operator::Close { .. } => None,
    }
}

fn window_of_base(input: &Node, column: usize, width: usize) -> Option<Window> {
    (column < width).then(|| window_of(input, column)).flatten()
}

fn no_window() -> SqlError {
    SqlError::new(
        SqlState::InvalidObjectDefinition,
        "EMIT ON WINDOW CLOSE needs a query whose rows belong to windows",
    )
    .with_hint(
        "Group by window_start of TUMBLE or HOP, or by date_trunc, date_bin or time_bucket of a \
         column with a watermark.",
    )
}
