//! [`DistinctValues`]: DISTINCT around an aggregate that adds up every value it is given.
//!
//! The one idea: a value is handed on when it is first seen. The state is the values themselves, so
//! that two partial states may share some.
//!
//! Where all aggregates of a query are DISTINCT over one expression, DataFusion groups twice instead
//! and never asks for this.

use std::collections::HashSet;
use std::mem::size_of_val;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::Accumulator;

/// An aggregate over the distinct values of its argument.
#[derive(Debug)]
pub(super) struct DistinctValues {
    every: Box<dyn Accumulator>,
    seen: HashSet<ScalarValue>,
    data_type: DataType,
}

impl DistinctValues {
    /// Hands each value of `data_type` once to `every`.
    pub(super) fn new(every: Box<dyn Accumulator>, data_type: DataType) -> Self {
        Self { every, seen: HashSet::new(), data_type }
    }

    /// What a partial state looks like.
    pub(super) fn state_field(name: &str, data_type: &DataType) -> FieldRef {
        let item = Field::new_list_field(data_type.clone(), true);
        Arc::new(Field::new_list(format!("{name}[distinct]"), item, true))
    }

    fn add(&mut self, values: &ArrayRef) -> Result<(), DataFusionError> {
        let mut new = Vec::new();
        for row in (0..values.len()).filter(|row| values.is_valid(*row)) {
            let mut value = ScalarValue::try_from_array(values, row)?;
            // -0 is 0, with whatever sign it was first seen.
            match &mut value {
                ScalarValue::Float64(Some(float)) => *float += 0.0,
                ScalarValue::Float32(Some(float)) => *float += 0.0,
                _ => {}
            }
            if self.seen.insert(value.clone()) {
                new.push(value);
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        self.every.update_batch(&[ScalarValue::iter_to_array(new)?])
    }
}

impl Accumulator for DistinctValues {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.add(&values[0])
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        self.every.evaluate()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.every.size() + ScalarValue::size_of_hashset(&self.seen)
            - size_of_val(&self.seen)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        let values: Vec<_> = self.seen.iter().cloned().collect();
        let list = ScalarValue::new_list(&values, &self.data_type, true);
        Ok(vec![ScalarValue::List(list)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        states[0].as_list::<i32>().iter().flatten().try_for_each(|values| self.add(&values))
    }
}
