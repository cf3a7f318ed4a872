//! Arrays: the constructor, subscripts, concatenation, and comparison with ANY and ALL.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanBuilder, UInt32Array};
use arrow::compute::kernels::cmp;
use arrow::compute::take;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::functions_nested::expr_fn;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::InList;
use kappa_types::{SqlError, SqlState, SqlType};

use super::kernel::Arguments;
use super::order::{order_array, sorted};
use super::{FunctionContext, Kernel, KernelFunction, Overload};
use crate::error::from_datafusion;
use crate::typing::{Conversion, Resolver, Type, undefined_operator};

/// None of them is chosen by signature.
pub(super) fn overloads() -> Vec<Overload> {
    Vec::new()
}

/// Functions of DataFusion whose result PostgreSQL calls an integer.
const COUNTS: [&str; 4] = ["array_length", "cardinality", "array_position", "array_ndims"];

/// The expression of an array function; `None` for other names.
pub(super) fn special(
    resolver: &Resolver<'_>,
    name: &str,
    args: &[Expr],
    schema: &DFSchema,
) -> Result<Option<Expr>, SqlError> {
    match (name, args) {
        ("array", args) => constructor(resolver, args, schema).map(Some),
        ("subscript", [array, index]) => {
            let SqlType::Array(_) = resolver.sql_type(array, schema)? else {
                let given = resolver.type_name(array, schema)?;
                return Err(SqlError::new(
                    SqlState::DatatypeMismatch,
                    format!(
                        "cannot subscript type {given} because it does not support subscripting"
                    ),
                ));
            };
            let index =
                resolver.coerce(index.clone(), &SqlType::BigInt, schema, Conversion::Implicit)?;
            // Positions count from 1; below is NULL, not from the end.
            let element = expr_fn::array_element(array.clone(), index.clone());
            let one = Expr::Literal(ScalarValue::Int64(Some(1)), None);
            let inside = index.gt_eq(one);
            let null = crate::typing::typed_null(&resolver.sql_type(&element, schema)?)?;
            Ok(Some(Expr::Case(datafusion::logical_expr::expr::Case {
                expr: None,
                when_then_expr: vec![(Box::new(inside), Box::new(element))],
                else_expr: Some(Box::new(null)),
            })))
        }
        ("||", [left, right]) => concatenation(resolver, left, right, schema),
        (name, args) if COUNTS.contains(&name) => {
            let Some(function) = resolver.foreign_function(name) else { return Ok(None) };
            let args = args
                .iter()
                .map(|arg| resolver.settle(arg.clone(), schema))
                .collect::<Result<Vec<_>, _>>()?;
            let count = resolver.foreign(&function, args, schema)?;
            resolver.coerce(count, &SqlType::Integer, schema, Conversion::Explicit).map(Some)
        }
        _ => Ok(None),
    }
}

fn constructor(
    resolver: &Resolver<'_>,
    args: &[Expr],
    schema: &DFSchema,
) -> Result<Expr, SqlError> {
    if args.is_empty() {
        return Err(SqlError::new(
            SqlState::IndeterminateDatatype,
            "cannot determine type of empty array",
        )
        .with_hint("Explicitly cast to the desired type, for example ARRAY[]::integer[]."));
    }
    let args = resolver.unified("ARRAY", args.to_vec(), schema)?;
    let element = resolver.sql_type(&args[0], schema)?;
    let array = expr_fn::make_array(args);
    let to = SqlType::Array(Box::new(element));
    let field = to.field("cast", true);
    Ok(Expr::Cast(datafusion::logical_expr::expr::Cast::new_from_field(
        Box::new(array),
        field.into(),
    )))
}

fn concatenation(
    resolver: &Resolver<'_>,
    left: &Expr,
    right: &Expr,
    schema: &DFSchema,
) -> Result<Option<Expr>, SqlError> {
    let types = [resolver.type_of(left, schema)?, resolver.type_of(right, schema)?];
    let array = |t: &Type| match t {
        Type::Known(SqlType::Array(element)) => Some(element.as_ref().clone()),
        _ => None,
    };
    let coerce =
        |expr: &Expr, to: &SqlType| resolver.coerce(expr.clone(), to, schema, Conversion::Implicit);
    let expr = match (array(&types[0]), array(&types[1])) {
        (Some(_), Some(_)) => {
            let both = resolver.unified("ARRAY", vec![left.clone(), right.clone()], schema)?;
            expr_fn::array_concat(both)
        }
        (Some(element), None) if types[1] == Type::Unknown => {
            let array = SqlType::Array(Box::new(element));
            expr_fn::array_concat(vec![left.clone(), coerce(right, &array)?])
        }
        (None, Some(element)) if types[0] == Type::Unknown => {
            let array = SqlType::Array(Box::new(element));
            expr_fn::array_concat(vec![coerce(left, &array)?, right.clone()])
        }
        (Some(element), None) => expr_fn::array_append(left.clone(), coerce(right, &element)?),
        (None, Some(element)) => expr_fn::array_prepend(coerce(left, &element)?, right.clone()),
        (None, None) => return Ok(None),
    };
    resolver.canonical(expr, schema).map(Some)
}

/// `left op ANY (right)` and `left op ALL (right)`, `right` an array of `element`.
pub(crate) fn quantified(
    op: &str,
    all: bool,
    left: Expr,
    right: Expr,
    element: &SqlType,
    context: FunctionContext,
) -> Result<Expr, SqlError> {
    if let (false, "=", Expr::Literal(ScalarValue::List(list), _)) = (all, op, &right)
        && list.len() == 1
        && list.is_valid(0)
    {
        // A list that is known is an IN list, which the optimizer understands.
        let values = list.value(0);
        let items = (0..values.len())
            .map(|index| {
                let value = values.slice(index, 1);
                crate::typing::literal_of_array(&value, element)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let stand_in = |expr| sorted(expr, element, context);
        let list = items.into_iter().map(stand_in).collect();
        return Ok(Expr::InList(InList { expr: Box::new(stand_in(left)), list, negated: false }));
    }
    let kernels: [(&str, &'static str, Kernel); 6] = [
        ("=", "= ANY", |args| compare(args, cmp::eq)),
        ("<>", "<> ANY", |args| compare(args, cmp::neq)),
        ("<", "< ANY", |args| compare(args, cmp::lt)),
        ("<=", "<= ANY", |args| compare(args, cmp::lt_eq)),
        (">", "> ANY", |args| compare(args, cmp::gt)),
        (">=", ">= ANY", |args| compare(args, cmp::gt_eq)),
    ];
    // `x op ALL (a)` is NOT (x negated-op ANY (a)).
    let wanted = if all { negated(op) } else { op };
    let Some((_, name, kernel)) = kernels.into_iter().find(|(symbol, ..)| *symbol == wanted) else {
        let unknown = Type::Known(element.clone());
        return Err(undefined_operator(op, &unknown, &unknown));
    };
    let types = vec![element.clone(), SqlType::Array(Box::new(element.clone()))];
    let any =
        KernelFunction::call(name, kernel, types, SqlType::Boolean, vec![left, right], context);
    Ok(if all { Expr::Not(Box::new(any)) } else { any })
}

fn negated(op: &str) -> &str {
    match op {
        "=" => "<>",
        "<>" | "!=" => "=",
        "<" => ">=",
        "<=" => ">",
        ">" => "<=",
        ">=" => "<",
        other => other,
    }
}

type Comparison = fn(
    &dyn arrow::array::Datum,
    &dyn arrow::array::Datum,
) -> Result<arrow::array::BooleanArray, arrow::error::ArrowError>;

/// True if some element compares true; NULL if none does and a comparison is NULL.
fn compare(args: &Arguments<'_>, comparison: Comparison) -> Result<ArrayRef, SqlError> {
    let list = args.arrays[1].as_list::<i32>();
    let offsets = list.value_offsets();
    let owners = (0..list.len()).flat_map(|row| {
        let length = offsets[row + 1] - offsets[row];
        std::iter::repeat_n(u32::try_from(row).unwrap_or(u32::MAX), length.max(0) as usize)
    });
    let owners = UInt32Array::from_iter_values(owners);
    let (first, last) = (offsets[0] as usize, offsets[list.len()] as usize);
    let values = list.values().slice(first, last - first);
    let convert = |error: arrow::error::ArrowError| from_datafusion(&error.into());
    let repeated = take(args.arrays[0].as_ref(), &owners, None).map_err(convert)?;
    let [left, right] = [&repeated, &values].map(|side| order_array(side, &args.types[0]));
    let equal = comparison(&left?, &right?).map_err(convert)?;
    let mut builder = BooleanBuilder::with_capacity(list.len());
    for row in 0..list.len() {
        if args.any_null(row) {
            builder.append_null();
            continue;
        }
        let range = (offsets[row] as usize - first)..(offsets[row + 1] as usize - first);
        let found = range.clone().any(|i| equal.is_valid(i) && equal.value(i));
        let unsure = range.into_iter().any(|i| equal.is_null(i));
        builder.append_option(if found {
            Some(true)
        } else if unsure {
            None
        } else {
            Some(false)
        });
    }
    Ok(Arc::new(builder.finish()))
}
