//! [`constant_rows`]: the rows of a query that reads nothing, without optimizing or planning it.
//!
//! The one idea: `INSERT … VALUES` and `SELECT` of expressions are much of what an application sends,
//! and planning such a statement costs more than evaluating it. Only literals, columns, conversions and
//! functions are evaluated here: forms in which an operand may stay unevaluated are the planner's.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{ColumnarValue, Expr, LogicalPlan};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};

use crate::function::KernelFunction;
use crate::typing::Parameters;

/// The rows of a plan whose parameters have these literals for values; `None` if it is not this
/// simple.
///
/// # Errors
/// Of the evaluation.
pub(crate) fn constant_rows(
    plan: &LogicalPlan,
    parameters: &[Expr],
) -> Option<Result<RecordBatch>> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => constant_rows(&alias.input, parameters),
        LogicalPlan::EmptyRelation(empty) if empty.produce_one_row => Some(one_row()),
        LogicalPlan::Values(values) => {
            let schema = Arc::clone(values.schema.inner());
            if !values.values.iter().flatten().all(is_plain) {
                return None;
            }
            cells(&values.values, schema, parameters)
        }
        LogicalPlan::Projection(projection) => {
            if !projection.expr.iter().all(is_plain) {
                return None;
            }
            let input = match constant_rows(&projection.input, parameters)? {
                Ok(input) => input,
                Err(error) => return Some(Err(error)),
            };
            let columns = evaluate(&projection.expr, projection.input.schema(), &input, parameters);
            Some(columns.and_then(|columns| {
                let schema = Arc::clone(projection.schema.inner());
                batch(&schema, columns, input.num_rows())
            }))
        }
        _ => None,
    }
}

/// Whether every part of an expression is always evaluated.
fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(..) | Expr::Column(_) | Expr::Placeholder(_) => true,
        Expr::Alias(alias) => is_plain(&alias.expr),
        Expr::Cast(cast) => is_plain(&cast.expr),
        Expr::ScalarFunction(function) => {
            // DataFusion's functions count on conversions that its optimizer adds.
            let is_ours = function.func.inner().as_ref().downcast_ref::<KernelFunction>().is_some();
            is_ours && function.args.iter().all(is_plain)
        }
        _ => false,
    }
}

/// The rows of VALUES; `None` if a column's values are not of its type yet.
fn cells(
    rows: &[Vec<Expr>],
    schema: SchemaRef,
    parameters: &[Expr],
) -> Option<Result<RecordBatch>> {
    let one = match one_row() {
        Ok(one) => one,
        Err(error) => return Some(Err(error)),
    };
    let mut columns: Vec<Vec<ScalarValue>> =
        schema.fields().iter().map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        for (cell, column) in row.iter().zip(&mut columns) {
            match value(cell, &one, parameters) {
                Ok(value) => column.push(value),
                Err(error) => return Some(Err(error)),
            }
        }
    }
    let is_typed = columns
        .iter()
        .zip(schema.fields())
        .all(|(column, field)| column.iter().all(|value| value.data_type() == *field.data_type()));
    is_typed.then(|| {
        let arrays = columns.into_iter().map(ScalarValue::iter_to_array);
        batch(&schema, arrays.collect::<Result<Vec<_>>>()?, rows.len())
    })
}

fn value(cell: &Expr, one: &RecordBatch, parameters: &[Expr]) -> Result<ScalarValue> {
    let literal = parameter(cell, parameters).unwrap_or(cell);
    if let Expr::Literal(value, _) = literal {
        return Ok(value.clone());
    }
    let cell = physical(cell, &DFSchema::empty(), parameters)?;
    match cell.evaluate(one)? {
        ColumnarValue::Scalar(value) => Ok(value),
        ColumnarValue::Array(array) => ScalarValue::try_from_array(&array, 0),
    }
}

fn evaluate(
    exprs: &[Expr],
    schema: &DFSchema,
    input: &RecordBatch,
    parameters: &[Expr],
) -> Result<Vec<ArrayRef>> {
    exprs
        .iter()
        .map(|expr| {
            physical(expr, schema, parameters)?.evaluate(input)?.into_array(input.num_rows())
        })
        .collect()
}

fn physical(expr: &Expr, schema: &DFSchema, parameters: &[Expr]) -> Result<Arc<dyn PhysicalExpr>> {
    let expr = expr.clone().transform_up(|part| {
        let literal = parameter(&part, parameters).cloned();
        Ok::<_, DataFusionError>(match literal {
            Some(literal) => Transformed::yes(literal),
            None => Transformed::no(part),
        })
    })?;
    let context = PhysicalPlanningContext::default();
    create_physical_expr(&expr.data, schema, &ExecutionProps::new(), &context)
}

/// The literal that stands for a parameter.
fn parameter<'a>(expr: &Expr, literals: &'a [Expr]) -> Option<&'a Expr> {
    let Expr::Placeholder(placeholder) = expr else { return None };
    literals.get(Parameters::index(&placeholder.id).ok()?)
}

fn one_row() -> Result<RecordBatch> {
    batch(&Arc::new(Schema::empty()), Vec::new(), 1)
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>, row_count: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(row_count));
    if !schema.fields().iter().any(|field| field.data_type().is_null()) {
        return Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?);
    }
    // A parameter has a type once it has a value.
    let fields =
        schema.fields().iter().zip(&columns).map(|(field, column)| match field.data_type() {
            DataType::Null => field.as_ref().clone().with_data_type(column.data_type().clone()),
            _ => field.as_ref().clone(),
        });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}
