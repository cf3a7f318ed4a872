//! [`FloatSpread`]: variance and standard deviation of floating-point numbers.
//!
//! The one idea: the moments are those that views keep ([`FloatMoments`]), so that both round alike and
//! numbers can be taken away again in a moving window. With a NaN or an infinity the result is NaN, and
//! numbers whose squares overflow are an error, as in PostgreSQL 15 (float8_accum in float.c);
//! DataFusion's gives 0 for the former and infinity for the latter.

use std::mem::size_of_val;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature};

use kappa_plan::arithmetic::{DoubleDouble, FloatMoments};

use super::aggregate_distinct::DistinctValues;
use super::aggregate_exact::Exact;
use super::arithmetic::float_overflow;
use crate::error::into_datafusion;

/// A member of the family, over double precision.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct FloatSpread {
    inner: Arc<AggregateUDF>,
    kind: Exact,
}

impl FloatSpread {
    /// In place of DataFusion's function, whose name and signature it has.
    pub(super) const fn new(inner: Arc<AggregateUDF>, kind: Exact) -> Self {
        Self { inner, kind }
    }
}

impl AggregateUDFImpl for FloatSpread {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Float64)
    }

    fn accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        let every =
            Box::new(Spread { kind: self.kind, count: 0, moments: FloatMoments::default() });
        if args.is_distinct {
            return Ok(Box::new(DistinctValues::new(every, DataType::Float64)));
        }
        Ok(every)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>, DataFusionError> {
        if args.is_distinct {
            return Ok(vec![DistinctValues::state_field(args.name, &DataType::Float64)]);
        }
        let field = |suffix: &str, data_type: DataType| {
            Arc::new(Field::new(format!("{}[{suffix}]", args.name), data_type, true))
        };
        let counts = ["count", "special", "large"].map(|name| field(name, DataType::Int64));
        let sums = ["sum high", "sum low", "squares high", "squares low"];
        Ok(counts.into_iter().chain(sums.map(|name| field(name, DataType::Float64))).collect())
    }
}

/// Moments and how many values are in them.
#[derive(Debug)]
struct Spread {
    kind: Exact,
    count: i64,
    moments: FloatMoments,
}

impl Spread {
    fn each(&mut self, values: &ArrayRef, diff: i64) {
        for value in values.as_primitive::<Float64Type>().iter().flatten() {
            self.count += diff;
            self.moments.add(value, diff);
        }
    }
}

impl Accumulator for Spread {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.each(&values[0], 1);
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.each(&values[0], -1);
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        let is_sample = matches!(self.kind, Exact::VarSamp | Exact::StddevSamp);
        let divisor = self.count - i64::from(is_sample);
        if divisor <= 0 {
            return Ok(ScalarValue::Float64(None));
        }
        let distances = self.moments.squared_distances(self.count);
        let variance = distances.map_err(|_| into_datafusion(float_overflow()))? / divisor as f64;
        let is_root = matches!(self.kind, Exact::StddevPop | Exact::StddevSamp);
        Ok(ScalarValue::Float64(Some(if is_root { variance.sqrt() } else { variance })))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        let FloatMoments { sum, squares, special, large } = self.moments;
        let counts = [self.count, special, large].map(|count| ScalarValue::Int64(Some(count)));
        let sums = [sum.high, sum.low, squares.high, squares.low];
        let sums = sums.map(|sum| ScalarValue::Float64(Some(sum)));
        Ok(counts.into_iter().chain(sums).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        let counts: Vec<_> = states[..3].iter().map(|s| s.as_primitive::<Int64Type>()).collect();
        let sums: Vec<_> = states[3..].iter().map(|s| s.as_primitive::<Float64Type>()).collect();
        for row in 0..states[0].len() {
            let part = |index: usize| DoubleDouble {
                high: sums[index].value(row),
                low: sums[index + 1].value(row),
            };
            self.count += counts[0].value(row);
            self.moments.merge(&FloatMoments {
                sum: part(0),
                squares: part(2),
                special: counts[1].value(row),
                large: counts[2].value(row),
            });
        }
        Ok(())
    }
}
