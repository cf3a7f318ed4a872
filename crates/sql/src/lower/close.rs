//! EMIT ON WINDOW CLOSE: where rows are held back, and which watermark lets them go.
//!
//! The one idea: holding back commutes with row-wise nodes, so it goes as deep as it can: right
//! above the WindowAggregate where there is one, which then keeps nothing but open windows.

use std::sync::Arc;

use kappa_plan::{JoinKind, Node, Operator, WatermarkLineage, WatermarkStep, Window};
use kappa_types::{SqlError, SqlState};

use super::expression::as_column;
use super::join_lineage::of_other_side;
use super::lineage::{lineage, mapped};

/// The plan with a Close in it, and where the view's watermark comes from.
///
/// # Errors
/// 42P17 without windows or without a watermark; 0A000 where rows may come for ever.
pub(super) fn close(mut root: Node) -> Result<(Node, Vec<WatermarkLineage>), SqlError> {
    let lineage = close_below(&mut root, &|input, window_start, windows| {
        let operator = Operator::Close { input, window_start, window: windows.window };
        Ok((operator, windows.lineage?))
    })?;
    Ok((root, lineage))
}

/// The plan of a view that another stands on, frozen where its windows close.
///
/// # Errors
/// As [`close`].
pub(super) fn freeze(mut root: Node) -> Result<Node, SqlError> {
    close_below(&mut root, &|input, window_start, windows| {
        let (window, lineage) = (windows.window, windows.lineage?);
        Ok((Operator::Frozen { input, window_start, window, lineage }, ()))
    })?;
    Ok(root)
}

/// Makes what holds back the windows whose start is in a column of a node.
type Make<'m, T> = &'m dyn Fn(Box<Node>, usize, Windows) -> Result<(Operator, T), SqlError>;

fn close_below<T>(node: &mut Node, make: Make<'_, T>) -> Result<T, SqlError> {
    let made = match &mut node.operator {
        Operator::Project { input, .. } | Operator::Filter { input, .. } => {
            close_below(input, make)?
        }
        _ => return close_here(node, make),
    };
    node.properties.append_only = true;
    Ok(made)
}

fn close_here<T>(node: &mut Node, make: Make<'_, T>) -> Result<T, SqlError> {
    let columns = 0..node.schema.fields().len();
    let found = columns.filter_map(|column| Some((column, windows_of(node, column)?)));
    // Rows without a partner have no window on the other side.
    let (window_start, windows) =
        found.min_by_key(|(_, windows)| windows.is_nullable).ok_or_else(no_window)?;
    let schema = Arc::clone(&node.schema);
    let mut properties = node.properties.clone();
    properties.append_only = true;
    let placeholder = Node {
        operator: Operator::Union { inputs: Vec::new() },
        schema: Arc::clone(&schema),
        properties: properties.clone(),
    };
    let input = Box::new(std::mem::replace(node, placeholder));
    let (operator, made) = make(input, window_start, windows)?;
    *node = Node { operator, schema, properties };
    Ok(made)
}

/// The windows whose start a column is.
struct Windows {
    window: Window,
    /// The watermarks that close them.
    lineage: Result<Vec<WatermarkLineage>, SqlError>,
    /// Whether rows of the query may have none.
    is_nullable: bool,
}

/// The windows whose start a column of the node is.
fn windows_of(node: &Node, column: usize) -> Option<Windows> {
    match &node.operator {
        Operator::WindowAggregate { input, time, window, keys, .. } if column == keys.len() => {
            Some(assigned(input, *time, *window))
        }
        Operator::AssignWindow { input, time, window } => {
            let width = input.schema.fields().len();
            match column.checked_sub(width) {
                None => windows_of(input, column),
                Some(0) => Some(assigned(input, *time, *window)),
                Some(_) => None,
            }
        }
        Operator::WindowAggregate { input, keys, .. } | Operator::Aggregate { input, keys, .. } => {
            keys.get(column).and_then(|key| windows_of(input, *key))
        }
        Operator::Filter { input, .. } | Operator::Arrange { input, .. } => {
            windows_of(input, column)
        }
        Operator::Project { input, expressions } => {
            expressions.get(column).and_then(as_column).and_then(|below| windows_of(input, below))
        }
        Operator::Join { left, right, kind, .. } => {
            let width = left.schema.fields().len();
            let (mut windows, lone) = match column.checked_sub(width) {
                None => (windows_of(left, column)?, false),
                Some(own) => (windows_of(right, own)?, *kind == JoinKind::Left),
            };
            windows.is_nullable |= lone;
            let by_other = WatermarkStep::Closing(windows.window);
            windows.lineage = windows.lineage.and_then(|mut all| {
                all.extend(mapped(of_other_side(node, column)?, &[by_other]));
                Ok(all)
            });
            Some(windows)
        }
        Operator::Union { inputs } => {
            let each: Option<Vec<_>> =
                inputs.iter().map(|input| windows_of(input, column)).collect();
            together(each?)
        }
        Operator::Frozen { window_start, window, lineage, .. } => {
            let lineage = Ok(lineage.clone());
            (column == *window_start).then_some(Windows {
                window: *window,
                lineage,
                is_nullable: false,
            })
        }
        Operator::Input(_) | Operator::Constant { .. } | Operator::Close { .. } => None,
    }
}

/// The windows that rows of `input` are put into by a time.
fn assigned(input: &Node, time: usize, window: Window) -> Windows {
    Windows { window, lineage: lineage(input, time), is_nullable: false }
}

/// The windows of all rows of several inputs, if they are the same.
fn together(each: Vec<Windows>) -> Option<Windows> {
    let mut each = each.into_iter();
    let first = each.next()?;
    each.try_fold(first, |mut all, windows| {
        if windows.window != all.window {
            return None;
        }
        all.is_nullable |= windows.is_nullable;
        all.lineage = match (all.lineage, windows.lineage) {
            (Ok(a), Ok(b)) => Ok(a.into_iter().chain(b).collect()),
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        Some(all)
    })
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
