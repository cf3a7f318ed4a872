//! Aggregates over exact numbers: sums in 256 bits, averages and variances as `numeric`.
//!
//! With n values of sum s and sum of squares q:
//! ```text
//! avg = s / n          var_pop = (n q - s s) / (n n)          var_samp = (n q - s s) / (n (n - 1))
//! ```
//! each divided once and rounded half away from zero to 16 digits. Price: no fast path for many
//! groups; dataflow keeps views with operators of its own.

use std::hash::Hash;
use std::mem::size_of_val;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Field, FieldRef, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, i256,
};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};
use kappa_plan::arithmetic::{shifted_quotient, shifted_root};
use kappa_types::{SqlError, SqlType, UNCONSTRAINED_SCALE};

use super::aggregate_distinct::DistinctValues;
use super::arithmetic::out_of_range;
use super::decimal::fit;
use super::interval_parts;
use crate::error::into_datafusion;

/// Digits behind the point of averages, variances and deviations.
const RESULT_SCALE: i32 = UNCONSTRAINED_SCALE as i32;

/// Which aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Exact {
    Sum,
    SumInterval,
    Avg,
    AvgInterval,
    VarPop,
    VarSamp,
    StddevPop,
    StddevSamp,
}

/// One of these aggregates as DataFusion calls it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ExactAggregate {
    kind: Exact,
    signature: Signature,
}

impl ExactAggregate {
    pub(super) fn new(kind: Exact) -> Self {
        Self { kind, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn returns(&self, argument: &DataType) -> DataType {
        match self.kind {
            Exact::Sum => match argument {
                DataType::Decimal128(_, scale) => DataType::Decimal128(38, *scale),
                other => other.clone(),
            },
            Exact::SumInterval | Exact::AvgInterval => SqlType::Interval.arrow(),
            _ => SqlType::Numeric(None).arrow(),
        }
    }
}

impl AggregateUDFImpl for ExactAggregate {
    fn name(&self) -> &str {
        match self.kind {
            Exact::Sum | Exact::SumInterval => "sum",
            Exact::Avg | Exact::AvgInterval => "avg",
            Exact::VarPop => "var_pop",
            Exact::VarSamp => "var_samp",
            Exact::StddevPop => "stddev_pop",
            Exact::StddevSamp => "stddev_samp",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        Ok(types.to_vec())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType, DataFusionError> {
        let argument = types.first().ok_or_else(|| {
            DataFusionError::Internal(format!("{} without an argument", self.name()))
        })?;
        Ok(self.returns(argument))
    }

    fn accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        let scale = match args.expr_fields.first().map(|field| field.data_type()) {
            Some(DataType::Decimal128(_, scale)) => *scale,
            _ => 0,
        };
        let every: Box<dyn Accumulator> = match self.kind {
            Exact::SumInterval | Exact::AvgInterval => {
                Box::new(IntervalSum { kind: self.kind, ..IntervalSum::default() })
            }
            kind => Box::new(Moments { kind, scale, ..Moments::default() }),
        };
        Ok(match args.expr_fields.first() {
            Some(field) if args.is_distinct => {
                Box::new(DistinctValues::new(every, field.data_type().clone()))
            }
            _ => every,
        })
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>, DataFusionError> {
        let field = |suffix: &str, data_type: DataType| {
            Arc::new(Field::new(format!("{}[{suffix}]", args.name), data_type, true))
        };
        if let (true, Some(input)) = (args.is_distinct, args.input_fields.first()) {
            return Ok(vec![DistinctValues::state_field(args.name, input.data_type())]);
        }
        Ok(match self.kind {
            Exact::SumInterval | Exact::AvgInterval => {
                let wide = DataType::Decimal256(76, 0);
                vec![
                    field("count", DataType::Int64),
                    field("months", wide.clone()),
                    field("days", wide.clone()),
                    field("micros", wide),
                ]
            }
            _ => {
                let wide = DataType::Decimal256(76, 0);
                vec![
                    field("count", DataType::Int64),
                    field("sum", wide.clone()),
                    field("squares", wide),
                ]
            }
        })
    }
}

fn wide(value: i256) -> ScalarValue {
    ScalarValue::Decimal256(Some(value), 76, 0)
}

fn overflow() -> DataFusionError {
    into_datafusion(out_of_range(&SqlType::Numeric(None)))
}

/// Count, sum and sum of squares of digits.
#[derive(Debug)]
struct Moments {
    kind: Exact,
    scale: i8,
    count: i64,
    sum: i256,
    squares: i256,
}

impl Default for Moments {
    fn default() -> Self {
        Self { kind: Exact::Sum, scale: 0, count: 0, sum: i256::ZERO, squares: i256::ZERO }
    }
}

impl Moments {
    const fn needs_squares(&self) -> bool {
        !matches!(self.kind, Exact::Sum | Exact::Avg)
    }

    fn add(&mut self, digits: i128, sign: i64) -> Result<(), DataFusionError> {
        let digits = i256::from_i128(digits);
        let signed = if sign < 0 { digits.wrapping_neg() } else { digits };
        self.count += sign;
        self.sum = self.sum.checked_add(signed).ok_or_else(overflow)?;
        if self.needs_squares() {
            let square = digits.checked_mul(signed).ok_or_else(overflow)?;
            self.squares = self.squares.checked_add(square).ok_or_else(overflow)?;
        }
        Ok(())
    }

    fn value(&self) -> Result<Option<i128>, SqlError> {
        let overflow = || out_of_range(&SqlType::Numeric(None));
        let count = i256::from_i128(i128::from(self.count));
        let sample = matches!(self.kind, Exact::VarSamp | Exact::StddevSamp);
        if self.count == 0 || (sample && self.count == 1) {
            return Ok(None);
        }
        let scale = i32::from(self.scale);
        match self.kind {
            Exact::Sum => return fit(self.sum.to_i128().ok_or_else(overflow)?).map(Some),
            Exact::Avg => return ratio(self.sum, scale, count).map(Some),
            _ => {}
        }
        let spread = count
            .checked_mul(self.squares)
            .and_then(|nq| nq.checked_sub(self.sum.checked_mul(self.sum)?))
            .ok_or_else(overflow)?;
        let less = if sample { i256::ONE } else { i256::ZERO };
        let divisor = count.wrapping_mul(count.wrapping_sub(less));
        if !matches!(self.kind, Exact::StddevPop | Exact::StddevSamp) {
            return ratio(spread, 2 * scale, divisor).map(Some);
        }
        let shift = 2 * (RESULT_SCALE - scale);
        let root = shifted_root(spread, divisor, shift).and_then(i256::to_i128);
        fit(root.ok_or_else(overflow)?).map(Some)
    }
}

/// `top / 10^scale / bottom` with the digits of a result.
fn ratio(top: i256, scale: i32, bottom: i256) -> Result<i128, SqlError> {
    let quotient = shifted_quotient(top, bottom, RESULT_SCALE - scale).and_then(i256::to_i128);
    fit(quotient.ok_or_else(|| out_of_range(&SqlType::Numeric(None)))?)
}

impl Accumulator for Moments {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let digits = values[0].as_primitive::<Decimal128Type>();
        digits.iter().flatten().try_for_each(|digits| self.add(digits, 1))
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let digits = values[0].as_primitive::<Decimal128Type>();
        digits.iter().flatten().try_for_each(|digits| self.add(digits, -1))
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        let value = self.value().map_err(into_datafusion)?;
        let scale = if self.kind == Exact::Sum { self.scale } else { 16 };
        Ok(ScalarValue::Decimal128(value, 38, scale))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        Ok(vec![ScalarValue::Int64(Some(self.count)), wide(self.sum), wide(self.squares)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        let counts = states[0].as_primitive::<Int64Type>();
        let sums = states[1].as_primitive::<Decimal256Type>();
        let squares = states[2].as_primitive::<Decimal256Type>();
        for row in 0..counts.len() {
            self.count += counts.value(row);
            self.sum = self.sum.checked_add(sums.value(row)).ok_or_else(overflow)?;
            self.squares = self.squares.checked_add(squares.value(row)).ok_or_else(overflow)?;
        }
        Ok(())
    }
}

/// sum and avg of intervals, each part by itself.
#[derive(Debug)]
struct IntervalSum {
    kind: Exact,
    count: i64,
    months: i128,
    days: i128,
    micros: i128,
}

impl Default for IntervalSum {
    fn default() -> Self {
        Self { kind: Exact::SumInterval, count: 0, months: 0, days: 0, micros: 0 }
    }
}

impl IntervalSum {
    fn add(&mut self, value: IntervalMonthDayNano, sign: i128) {
        let (months, days, micros) = interval_parts(value);
        self.count += sign as i64;
        self.months += sign * i128::from(months);
        self.days += sign * i128::from(days);
        self.micros += sign * i128::from(micros);
    }
}

/// `number / divisor` to the nearest whole number, to the even one of two, as PostgreSQL's `rint`.
const fn divided_to_even(number: i128, divisor: i128) -> i128 {
    let (whole, rest) = (number.div_euclid(divisor), number.rem_euclid(divisor));
    let is_up = rest * 2 > divisor || (rest * 2 == divisor && whole % 2 != 0);
    if is_up { whole + 1 } else { whole }
}

impl Accumulator for IntervalSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let values = values[0].as_primitive::<IntervalMonthDayNanoType>();
        values.iter().flatten().for_each(|value| self.add(value, 1));
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        if self.count == 0 {
            return Ok(ScalarValue::IntervalMonthDayNano(None));
        }
        let overflow = || into_datafusion(out_of_range(&SqlType::Interval));
        let (mut days, mut micros) = (self.days, self.micros);
        let mut months = self.months;
        if self.kind == Exact::AvgInterval {
            // What is left of months goes to days (of 30 each), of days to time, as `interval_div`.
            let count = i128::from(self.count);
            let day = 86_400_000_000_i128;
            let rest_days = (months % count) * 30;
            months /= count;
            let whole_days = days + rest_days;
            micros = divided_to_even((whole_days % count) * day + micros, count);
            days = whole_days / count;
        }
        Ok(ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano {
            months: i32::try_from(months).map_err(|_| overflow())?,
            days: i32::try_from(days).map_err(|_| overflow())?,
            nanoseconds: i64::try_from(micros * 1000).map_err(|_| overflow())?,
        })))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        let part = |value: i128| wide(i256::from_i128(value));
        Ok(vec![
            ScalarValue::Int64(Some(self.count)),
            part(self.months),
            part(self.days),
            part(self.micros),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        let sum = |index: usize| {
            let values = states[index].as_primitive::<Decimal256Type>();
            values.iter().flatten().filter_map(i256::to_i128).sum::<i128>()
        };
        self.count += states[0].as_primitive::<Int64Type>().iter().flatten().sum::<i64>();
        self.months += sum(1);
        self.days += sum(2);
        self.micros += sum(3);
        Ok(())
    }
}
