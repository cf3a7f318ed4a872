//! Aggregate functions: which of DataFusion's or ours computes PostgreSQL's result.

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;
use kappa_types::{SqlError, SqlType};

use super::aggregate_exact::{Exact, ExactAggregate};
use super::aggregate_extreme::{FloatExtreme, OrderedExtreme};
use super::aggregate_float::{Float, FloatAggregate};
use super::aggregate_spread::FloatSpread;
use super::decimal::WORKING_PRECISION;
use super::entry::Function;
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

/// The functions of this family.
#[expect(clippy::too_many_lines, reason = "a list")]
pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new(
            "count",
            "How many rows, or how many values that are not NULL.",
            ("count(x) FROM (VALUES (1), (NULL), (3)) AS t (x)", "2"),
        )
        .written(&["count(*) → bigint", "count([DISTINCT] any) → bigint"]),
        Function::new(
            "sum",
            "The sum; NULL without values, as all but count.",
            ("sum(x) FROM (VALUES (1), (2), (3)) AS t (x)", "6"),
        )
        .written(&["sum([DISTINCT] smallint or integer) → bigint", "sum(bigint or numeric) → numeric", "sum(real) → real", "sum(double precision) → double precision", "sum(interval) → interval"]),
        Function::new(
            "avg",
            "The mean.",
            ("avg(x) FROM (VALUES (1), (2), (4)) AS t (x)", "2.3333333333333333"),
        )
        .also("mean")
        .written(&["avg(smallint, integer, bigint or numeric) → numeric", "avg(real or double precision) → double precision", "avg(interval) → interval"]),
        Function::new(
            "min",
            "The least.",
            ("min(x) FROM (VALUES (2), (1)) AS t (x)", "1"),
        )
        .written(&["min(any that is ordered) → the same"]),
        Function::new(
            "max",
            "The greatest.",
            ("max(x) FROM (VALUES (2), (1)) AS t (x)", "2"),
        )
        .written(&["max(any that is ordered) → the same"]),
        Function::new(
            "bool_and",
            "Whether all are true.",
            ("bool_and(x) FROM (VALUES (true), (false)) AS t (x)", "f"),
        )
        .also("every")
        .written(&["bool_and(boolean) → boolean"]),
        Function::new(
            "bool_or",
            "Whether some is true.",
            ("bool_or(x) FROM (VALUES (true), (false)) AS t (x)", "t"),
        )
        .written(&["bool_or(boolean) → boolean"]),
        Function::new(
            "bit_and",
            "The bits that all have.",
            ("bit_and(x) FROM (VALUES (6), (3)) AS t (x)", "2"),
        )
        .written(&["bit_and(integer) → integer"]),
        Function::new(
            "bit_or",
            "The bits that some have.",
            ("bit_or(x) FROM (VALUES (6), (3)) AS t (x)", "7"),
        )
        .written(&["bit_or(integer) → integer"]),
        Function::new(
            "bit_xor",
            "The bits that an odd number of them have.",
            ("bit_xor(x) FROM (VALUES (6), (3)) AS t (x)", "5"),
        )
        .written(&["bit_xor(integer) → integer"]),
        Function::new(
            "array_agg",
            "All values, NULL too, as an array.",
            ("array_agg(x ORDER BY x) FROM (VALUES (2), (1)) AS t (x)", "{1,2}"),
        )
        .written(&["array_agg(any [ORDER BY …]) → any[]"]),
        Function::new(
            "string_agg",
            "All texts with a delimiter between them.",
            ("string_agg(x, ',' ORDER BY x) FROM (VALUES ('b'), ('a')) AS t (x)", "a,b"),
        )
        .written(&["string_agg(text, text [ORDER BY …]) → text"]),
        Function::new(
            "stddev_samp",
            "The standard deviation of a sample.",
            ("stddev(x) FROM (VALUES (1), (2), (4)) AS t (x)", "1.5275252316519467"),
        )
        .also("stddev")
        .written(&["stddev(smallint, integer, bigint or numeric) → numeric", "stddev(real or double precision) → double precision"]),
        Function::new(
            "stddev_pop",
            "The standard deviation of the whole.",
            ("stddev_pop(x) FROM (VALUES (1), (3)) AS t (x)", "1"),
        )
        .written(&["stddev_pop(smallint, integer, bigint or numeric) → numeric", "stddev_pop(real or double precision) → double precision"]),
        Function::new(
            "var_samp",
            "The variance of a sample.",
            ("variance(x) FROM (VALUES (1), (2), (4)) AS t (x)", "2.3333333333333333"),
        )
        .also("variance")
        .also("var")
        .also("var_sample")
        .written(&["variance(smallint, integer, bigint or numeric) → numeric", "variance(real or double precision) → double precision"]),
        Function::new(
            "var_pop",
            "The variance of the whole.",
            ("var_pop(x) FROM (VALUES (1), (3)) AS t (x)", "1"),
        )
        .also("var_population")
        .written(&["var_pop(smallint, integer, bigint or numeric) → numeric", "var_pop(real or double precision) → double precision"]),
        Function::new(
            "corr",
            "The coefficient of correlation.",
            ("corr(y, x) FROM (VALUES (1, 3), (2, 5), (3, 7)) AS t (x, y)", "1"),
        )
        .written(&["corr(double precision, double precision) → double precision"]),
        Function::new(
            "covar_samp",
            "The covariance of a sample.",
            ("covar_samp(y, x) FROM (VALUES (1, 3), (3, 7)) AS t (x, y)", "4"),
        )
        .also("covar")
        .written(&["covar_samp(double precision, double precision) → double precision"]),
        Function::new(
            "covar_pop",
            "The covariance of the whole.",
            ("covar_pop(y, x) FROM (VALUES (1, 3), (3, 7)) AS t (x, y)", "2"),
        )
        .written(&["covar_pop(double precision, double precision) → double precision"]),
        Function::new(
            "regr_slope",
            "The slope of the line of least squares through (x, y).",
            ("regr_slope(y, x) FROM (VALUES (1, 3), (2, 5), (3, 7)) AS t (x, y)", "2"),
        )
        .written(&["regr_slope(double precision, double precision) → double precision"]),
        Function::new(
            "regr_intercept",
            "Where that line meets x = 0.",
            ("regr_intercept(y, x) FROM (VALUES (1, 3), (2, 5), (3, 7)) AS t (x, y)", "1"),
        )
        .written(&["regr_intercept(double precision, double precision) → double precision"]),
        Function::new(
            "regr_r2",
            "The square of the correlation.",
            ("regr_r2(y, x) FROM (VALUES (1, 3), (2, 5), (3, 7)) AS t (x, y)", "1"),
        )
        .written(&["regr_r2(double precision, double precision) → double precision"]),
        Function::new(
            "regr_avgx",
            "The mean of x.",
            ("regr_avgx(y, x) FROM (VALUES (1, 3), (2, 5), (3, 7)) AS t (x, y)", "2"),
        )
        .written(&["regr_avgx(double precision, double precision) → double precision"]),
        Function::new(
            "regr_avgy",
            "The mean of y.",
            ("regr_avgy(y, x) FROM (VALUES (1, 3), (2, 5), (3, 7)) AS t (x, y)", "5"),
        )
        .written(&["regr_avgy(double precision, double precision) → double precision"]),
        Function::new(
            "regr_sxx",
            "The sum of the squares of x less its mean.",
            ("regr_sxx(y, x) FROM (VALUES (1, 3), (2, 5), (3, 7)) AS t (x, y)", "2"),
        )
        .written(&["regr_sxx(double precision, double precision) → double precision"]),
        Function::new(
            "regr_syy",
            "The same of y.",
            ("regr_syy(y, x) FROM (VALUES (1, 3), (2, 5), (3, 7)) AS t (x, y)", "8"),
        )
        .written(&["regr_syy(double precision, double precision) → double precision"]),
        Function::new(
            "regr_sxy",
            "The sum of the products of both.",
            ("regr_sxy(y, x) FROM (VALUES (1, 3), (2, 5), (3, 7)) AS t (x, y)", "4"),
        )
        .written(&["regr_sxy(double precision, double precision) → double precision"]),
        Function::new(
            "regr_count",
            "How many pairs have no NULL.",
            ("regr_count(y, x) FROM (VALUES (1, 3), (2, NULL)) AS t (x, y)", "1"),
        )
        .written(&["regr_count(double precision, double precision) → bigint"]),
        Function::new(
            "percentile_cont",
            "The value at a share of the ordered values, between two of them if need be.",
            (
                "percentile_cont(0.5) WITHIN GROUP (ORDER BY x) FROM (VALUES (1), (2), (4), (8)) AS t (x)",
                "3",
            ),
        )
        .written(&["percentile_cont(double precision) WITHIN GROUP (ORDER BY double precision) → double precision"]),
        Function::new(
            "grouping",
            "For each argument a bit: whether the row is a total over it.",
            ("grouping(x) FROM (VALUES (1)) AS t (x) GROUP BY x", "0"),
        )
        .written(&["grouping(any, …) → integer"]),
    ]
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
