//! Filter: keeps the rows whose predicate is true.

use std::sync::Arc;

use datafusion::physical_expr::PhysicalExpr;
use kappa_types::DeltaBatch;

use super::evaluate::keep;
use super::failure::ErrorRows;
use super::{Operator, Output};

/// Keeps the rows whose predicate is true; a row whose predicate fails is in error.
pub(crate) struct Filter {
    /// Boolean over the input.
    predicate: Arc<dyn PhysicalExpr>,
    /// Where errors say they happened.
    position: String,
}

impl Filter {
    pub(crate) fn new(predicate: Arc<dyn PhysicalExpr>, position: String) -> Self {
        Self { predicate, position }
    }
}

impl Operator for Filter {
    fn push(&mut self, _port: usize, delta: DeltaBatch, out: &mut Output) {
        let (mask, errors) = keep(&self.predicate, &delta.rows);
        if !errors.is_empty() {
            let mut rows = ErrorRows::default();
            for (index, reason) in &errors {
                rows.push(&self.position, reason, &delta.rows, *index, delta.diff(*index));
            }
            out.errors.extend(rows.finish(delta.time));
        }
        let kept = mask.true_count();
        if kept == delta.row_count() {
            out.delta(delta);
        } else if kept > 0 {
            out.delta(delta.filter(&mask).expect("the mask is as long as the batch"));
        }
    }
}
