//! Evaluation of expressions where an error is an error of one row.
//!
//! ```text
//! whole batch: fine (nearly always)
//!   error -> halves -> ... -> the one row that fails
//! ```
//! The one idea: a batch that fails is cut in halves until the failing rows stand alone, so that
//! neither batch sizes nor neighbours decide who errs. A row alone is evaluated with AND and OR
//! made independent of order: `false AND error` is false, `true OR error` is true.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::concat;
use arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::Operator as BinaryOperator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Literal};

use super::failure::Reason;

/// The values of an expression over a batch.
pub(crate) struct Values {
    /// One value per row; NULL where the row is in error.
    pub(crate) array: ArrayRef,
    /// Rows in error, ascending.
    pub(crate) errors: Vec<(usize, Reason)>,
}

/// Evaluates `expression` over every row of `batch`.
pub(crate) fn evaluate(expression: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> Values {
    if let Ok(array) = whole(expression, batch) {
        return Values { array, errors: Vec::new() };
    }
    let mut parts = Vec::new();
    let mut errors = Vec::new();
    halves(expression, batch, 0, &mut parts, &mut errors);
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    let array = concat(&parts).expect("all parts come from one expression");
    Values { array, errors }
}

/// Which rows a predicate keeps, and which are in error (those are not kept).
pub(crate) fn keep(
    predicate: &Arc<dyn PhysicalExpr>,
    batch: &RecordBatch,
) -> (BooleanArray, Vec<(usize, Reason)>) {
    let values = evaluate(predicate, batch);
    let mask = values.array.as_boolean();
    let mask = if mask.null_count() == 0 {
        mask.clone()
    } else {
        arrow::compute::prep_null_mask_filter(mask)
    };
    (mask, values.errors)
}

fn whole(
    expression: &Arc<dyn PhysicalExpr>,
    batch: &RecordBatch,
) -> Result<ArrayRef, DataFusionError> {
    expression.evaluate(batch)?.into_array(batch.num_rows())
}

fn halves(
    expression: &Arc<dyn PhysicalExpr>,
    batch: &RecordBatch,
    offset: usize,
    parts: &mut Vec<ArrayRef>,
    errors: &mut Vec<(usize, Reason)>,
) {
    let count = batch.num_rows();
    if count == 1 {
        match one_row(expression, batch) {
            Ok(array) => parts.push(array),
            Err(error) => {
                errors.push((offset, Reason::of(&error)));
                let data_type = expression
                    .data_type(batch.schema_ref())
                    .expect("the plan's expressions have types");
                parts.push(arrow::array::new_null_array(&data_type, 1));
            }
        }
        return;
    }
    for (start, length) in [(0, count / 2), (count / 2, count - count / 2)] {
        let half = batch.slice(start, length);
        match whole(expression, &half) {
            Ok(array) => parts.push(array),
            Err(_) => halves(expression, &half, offset + start, parts, errors),
        }
    }
}

fn one_row(
    expression: &Arc<dyn PhysicalExpr>,
    row: &RecordBatch,
) -> Result<ArrayRef, DataFusionError> {
    whole(&settle_logic(expression, row)?, row)
}

/// Replaces each AND and OR whose value is certain for `row` by that value; one that is in error
/// stays and raises its error only if it is taken.
fn settle_logic(
    expression: &Arc<dyn PhysicalExpr>,
    row: &RecordBatch,
) -> Result<Arc<dyn PhysicalExpr>, DataFusionError> {
    let children = expression
        .children()
        .into_iter()
        .map(|child| settle_logic(child, row))
        .collect::<Result<Vec<_>, _>>()?;
    let Some(deciding) = deciding_value(expression) else {
        return if children.is_empty() {
            Ok(Arc::clone(expression))
        } else {
            Arc::clone(expression).with_new_children(children)
        };
    };
    let decided = children.iter().any(|child| {
        whole(child, row).is_ok_and(|value| {
            value.as_boolean_opt().is_some_and(|v| v.is_valid(0) && v.value(0) == deciding)
        })
    });
    if decided {
        Ok(Arc::new(Literal::new(ScalarValue::Boolean(Some(deciding)))))
    } else {
        Arc::clone(expression).with_new_children(children)
    }
}

/// The operand value that decides an AND or OR alone.
fn deciding_value(expression: &Arc<dyn PhysicalExpr>) -> Option<bool> {
    let any: &dyn std::any::Any = expression.as_ref();
    match any.downcast_ref::<BinaryExpr>()?.op() {
        BinaryOperator::And => Some(false),
        BinaryOperator::Or => Some(true),
        _ => None,
    }
}
