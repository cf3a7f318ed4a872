//! Values in whose place Arrow compares, sorts and groups as PostgreSQL does.
//!
//! ```text
//! interval        how long it is             '24:00:00' = '1 day'
//! jsonb           bytes that sort as it does  1 = 1.0, and objects after arrays after … after null
//! array           bytes that sort as it does  NULL elements last
//! real, double    the same with one zero      only where order matters: Arrow's comparisons know
//! ```
//! Arrow compares what is stored; these types have values that are equal without being the same.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, ListArray};
use arrow::compute::SortOptions;
use arrow::datatypes::{
    Decimal128Type, Field, Float32Type, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
};
use arrow::row::{RowConverter, SortField};
use datafusion::logical_expr::Expr;
use kappa_types::{SqlError, SqlState, SqlType};

use super::FunctionContext;
use super::arithmetic::out_of_range;
use super::interval::{DAY_MICROS, interval_span, span_of};
use super::jsonb_order::jsonb_order;
use super::kernel::{Arguments, Kernel, KernelFunction};

/// What stands for `expr` in comparisons: Arrow's order and equality of it are PostgreSQL's.
pub(crate) fn compared(expr: Expr, sql_type: &SqlType, context: FunctionContext) -> Expr {
    match sql_type {
        SqlType::Interval => interval_span(expr, context),
        SqlType::Jsonb => bytes("jsonb_order", expr, sql_type, context),
        SqlType::Array(_) => bytes("array_order", expr, sql_type, context),
        _ => expr,
    }
}

/// What stands for `expr` where rows are sorted or gathered by it.
pub(crate) fn sorted(expr: Expr, sql_type: &SqlType, context: FunctionContext) -> Expr {
    match sql_type {
        SqlType::Real | SqlType::Double => one_zero(expr, sql_type, context),
        _ => compared(expr, sql_type, context),
    }
}

/// Whether values of this type may be equal without being the same, so that a group of equal values
/// has to choose one to show. (Of the floats, any zero will do: see [`one_zero`].)
pub(crate) fn has_equal_forms(sql_type: &SqlType) -> bool {
    match sql_type {
        SqlType::Interval | SqlType::Jsonb => true,
        SqlType::Array(element) => has_equal_forms(element),
        _ => false,
    }
}

/// Whether values of this type are floats or arrays of them.
pub(crate) fn holds_floats(sql_type: &SqlType) -> bool {
    match sql_type {
        SqlType::Real | SqlType::Double => true,
        SqlType::Array(element) => holds_floats(element),
        _ => false,
    }
}

/// Floats, or arrays of them, without -0.
pub(crate) fn one_zero(expr: Expr, sql_type: &SqlType, context: FunctionContext) -> Expr {
    let kernel: Kernel = |args| match args.types[0].clone() {
        SqlType::Array(element) => {
            let (_, offsets, values, nulls) = args.arrays[0].as_list::<i32>().clone().into_parts();
            let values = order_array(&values, &element)?;
            let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
            Ok(Arc::new(ListArray::new(field, offsets, values, nulls)))
        }
        sql_type => order_array(&args.arrays[0], &sql_type),
    };
    let types = vec![sql_type.clone()];
    KernelFunction::call("one_zero", kernel, types, sql_type.clone(), vec![expr], context)
}

/// Floats with the one NaN that all results of kernels have.
pub(crate) fn one_nan(expr: Expr, sql_type: &SqlType, context: FunctionContext) -> Expr {
    let kernel: Kernel = |args| Ok(Arc::clone(&args.arrays[0]));
    let types = vec![sql_type.clone()];
    KernelFunction::call("one_nan", kernel, types, sql_type.clone(), vec![expr], context)
}

/// The interval as days and time: the same for all intervals that are equally long.
pub(crate) fn one_form(expr: Expr, context: FunctionContext) -> Expr {
    let kernel: Kernel = |args| {
        let values = args.arrays[0].as_primitive::<IntervalMonthDayNanoType>();
        let day = i128::from(DAY_MICROS);
        let form = |value| {
            let span = span_of(value);
            let days = i32::try_from(span / day).map_err(|_| out_of_range(&SqlType::Interval))?;
            let nanoseconds = (span % day * 1000) as i64;
            Ok::<_, SqlError>(IntervalMonthDayNano { months: 0, days, nanoseconds })
        };
        Ok(Arc::new(values.try_unary::<_, IntervalMonthDayNanoType, _>(form)?))
    };
    let types = vec![SqlType::Interval];
    KernelFunction::call("one_form", kernel, types, SqlType::Interval, vec![expr], context)
}

fn bytes(name: &'static str, expr: Expr, sql_type: &SqlType, context: FunctionContext) -> Expr {
    let kernel: Kernel = |args: &Arguments<'_>| order_array(&args.arrays[0], &args.types[0]);
    let types = vec![sql_type.clone()];
    KernelFunction::call(name, kernel, types, SqlType::Bytea, vec![expr], context)
}

/// For each value what stands in its place; NULL for NULL.
///
/// # Errors
/// 22P02 for a jsonb that is none.
pub(super) fn order_array(values: &ArrayRef, sql_type: &SqlType) -> Result<ArrayRef, SqlError> {
    Ok(match sql_type {
        // 0 added to -0 is 0; every NaN becomes one with the kernel's result.
        SqlType::Double => {
            Arc::new(values.as_primitive::<Float64Type>().unary::<_, Float64Type>(|v| v + 0.0))
        }
        SqlType::Real => {
            Arc::new(values.as_primitive::<Float32Type>().unary::<_, Float32Type>(|v| v + 0.0))
        }
        SqlType::Interval => {
            let spans = values
                .as_primitive::<IntervalMonthDayNanoType>()
                .unary::<_, Decimal128Type>(span_of)
                .with_precision_and_scale(38, 0);
            Arc::new(spans.expect("a span has fewer digits"))
        }
        SqlType::Jsonb => {
            let documents = values.as_string::<i64>();
            let mut keys = BinaryBuilder::new();
            for document in documents {
                match document {
                    Some(document) => keys.append_value(jsonb_order(document)?),
                    None => keys.append_null(),
                }
            }
            Arc::new(keys.finish())
        }
        SqlType::Array(element) => array_keys(values.as_list::<i32>(), element)?,
        _ => Arc::clone(values),
    })
}

fn array_keys(lists: &ListArray, element: &SqlType) -> Result<ArrayRef, SqlError> {
    let elements = order_array(lists.values(), element)?;
    let field = Arc::new(Field::new_list_field(elements.data_type().clone(), true));
    let (offsets, nulls) = (lists.offsets().clone(), lists.nulls().cloned());
    let keyed: ArrayRef = Arc::new(ListArray::new(field, offsets, elements, nulls));
    let last = SortOptions { descending: false, nulls_first: false };
    let internal = |error: arrow::error::ArrowError| {
        SqlError::new(SqlState::InternalError, format!("an array has no order: {error}"))
    };
    let sort_field = SortField::new_with_options(keyed.data_type().clone(), last);
    let converter = RowConverter::new(vec![sort_field]).map_err(internal)?;
    let rows = converter.convert_columns(&[Arc::clone(&keyed)]).map_err(internal)?;
    let mut keys = BinaryBuilder::new();
    for (index, row) in rows.iter().enumerate() {
        if keyed.is_null(index) {
            keys.append_null();
        } else {
            keys.append_value(row.as_ref());
        }
    }
    Ok(Arc::new(keys.finish()))
}
