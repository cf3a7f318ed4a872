//! [`FloatAggregate`]: sum and avg of floating-point numbers.
//!
//! The one idea: the sum is the one that views keep ([`FloatSum`]), so that both round alike, numbers
//! can be taken away again in a moving window, and a finite sum out of range is 22003 as in PostgreSQL;
//! DataFusion's is infinity. Price: no fast path for many groups.

use std::mem::size_of_val;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};
use kappa_plan::arithmetic::{DoubleDouble, FloatSum, Overflow};

use super::aggregate_distinct::DistinctValues;
use super::arithmetic::float_overflow;
use crate::error::into_datafusion;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Float {
    /// Of real, given back as real.
    SumReal,
    /// Of double precision.
    Sum,
    /// The mean, of double precision.
    Avg,
}

/// One of these as DataFusion calls it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct FloatAggregate {
    kind: Float,
    signature: Signature,
}

impl FloatAggregate {
    pub(super) fn new(kind: Float) -> Self {
        Self { kind, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for FloatAggregate {
    fn name(&self) -> &str {
        if self.kind == Float::Avg { "avg" } else { "sum" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        Ok(types.to_vec())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(if self.kind == Float::SumReal { DataType::Float32 } else { DataType::Float64 })
    }

    fn accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        let every = Box::new(Sum { kind: self.kind, count: 0, sum: FloatSum::default() });
        Ok(match args.expr_fields.first() {
            Some(field) if args.is_distinct => {
                Box::new(DistinctValues::new(every, field.data_type().clone()))
            }
            _ => every,
        })
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>, DataFusionError> {
        if let (true, Some(input)) = (args.is_distinct, args.input_fields.first()) {
            return Ok(vec![DistinctValues::state_field(args.name, input.data_type())]);
        }
        let field = |suffix: &str, data_type: DataType| {
            Arc::new(Field::new(format!("{}[{suffix}]", args.name), data_type, true))
        };
        let counts = ["count", "nan", "positive", "negative"];
        let sums = ["small high", "small low", "large high", "large low"];
        let counts = counts.map(|name| field(name, DataType::Int64));
        Ok(counts.into_iter().chain(sums.map(|name| field(name, DataType::Float64))).collect())
    }
}

/// A sum and how many values are in it.
#[derive(Debug)]
struct Sum {
    kind: Float,
    count: i64,
    sum: FloatSum,
}

impl Sum {
    fn each(&mut self, values: &ArrayRef, diff: i64) -> Result<(), DataFusionError> {
        let values = cast(values, &DataType::Float64)?;
        for value in values.as_primitive::<Float64Type>().iter().flatten() {
            self.count += diff;
            self.sum.add(value, diff);
        }
        Ok(())
    }

    /// The result; `None` without values.
    fn result(&self) -> Result<Option<f64>, Overflow> {
        let divisor = if self.kind == Float::Avg { self.count as f64 } else { 1.0 };
        (self.count > 0).then(|| self.sum.over(divisor)).transpose()
    }
}

impl Accumulator for Sum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.each(&values[0], 1)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.each(&values[0], -1)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        let overflow = || into_datafusion(float_overflow());
        let result = self.result().map_err(|_| overflow())?;
        if self.kind != Float::SumReal {
            return Ok(ScalarValue::Float64(result));
        }
        let is_too_large = |result: f64| result.is_finite() && (result as f32).is_infinite();
        if result.is_some_and(is_too_large) {
            return Err(overflow());
        }
        Ok(ScalarValue::Float32(result.map(|result| result as f32)))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        let FloatSum { small, large, special } = self.sum;
        let counts = [self.count].into_iter().chain(special);
        let sums = [small.high, small.low, large.high, large.low];
        let counts = counts.map(|count| ScalarValue::Int64(Some(count)));
        Ok(counts.chain(sums.map(|sum| ScalarValue::Float64(Some(sum)))).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        let counts: Vec<_> = states[..4].iter().map(|s| s.as_primitive::<Int64Type>()).collect();
        let sums: Vec<_> = states[4..].iter().map(|s| s.as_primitive::<Float64Type>()).collect();
        for row in 0..states[0].len() {
            let part = |index: usize| DoubleDouble {
                high: sums[index].value(row),
                low: sums[index + 1].value(row),
            };
            self.count += counts[0].value(row);
            self.sum.merge(&FloatSum {
                small: part(0),
                large: part(2),
                special: [1, 2, 3].map(|index| counts[index].value(row)),
            });
        }
        Ok(())
    }
}
