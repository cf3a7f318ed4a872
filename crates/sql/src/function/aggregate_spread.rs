//! [`FloatSpread`]: variance and standard deviation of floating-point numbers.
//!
//! Source: PostgreSQL 15, float8_accum and float8_combine in float.c, which follow Youngs and Cramer
//! (Updating mean and variance estimates: an improved method, CACM 1971): with a NaN or an infinity
//! the result is NaN, and finite numbers whose squares overflow are an error. DataFusion's gives 0 for
//! the former and infinity for the latter.

use std::mem::size_of_val;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature};

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
        let every = Box::new(Moments { kind: self.kind, count: 0, sum: 0.0, squares: 0.0 });
        if args.is_distinct {
            return Ok(Box::new(DistinctValues::new(every, DataType::Float64)));
        }
        Ok(every)
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        self.inner.create_sliding_accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>, DataFusionError> {
        if args.is_distinct {
            return Ok(vec![DistinctValues::state_field(args.name, &DataType::Float64)]);
        }
        let field = |suffix: &str, data_type| {
            Arc::new(Field::new(format!("{}[{suffix}]", args.name), data_type, true))
        };
        Ok(vec![
            field("count", DataType::Int64),
            field("sum", DataType::Float64),
            field("squares", DataType::Float64),
        ])
    }
}

/// Count, sum, and sum of the squares of the distances from the mean.
#[derive(Debug)]
struct Moments {
    kind: Exact,
    count: i64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) -> Result<(), DataFusionError> {
        let was_finite = self.sum.is_finite() && value.is_finite();
        self.count += 1;
        self.sum += value;
        if self.count == 1 {
            self.squares = if value.is_finite() { 0.0 } else { f64::NAN };
            return Ok(());
        }
        let count = self.count as f64;
        let distance = value * count - self.sum;
        self.squares += distance * distance / (count * (count - 1.0));
        self.check(was_finite)
    }

    fn merge(&mut self, count: i64, sum: f64, squares: f64) -> Result<(), DataFusionError> {
        if self.count == 0 {
            (self.count, self.sum, self.squares) = (count, sum, squares);
        } else if count > 0 {
            let was_finite = self.squares.is_finite() && squares.is_finite();
            let (own, other) = (self.count as f64, count as f64);
            let distance = self.sum / own - sum / other;
            self.squares += squares + own * other * distance * distance / (own + other);
            self.count += count;
            self.sum += sum;
            return self.check(was_finite);
        }
        Ok(())
    }

    fn check(&mut self, was_finite: bool) -> Result<(), DataFusionError> {
        if self.sum.is_infinite() || self.squares.is_infinite() {
            if was_finite {
                return Err(into_datafusion(float_overflow()));
            }
            self.squares = f64::NAN;
        }
        Ok(())
    }
}

impl Accumulator for Moments {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let mut values = values[0].as_primitive::<Float64Type>().iter().flatten();
        values.try_for_each(|value| self.add(value))
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        let is_sample = matches!(self.kind, Exact::VarSamp | Exact::StddevSamp);
        let divisor = self.count - i64::from(is_sample);
        if divisor <= 0 {
            return Ok(ScalarValue::Float64(None));
        }
        let variance = self.squares / divisor as f64;
        let is_root = matches!(self.kind, Exact::StddevPop | Exact::StddevSamp);
        Ok(ScalarValue::Float64(Some(if is_root { variance.sqrt() } else { variance })))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        Ok(vec![
            ScalarValue::Int64(Some(self.count)),
            ScalarValue::Float64(Some(self.sum)),
            ScalarValue::Float64(Some(self.squares)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        let counts = states[0].as_primitive::<Int64Type>().values();
        let [sums, squares] = [1, 2].map(|index| states[index].as_primitive::<Float64Type>());
        let parts = counts.iter().zip(sums.values()).zip(squares.values());
        for ((count, sum), squares) in parts {
            self.merge(*count, *sum, *squares)?;
        }
        Ok(())
    }
}
