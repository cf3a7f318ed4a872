//! [`FloatExtreme`]: min and max of floating-point numbers, where NaN is the greatest.
//!
//! The one idea: DataFusion's accumulator of one group compares by total order, its accumulator of many
//! groups at once by `<`, which loses what came before a NaN. So the former is used for many groups
//! too. Price: grouped min and max of floats are slower in batch queries; views keep their own.

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::DataFusionError;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature};
use std::sync::Arc;

/// DataFusion's min or max, one group at a time.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct FloatExtreme {
    inner: Arc<AggregateUDF>,
}

impl FloatExtreme {
    /// Of DataFusion's function.
    pub(super) const fn new(inner: Arc<AggregateUDF>) -> Self {
        Self { inner }
    }
}

impl AggregateUDFImpl for FloatExtreme {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        Ok(types.to_vec())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType, DataFusionError> {
        self.inner.inner().return_type(types)
    }

    fn accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        self.inner.accumulator(args)
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        self.inner.create_sliding_accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>, DataFusionError> {
        self.inner.state_fields(args)
    }
}
