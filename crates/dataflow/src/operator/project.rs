//! Project: computes each output column from the row.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::physical_expr::PhysicalExpr;
use kappa_types::DeltaBatch;

use super::evaluate::evaluate;
use super::failure::{ErrorRows, Reason};
use super::{Operator, Output};

/// Computes each output column from the row; a row for which one fails is in error.
pub(crate) struct Project {
    /// One per output column.
    expressions: Vec<Arc<dyn PhysicalExpr>>,
    /// Where each says its errors happened.
    positions: Vec<String>,
    /// Output columns.
    schema: SchemaRef,
}

impl Project {
    pub(crate) fn new(
        expressions: Vec<Arc<dyn PhysicalExpr>>,
        positions: Vec<String>,
        schema: SchemaRef,
    ) -> Self {
        Self { expressions, positions, schema }
    }
}

impl Operator for Project {
    fn push(&mut self, _port: usize, delta: DeltaBatch, out: &mut Output) {
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.expressions.len());
        // Of several expressions that fail for a row, the first one is reported.
        let mut failed: Vec<Option<(usize, Reason)>> = Vec::new();
        for (number, expression) in self.expressions.iter().enumerate() {
            let values = evaluate(expression, &delta.rows);
            if !values.errors.is_empty() {
                failed.resize(delta.row_count(), None);
                for (index, reason) in values.errors {
                    failed[index].get_or_insert((number, reason));
                }
            }
            columns.push(values.array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(delta.row_count()));
        let rows = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .expect("expressions have the types of the plan");
        let projected = DeltaBatch { time: delta.time, rows, diffs: delta.diffs.clone() };
        if failed.is_empty() {
            out.delta(projected);
            return;
        }
        let mut errors = ErrorRows::default();
        for (index, failure) in failed.iter().enumerate() {
            if let Some((number, reason)) = failure {
                let position = &self.positions[*number];
                errors.push(position, reason, &delta.rows, index, delta.diff(index));
            }
        }
        out.errors.extend(errors.finish(delta.time));
        let mask: BooleanArray = failed.iter().map(|failure| Some(failure.is_none())).collect();
        out.delta(projected.filter(&mask).expect("the mask is as long as the batch"));
    }
}
