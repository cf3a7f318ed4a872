//! Aggregate functions: which of DataFusion's or ours computes PostgreSQL's result.

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;
use kappa_types::{SqlError, SqlType};

use super::aggregate_exact::{Exact, ExactAggregate};
use super::aggregate_extreme::{FloatExtreme, OrderedExtreme};
use super::aggregate_float::{Float, FloatAggregate};
use super::aggregate_spread::FloatSpread;
use super::decimal::WORKING_PRECISION;
use super::has_equal_forms;
use super::overload::undefined;
use crate::typing::{Family, Type, family};

/// An aggregate function and the types its arguments are converted to.
pub(crate) struct AggregateChoice {
    /// What computes.
    pub(crate) function: Arc<AggregateUDF>,
    /// One per argument; `None` as it is.
    pub(crate) arguments: Vec<Option<SqlType>>,
}

/// The aggregate that `name(types)` means in PostgreSQL.
///
/// # Errors
/// 42883 where the function does not take the type.
pub(crate) fn choose_aggregate(
    function: &Arc<AggregateUDF>,
    types: &[Type],
) -> Result<AggregateChoice, SqlError> {
    let name = function.name();
    let as_is =
        || AggregateChoice { function: Arc::clone(function), arguments: vec![None; types.len()] };
    let fail = || Err(undefined(name, types));
    let with = |function: &Arc<AggregateUDF>, to: Option<SqlType>| {
        Ok(AggregateChoice { function: Arc::clone(function), arguments: vec![to] })
    };
    let exact = |kind: Exact, to: Option<SqlType>| {
        with(&Arc::new(AggregateUDF::new_from_impl(ExactAggregate::new(kind))), to)
    };
    let float = |kind: Float, to: Option<SqlType>| {
        with(&Arc::new(AggregateUDF::new_from_impl(FloatAggregate::new(kind))), to)
    };
    let of_one = ["sum", "avg", "min", "max", "bool_and", "bool_or"].contains(&name)
        || moment(name).is_some();
    if !of_one {
        return Ok(as_is());
    }
    let [Type::Known(given)] = types else { return fail() };
    match (name, given) {
        ("sum", SqlType::SmallInt | SqlType::Integer) => with(function, Some(SqlType::BigInt)),
        ("sum", SqlType::BigInt) => exact(Exact::Sum, Some(working(0))),
        ("sum", SqlType::Numeric(Some((_, scale)))) => exact(Exact::Sum, Some(working(*scale))),
        ("sum", SqlType::Numeric(None)) => exact(Exact::Sum, None),
        ("sum", SqlType::Real) => float(Float::SumReal, None),
        ("sum", SqlType::Double) => float(Float::Sum, None),
        ("sum", SqlType::Interval) => exact(Exact::SumInterval, None),
        ("avg", SqlType::SmallInt | SqlType::Integer | SqlType::BigInt) => {
            exact(Exact::Avg, Some(working(0)))
        }
        ("avg", SqlType::Numeric(Some((_, scale)))) => exact(Exact::Avg, Some(working(*scale))),
        ("avg", SqlType::Numeric(None)) => exact(Exact::Avg, None),
        ("avg", SqlType::Real | SqlType::Double) => float(Float::Avg, Some(SqlType::Double)),
        ("avg", SqlType::Interval) => exact(Exact::AvgInterval, None),
        ("bool_and" | "bool_or", SqlType::Boolean) => with(function, None),
        ("min" | "max", SqlType::Real | SqlType::Double) => {
            let extreme = FloatExtreme::new(Arc::clone(function));
            with(&Arc::new(AggregateUDF::new_from_impl(extreme)), None)
        }
        ("min" | "max", given) => match family(given) {
            Family::Number | Family::Time => with(function, None),
            Family::Array if has_equal_forms(given) => Err(SqlError::unsupported(
                format!("{name}() of {given} is not supported"),
                "Unnest the array and take the least or greatest of its elements.",
            )),
            Family::Span | Family::Array => Ok(AggregateChoice {
                function: ordered_extreme(function, given),
                arguments: vec![None],
            }),
            Family::Text => with(function, Some(SqlType::Text)),
            Family::Boolean | Family::Other => fail(),
        },
        (_, given) => match (moment(name), given) {
            (Some(kind), SqlType::SmallInt | SqlType::Integer | SqlType::BigInt) => {
                exact(kind, Some(working(0)))
            }
            (Some(kind), SqlType::Numeric(Some((_, scale)))) => exact(kind, Some(working(*scale))),
            (Some(kind), SqlType::Numeric(None)) => exact(kind, None),
            (Some(kind), SqlType::Real | SqlType::Double) => {
                let spread = FloatSpread::new(Arc::clone(function), kind);
                with(&Arc::new(AggregateUDF::new_from_impl(spread)), Some(SqlType::Double))
            }
            _ => fail(),
        },
    }
}

/// Some value of a group of equal ones, the same whatever the order of rows: the least of them.
pub(crate) fn least_form(sql_type: &SqlType) -> Arc<AggregateUDF> {
    ordered_extreme(&datafusion::functions_aggregate::min_max::min_udaf(), sql_type)
}

fn ordered_extreme(function: &Arc<AggregateUDF>, sql_type: &SqlType) -> Arc<AggregateUDF> {
    let extreme = OrderedExtreme::new(Arc::clone(function), sql_type.clone());
    Arc::new(AggregateUDF::new_from_impl(extreme))
}

const fn working(scale: i8) -> SqlType {
    SqlType::Numeric(Some((WORKING_PRECISION, scale)))
}

/// The second moments, under DataFusion's names for them.
fn moment(name: &str) -> Option<Exact> {
    Some(match name {
        "var" | "var_samp" | "variance" => Exact::VarSamp,
        "var_pop" => Exact::VarPop,
        "stddev" | "stddev_samp" => Exact::StddevSamp,
        "stddev_pop" => Exact::StddevPop,
        _ => return None,
    })
}
