//! [`AggregateCall`]: an aggregate function that has no types yet, as [`super::Call`] is for scalars.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::DataFusionError;
use datafusion::logical_expr::expr::AggregateFunctionParams;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility, udaf_default_schema_name,
};

use super::choose_aggregate;
use crate::typing::Type;

/// An aggregate function that has no types yet.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct AggregateCall {
    function: Arc<AggregateUDF>,
    signature: Signature,
}

impl AggregateCall {
    /// The call of a function of the registry.
    pub(crate) fn wrap(function: &Arc<AggregateUDF>) -> Arc<AggregateUDF> {
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(AggregateUDF::new_from_impl(Self { function: Arc::clone(function), signature }))
    }
}

/// The function that a call names, if it is one.
pub(crate) fn called_aggregate(function: &Arc<AggregateUDF>) -> Arc<AggregateUDF> {
    match function.inner().as_ref().downcast_ref::<AggregateCall>() {
        Some(call) => Arc::clone(&call.function),
        None => Arc::clone(function),
    }
}

impl AggregateUDFImpl for AggregateCall {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// By the names of its parts, in which no positions are: equal calls have one column.
    fn schema_name(&self, params: &AggregateFunctionParams) -> Result<String, DataFusionError> {
        let mut plain = params.clone();
        let filter = plain.filter.take();
        let name = udaf_default_schema_name(self, &plain)?;
        Ok(match filter {
            Some(filter) => format!("{name} FILTER (WHERE {})", filter.schema_name()),
            None => name,
        })
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        Ok(types.to_vec())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Null)
    }

    /// The type of the resolved call; Null where it does not resolve, which is reported later.
    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef, DataFusionError> {
        let types: Vec<Type> = fields.iter().map(|field| Type::of_field(field)).collect();
        let field = choose_aggregate(&self.function, &types).ok().and_then(|choice| {
            let converted: Vec<FieldRef> = fields
                .iter()
                .zip(&choice.arguments)
                .map(|(field, to)| match to {
                    Some(to) => Arc::new(to.field(field.name(), true)),
                    None => Arc::clone(field),
                })
                .collect();
            choice.function.return_field(&converted).ok()
        });
        Ok(field.unwrap_or_else(|| Arc::new(Field::new(self.name(), DataType::Null, true))))
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>, DataFusionError> {
        Err(DataFusionError::Internal(format!("{} was not resolved", self.name())))
    }

    fn supports_null_handling_clause(&self) -> bool {
        self.function.supports_null_handling_clause()
    }

    fn supports_within_group_clause(&self) -> bool {
        self.function.supports_within_group_clause()
    }
}
