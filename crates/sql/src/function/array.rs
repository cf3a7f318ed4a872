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

use super::array_size::{position_start, sized};
use super::array_text::array_to_text;
use super::entry::Function;
use super::kernel::Arguments;
use super::only_element::{ONLY_ELEMENT, only_element};
use super::order::{order_array, sorted};
use super::{FunctionContext, Kernel, KernelFunction};
use crate::error::from_datafusion;
use crate::typing::{Conversion, Resolver, Type, undefined_operator};

/// The functions of this family; none is chosen by signature.
#[expect(clippy::too_many_lines, reason = "a list")]
pub(super) fn functions() -> Vec<Function> {
    let new = Function::new;
    vec![
        new("array", "The constructor; of a query, its only column.", ("ARRAY[1, 2] || 3", "{1,2,3}"))
            .written(&[
                "ARRAY[any, …] → any[]",
                "ARRAY(query) → any[]",
                "any[] || any → any[]",
                "any || any[] → any[]",
                "any[] || any[] → any[]",
            ]),
        new(
            "subscript",
            "An element, counted from 1, or a slice; NULL outside.",
            ("(ARRAY[1, 2, 3])[2]", "2"),
        )
        .also("array_slice")
        .written(&["any[] [integer] → any", "any[] [integer:integer] → any[]"]),
        new("array_append", "With an element at the end.", ("array_append(ARRAY[1, 2], 3)", "{1,2,3}"))
            .written(&["array_append(any[], any) → any[]"]),
        new("array_prepend", "With an element at the beginning.", (
            "array_prepend(1, ARRAY[2, 3])",
            "{1,2,3}",
        ))
        .written(&["array_prepend(any, any[]) → any[]"]),
        new("array_cat", "One after the other.", ("array_cat(ARRAY[1], ARRAY[2, 3])", "{1,2,3}"))
            .written(&["array_cat(any[], any[]) → any[]"]),
        new(
            "array_length",
            "How many elements; NULL if there are none. The dimension is 1.",
            ("array_length(ARRAY[1, 2, 3], 1)", "3"),
        )
        .written(&["array_length(any[], integer) → integer"]),
        new("cardinality", "How many elements.", ("cardinality(ARRAY[1, 2, 3])", "3"))
            .written(&["cardinality(any[]) → integer"]),
        new("array_ndims", "How many dimensions: 1, or NULL without elements.", (
            "array_ndims(ARRAY[1, 2])",
            "1",
        ))
        .written(&["array_ndims(any[]) → integer"]),
        new("array_dims", "The bounds as text.", ("array_dims(ARRAY[1, 2])", "[1:2]"))
            .written(&["array_dims(any[]) → text"]),
        new(
            "array_position",
            "Where an element is, from 1 or after a place; NULL if nowhere.",
            ("array_position(ARRAY['a', 'b'], 'b')", "2"),
        )
        .written(&[
            "array_position(any[], any) → integer",
            "array_position(any[], any, integer) → integer",
        ]),
        new("array_positions", "Where an element is, every place.", (
            "array_positions(ARRAY[1, 2, 1], 1)",
            "{1,3}",
        ))
        .written(&["array_positions(any[], any) → bigint[]"]),
        new("array_remove", "Without the elements equal to a value.", (
            "array_remove(ARRAY[1, 2, 1], 1)",
            "{2}",
        ))
        .written(&["array_remove(any[], any) → any[]"]),
        new("array_replace", "With another value for each element equal to one.", (
            "array_replace(ARRAY[1, 2, 1], 1, 9)",
            "{9,2,9}",
        ))
        .written(&["array_replace(any[], any, any) → any[]"]),
        new(
            "array_to_string",
            "The elements as text with a delimiter between them; NULL is left out, or shown as the third.",
            ("array_to_string(ARRAY[1, NULL, 3], ',', '*')", "1,*,3"),
        )
        .written(&[
            "array_to_string(any[], text) → text",
            "array_to_string(any[], text, text) → text",
        ]),
        new(
            "string_to_array",
            "The parts of a text split at a delimiter, or its characters; parts equal to the third are NULL.",
            ("string_to_array('a,b,-', ',', '-')", "{a,b,NULL}"),
        )
        .written(&[
            "string_to_array(text, text) → text[]",
            "string_to_array(text, text, text) → text[]",
        ]),
        new("empty", "Whether it has no elements; not in PostgreSQL.", ("empty(ARRAY[1])", "f"))
            .also("array_empty")
            .also("list_empty")
            .written(&["empty(any[]) → boolean"]),
        new(
            "range",
            "The numbers from 0, or the first, to before the next, by steps; not in PostgreSQL.",
            ("range(1, 7, 2)", "{1,3,5}"),
        )
        .written(&[
            "range(bigint) → bigint[]",
            "range(bigint, bigint) → bigint[]",
            "range(bigint, bigint, bigint) → bigint[]",
        ]),
        new(
            "unnest",
            "A row for each element.",
            ("x FROM (SELECT unnest(ARRAY[3, 4]) AS x) AS t ORDER BY x", "3, 4"),
        )
        .written(&["unnest(any[]) → setof any"]),
    ]
}

/// Functions of DataFusion whose result PostgreSQL calls an integer.
const COUNTS: [&str; 4] = ["array_length", "cardinality", "array_position", "array_ndims"];

/// Functions whose first argument is an array and the second one of its elements, and which take NULL
/// for one.
const OF_ELEMENTS: [&str; 5] =
    ["array_append", "array_remove", "array_replace", "array_position", "array_positions"];

/// The expression of an array function; `None` for other names.
pub(super) fn special(
    resolver: &Resolver<'_>,
    name: &str,
    args: &[Expr],
    schema: &DFSchema,
) -> Result<Option<Expr>, SqlError> {
    if let Some(expr) = array_to_text(resolver, name, args, schema)? {
        return Ok(Some(expr));
    }
    if let Some(expr) = sized(resolver, name, args, schema)? {
        return Ok(Some(expr));
    }
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
            let index = bound(resolver, index, schema)?;
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
        (ONLY_ELEMENT, [array]) => only_element(resolver, array, schema),
        ("||", [left, right]) => concatenation(resolver, left, right, schema),
        ("array_slice", [array, low, high]) => {
            slice(resolver, array, [low, high], schema).map(Some)
        }
        ("array_dims", [array]) => dimensions(resolver, array, schema).map(Some),
        (name, args) if COUNTS.contains(&name) || OF_ELEMENTS.contains(&name) => {
            let Some(function) = resolver.foreign_function(name) else { return Ok(None) };
            let element = match args.first().map(|array| resolver.sql_type(array, schema)) {
                Some(Ok(SqlType::Array(element))) if OF_ELEMENTS.contains(&name) => Some(element),
                _ => None,
            };
            let mut args = args
                .iter()
                .map(|arg| match (&element, resolver.type_of(arg, schema)?) {
                    (Some(element), Type::Unknown) => {
                        resolver.coerce(arg.clone(), element, schema, Conversion::Implicit)
                    }
                    _ => resolver.settle(arg.clone(), schema),
                })
                .collect::<Result<Vec<_>, _>>()?;
            if let ("array_position", [array, _, start]) = (name, args.as_mut_slice()) {
                let count = cardinality(resolver, array, schema)?;
                *start = position_start(resolver, start.clone(), count, schema)?;
            }
            let array = args.first().cloned();
            let result = resolver.foreign(&function, args, schema)?;
            if !COUNTS.contains(&name) {
                return Ok(Some(result));
            }
            let count = resolver.coerce(result, &SqlType::Integer, schema, Conversion::Explicit)?;
            match (name, array) {
                ("array_length" | "array_ndims", Some(array)) => {
                    unless_empty(resolver, &array, count, schema).map(Some)
                }
                _ => Ok(Some(count)),
            }
        }
        _ => Ok(None),
    }
}

/// A subscript: an integer, as DataFusion takes it.
fn bound(resolver: &Resolver<'_>, index: &Expr, schema: &DFSchema) -> Result<Expr, SqlError> {
    let index = resolver.coerce(index.clone(), &SqlType::BigInt, schema, Conversion::Implicit)?;
    let index = resolver.coerce(index, &SqlType::Integer, schema, Conversion::Explicit)?;
    resolver.coerce(index, &SqlType::BigInt, schema, Conversion::Implicit)
}

/// The elements from `low` to `high`, counted from 1; DataFusion counts negative bounds from the end.
fn slice(
    resolver: &Resolver<'_>,
    array: &Expr,
    bounds: [&Expr; 2],
    schema: &DFSchema,
) -> Result<Expr, SqlError> {
    let Some(function) = resolver.foreign_function("array_slice") else {
        return Err(super::undefined_function("array_slice", &[]));
    };
    let bounded = |(expr, least): (&Expr, i64)| -> Result<Expr, SqlError> {
        let least = Expr::Literal(ScalarValue::Int64(Some(least)), None);
        let number = bound(resolver, expr, schema)?;
        Ok(Expr::Case(datafusion::logical_expr::expr::Case {
            expr: None,
            when_then_expr: vec![(Box::new(number.clone().lt(least.clone())), Box::new(least))],
            else_expr: Some(Box::new(number)),
        }))
    };
    let [low, high] = bounds;
    let args = [bounded((low, 1))?, bounded((high, 0))?];
    let array = resolver.settle(array.clone(), schema)?;
    resolver.foreign(&function, std::iter::once(array).chain(args).collect(), schema)
}

/// How many elements an array has.
fn cardinality(resolver: &Resolver<'_>, array: &Expr, schema: &DFSchema) -> Result<Expr, SqlError> {
    let count = expr_fn::cardinality(array.clone());
    let count = resolver.canonical(count, schema)?;
    resolver.coerce(count, &SqlType::BigInt, schema, Conversion::Explicit)
}

/// `value`, or NULL where the array has no element: there is no dimension then.
fn unless_empty(
    resolver: &Resolver<'_>,
    array: &Expr,
    value: Expr,
    schema: &DFSchema,
) -> Result<Expr, SqlError> {
    let none = Expr::Literal(ScalarValue::Int64(Some(0)), None);
    let some = cardinality(resolver, array, schema)?.gt(none);
    Ok(Expr::Case(datafusion::logical_expr::expr::Case {
        expr: None,
        when_then_expr: vec![(Box::new(some), Box::new(value))],
        else_expr: None,
    }))
}

/// The bounds of the one dimension, as text.
fn dimensions(resolver: &Resolver<'_>, array: &Expr, schema: &DFSchema) -> Result<Expr, SqlError> {
    let array = resolver.settle(array.clone(), schema)?;
    let count = cardinality(resolver, &array, schema)?;
    let count = resolver.coerce(count, &SqlType::Text, schema, Conversion::Explicit)?;
    let text = |text: &str| Expr::Literal(ScalarValue::Utf8View(Some(text.to_owned())), None);
    let bounds = datafusion::functions::expr_fn::concat(vec![text("[1:"), count, text("]")]);
    let bounds = resolver.canonical(bounds, schema)?;
    unless_empty(resolver, &array, bounds, schema)
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
        && !list.value(0).is_empty()
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
        if list.is_null(row) {
            builder.append_null();
            continue;
        }
        // NULL compares to NULL with each element, and to nothing if there is none.
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
