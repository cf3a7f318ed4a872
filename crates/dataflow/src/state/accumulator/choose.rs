//! Which accumulator keeps an aggregate: function, types and whether values are ever taken back.

use arrow::datatypes::{DataType, SchemaRef, i256};
use kappa_plan::{Aggregate, AggregateFunction};

use super::count::{Count, Logic};
use super::distinct::Distinct;
use super::exact::{ExactResult, ExactSum};
use super::extreme::{Latch, Multiset, Narrow, Wide};
use super::float::FloatSum;
use super::interface::{Accumulator, Cells, Kind};
use super::interval::IntervalSum;
use super::variance::{ExactSpread, FloatSpread, Spread};
use crate::state::bits::Bits;

/// Most digits of a numeric whose sums fit 128 bits over 2^32 rows.
const NUMERIC_DIGITS_NARROW: u8 = 28;

/// The accumulator of `aggregate` over rows of `input`; `Err` says what there is none for.
pub(crate) fn choose(
    aggregate: &Aggregate,
    input: &SchemaRef,
    append_only: bool,
) -> Result<Box<dyn Accumulator>, String> {
    let Some(argument) = aggregate.argument else {
        return Ok(boxed(Count));
    };
    let argument = input.field(argument).data_type().clone();
    // The distinct values of a group go when their last copy goes, and never if nothing goes.
    let inner = of_function(aggregate, &argument, append_only)
        .ok_or_else(|| format!("{} of {}", aggregate.function.name(), aggregate.sql_type.name()))?;
    let idempotent = matches!(
        aggregate.function,
        AggregateFunction::Min
            | AggregateFunction::Max
            | AggregateFunction::BoolAnd
            | AggregateFunction::BoolOr
    );
    Ok(if aggregate.distinct && !idempotent {
        Box::new(Distinct::new(inner, &argument))
    } else {
        inner
    })
}

fn of_function(
    aggregate: &Aggregate,
    argument: &DataType,
    append_only: bool,
) -> Option<Box<dyn Accumulator>> {
    let spread = |sample, deviation| spread(argument, aggregate, Spread { sample, deviation });
    match aggregate.function {
        AggregateFunction::CountRows | AggregateFunction::Count => Some(boxed(Count)),
        AggregateFunction::Sum => sum(argument, aggregate, false),
        AggregateFunction::Avg => sum(argument, aggregate, true),
        AggregateFunction::Min => Some(extreme(argument, append_only, false)),
        AggregateFunction::Max => Some(extreme(argument, append_only, true)),
        AggregateFunction::BoolAnd => logic(argument, true),
        AggregateFunction::BoolOr => logic(argument, false),
        AggregateFunction::VarPop => spread(false, false),
        AggregateFunction::VarSamp => spread(true, false),
        AggregateFunction::StddevPop => spread(false, true),
        AggregateFunction::StddevSamp => spread(true, true),
    }
}

fn boxed<K: Kind>(kind: K) -> Box<dyn Accumulator> {
    Box::new(Cells::new(kind))
}

fn logic(argument: &DataType, all: bool) -> Option<Box<dyn Accumulator>> {
    (*argument == DataType::Boolean).then(|| boxed(Logic { all }))
}

fn sum(argument: &DataType, aggregate: &Aggregate, average: bool) -> Option<Box<dyn Accumulator>> {
    let data_type = aggregate.sql_type.arrow();
    let exact = matches!(data_type, DataType::Int64 | DataType::Decimal128(..));
    let floating = data_type.is_floating();
    let result = |scale| ExactResult { average, scale, data_type: data_type.clone() };
    Some(match argument {
        DataType::Int16 | DataType::Int32 if exact => boxed(ExactSum::<i64>::new(result(0))),
        DataType::Int64 if exact => boxed(ExactSum::<i128>::new(result(0))),
        DataType::Decimal128(digits, scale) if exact && *digits <= NUMERIC_DIGITS_NARROW => {
            boxed(ExactSum::<i128>::new(result(*scale)))
        }
        DataType::Decimal128(_, scale) if exact => boxed(ExactSum::<i256>::new(result(*scale))),
        DataType::Float32 | DataType::Float64 if floating => boxed(FloatSum { average, data_type }),
        DataType::Interval(_) if matches!(data_type, DataType::Interval(_)) => {
            boxed(IntervalSum { average })
        }
        _ => return None,
    })
}

fn spread(
    argument: &DataType,
    aggregate: &Aggregate,
    spread: Spread,
) -> Option<Box<dyn Accumulator>> {
    let data_type = aggregate.sql_type.arrow();
    let exact = matches!(data_type, DataType::Decimal128(..));
    let floating = data_type.is_floating();
    Some(match argument {
        DataType::Int16 | DataType::Int32 | DataType::Int64 if exact => {
            boxed(ExactSpread { spread, scale: 0, data_type })
        }
        DataType::Decimal128(_, scale) if exact => {
            boxed(ExactSpread { spread, scale: *scale, data_type })
        }
        DataType::Float32 | DataType::Float64 if floating => {
            boxed(FloatSpread { spread, data_type })
        }
        _ => return None,
    })
}

fn extreme(argument: &DataType, append_only: bool, max: bool) -> Box<dyn Accumulator> {
    match (Bits::fit(argument), append_only) {
        (true, true) => boxed(Latch::<Narrow>::new(argument, max)),
        (true, false) => boxed(Multiset::<Narrow>::new(argument, max)),
        (false, true) => boxed(Latch::<Wide>::new(argument, max)),
        (false, false) => boxed(Multiset::<Wide>::new(argument, max)),
    }
}
