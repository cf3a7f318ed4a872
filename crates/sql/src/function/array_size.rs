//! Functions of DataFusion that take lengths and places in arrays, and how long an array may be.
//!
//! The one idea: the number passes a kernel of ours, which keeps it where DataFusion can take it, or
//! refuses it before any memory is taken.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array};
use arrow::datatypes::Int64Type;
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use kappa_types::{SqlError, SqlState, SqlType};

use super::KernelFunction;
use super::kernel::Arguments;
use super::rows::rows;
use crate::typing::{Conversion, Resolver};

/// Elements of the longest array, as in PostgreSQL.
const ELEMENT_COUNT_MAX: i64 = 134_217_727;

/// The call over resolved arguments; `None` for other names and forms.
pub(super) fn sized(
    resolver: &Resolver<'_>,
    name: &str,
    args: &[Expr],
    schema: &DFSchema,
) -> Result<Option<Expr>, SqlError> {
    let numbers = match (name, args.len()) {
        ("array_repeat" | "list_repeat", 2) | ("array_resize" | "list_resize", 2 | 3) => 1..2,
        ("range", length @ 1..=3) => 0..length,
        _ => return Ok(None),
    };
    let Some(function) = resolver.foreign_function(name) else { return Ok(None) };
    let is_integer =
        |t: &SqlType| matches!(t, SqlType::SmallInt | SqlType::Integer | SqlType::BigInt);
    let mut args = args
        .iter()
        .map(|arg| resolver.settle(arg.clone(), schema))
        .collect::<Result<Vec<_>, _>>()?;
    for arg in &mut args[numbers.clone()] {
        if !is_integer(&resolver.sql_type(arg, schema)?) {
            return Ok(None);
        }
        let number = arg.clone();
        *arg = resolver.coerce(number, &SqlType::BigInt, schema, Conversion::Implicit)?;
    }
    let checked = args[numbers.clone()].to_vec();
    let types = vec![SqlType::BigInt; checked.len()];
    // The end of a range is its first argument if it is the only one.
    let (place, kernel): (usize, super::Kernel) =
        if name == "range" { (usize::from(checked.len() > 1), range_end) } else { (1, count) };
    args[place] = KernelFunction::call(
        "array_size",
        kernel,
        types,
        SqlType::BigInt,
        checked,
        resolver.context(),
    );
    resolver.foreign(&function, args, schema).map(Some)
}

/// Where a search in an array of `count` elements begins: at the first, or behind the last, if it is
/// said to begin farther out.
pub(super) fn position_start(
    resolver: &Resolver<'_>,
    start: Expr,
    count: Expr,
    schema: &DFSchema,
) -> Result<Expr, SqlError> {
    let start = resolver.coerce(start, &SqlType::BigInt, schema, Conversion::Implicit)?;
    let types = vec![SqlType::BigInt; 2];
    let context = resolver.context();
    let args = vec![start, count];
    Ok(KernelFunction::call("array_start", kept_inside, types, SqlType::BigInt, args, context))
}

fn kept_inside(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (starts, counts) = (args.primitive::<Int64Type>(0), args.primitive::<Int64Type>(1));
    let kept = (0..args.row_count).map(|row| {
        if starts.is_null(row) && counts.is_valid(row) {
            return Err(SqlError::new(
                SqlState::NullValueNotAllowed,
                "initial position must not be null",
            ));
        }
        // In no array there is nothing to find, wherever the search begins.
        let last = if counts.is_valid(row) { counts.value(row) + 1 } else { 1 };
        Ok(starts.value(row).clamp(1, last))
    });
    Ok(Arc::new(kept.collect::<Result<Int64Array, SqlError>>()?))
}

fn within_limit(count: i128) -> Result<(), SqlError> {
    if count > i128::from(ELEMENT_COUNT_MAX) {
        return Err(SqlError::new(
            SqlState::ProgramLimitExceeded,
            format!("array size exceeds the maximum allowed ({ELEMENT_COUNT_MAX})"),
        ));
    }
    Ok(())
}

/// A number of elements, as it is.
fn count(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let counts = args.primitive::<Int64Type>(0);
    rows::<Int64Type>(args, |row| {
        within_limit(i128::from(counts.value(row)))?;
        Ok(counts.value(row).max(0))
    })
}

/// The end of a range of `[end]`, `[start, end]` or `[start, end, step]`, as it is.
fn range_end(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let number = |index: usize, row: usize| args.primitive::<Int64Type>(index).value(row);
    rows::<Int64Type>(args, |row| {
        let (start, end, step) = match args.arrays.len() {
            1 => (0, number(0, row), 1),
            2 => (number(0, row), number(1, row), 1),
            _ => (number(0, row), number(1, row), number(2, row)),
        };
        if step == 0 {
            return Err(SqlError::new(
                SqlState::InvalidParameterValue,
                "step size cannot equal zero",
            ));
        }
        within_limit((i128::from(end) - i128::from(start)) / i128::from(step))?;
        Ok(end)
    })
}
