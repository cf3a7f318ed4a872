//! [`coerce`]: an expression of one type as an expression of another.
//!
//! Widening conversions that cannot fail are DataFusion casts, which the optimizer sees through;
//! all others are our cast function, which has PostgreSQL's values and errors.

use arrow::array::{Array, ArrayRef};
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::{Alias, Cast, Placeholder};
use kappa_types::text::parse_value;
use kappa_types::{SqlError, SqlState, SqlType};

use super::types::{Type, plain_name, type_of};
use super::{Parameters, can_coerce_implicitly, same_type};
use crate::error::from_datafusion;
use crate::function::{
    FunctionContext, call_position, cast_function, cut_to_length, is_cast_known, literal_text,
};

/// Why an expression is converted, which decides what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Conversion {
    /// An operator or function needs it.
    Implicit,
    /// It is stored in a column.
    Assignment,
    /// The user wrote a cast.
    Explicit,
}

/// `expr` as a value of type `to`.
///
/// # Errors
/// 42846 or 42804 where there is no such conversion, 22P02 and its like where a literal does not
/// have the form of the type.
pub(crate) fn coerce(
    expr: Expr,
    to: &SqlType,
    schema: &DFSchema,
    conversion: Conversion,
    parameters: &Parameters,
    context: &FunctionContext,
) -> Result<Expr, SqlError> {
    if let Expr::Alias(Alias { expr, relation, name, metadata }) = expr {
        let inner = coerce(*expr, to, schema, conversion, parameters, context)?;
        let alias = Alias { expr: Box::new(inner), relation, name, metadata };
        return Ok(Expr::Alias(alias));
    }
    if let Some(mut text) = literal_text(&expr) {
        if conversion == Conversion::Explicit {
            text = cut_to_length(&text, to);
        }
        if names_the_moment(&text, to) {
            parameters.use_now();
        }
        let array =
            parse_value(to, &text, &context.text_options()).map_err(
                |error| match call_position(&expr) {
                    Some(position) if error.position.is_none() => error.at(position),
                    _ => error,
                },
            )?;
        return literal_of_array(&array, to);
    }
    match &expr {
        Expr::Literal(ScalarValue::Null, _) => return typed_null(to),
        Expr::Literal(value, _)
            if value.is_null() && value.data_type() == arrow::datatypes::DataType::Utf8 =>
        {
            return typed_null(to);
        }
        Expr::Placeholder(Placeholder { id, field: None }) => {
            let index = Parameters::index(id)?;
            let decided = parameters.decide(index, to, conversion);
            let expr = Parameters::expression(index, &decided);
            return coerce(expr, to, schema, conversion, parameters, context);
        }
        _ => {}
    }
    let from = match type_of(&expr, schema).map_err(|error| from_datafusion(&error))? {
        Type::Known(from) => from,
        // A column that came out of a set operation or VALUES without a type.
        Type::Unknown => return Ok(cast_function(expr, &Type::Unknown, to, conversion, context)),
    };
    known(expr, &from, to, conversion, context)
}

fn known(
    expr: Expr,
    from: &SqlType,
    to: &SqlType,
    conversion: Conversion,
    context: &FunctionContext,
) -> Result<Expr, SqlError> {
    if from == to {
        return Ok(expr);
    }
    if same_type(from, to) && conversion == Conversion::Implicit {
        // Modifiers do not matter to operators and functions, but Decimal128 has to fit.
        if from.arrow() == to.arrow() {
            return Ok(expr);
        }
    }
    let allowed = match conversion {
        Conversion::Implicit => can_coerce_implicitly(from, to),
        Conversion::Assignment => is_assignable(from, to),
        Conversion::Explicit => is_cast_known(from, to),
    };
    if !allowed {
        return Err(SqlError::new(
            SqlState::CannotCoerce,
            format!("cannot cast type {} to {}", plain_name(from), plain_name(to)),
        ));
    }
    if is_lossless(from, to, context) {
        return Ok(Expr::Cast(Cast::new_from_field(Box::new(expr), to.field("cast", true).into())));
    }
    Ok(cast_function(expr, &Type::Known(from.clone()), to, conversion, context))
}

/// What an INSERT or UPDATE converts by itself.
fn is_assignable(from: &SqlType, to: &SqlType) -> bool {
    use super::types::{Family, family};
    if can_coerce_implicitly(from, to) {
        return true;
    }
    let times = matches!(
        (from, to),
        (SqlType::Timestamp | SqlType::Timestamptz, SqlType::Date | SqlType::Time)
            | (SqlType::Timestamptz, SqlType::Timestamp)
            | (SqlType::Interval, SqlType::Time)
    );
    let json =
        matches!((from, to), (SqlType::Json, SqlType::Jsonb) | (SqlType::Jsonb, SqlType::Json));
    let numbers = family(from) == Family::Number && family(to) == Family::Number;
    // Everything may be stored in a text column.
    let text = matches!(to, SqlType::Text | SqlType::Varchar(_)) && *from != SqlType::Bytea;
    let arrays = match (from, to) {
        (SqlType::Array(from), SqlType::Array(to)) => is_assignable(from, to),
        _ => false,
    };
    times || json || numbers || text || arrays
}

/// Whether Arrow's cast gives PostgreSQL's value for every input.
fn is_lossless(from: &SqlType, to: &SqlType, context: &FunctionContext) -> bool {
    use SqlType as T;
    let utc = context.time_zone == chrono_tz::Tz::UTC;
    match (from, to) {
        (T::SmallInt, T::Integer | T::BigInt | T::Real | T::Double)
        | (T::Integer, T::BigInt | T::Double)
        | (T::Integer | T::BigInt, T::Real)
        | (T::BigInt, T::Double)
        | (T::Real, T::Double) => true,
        (T::SmallInt, T::Numeric(None)) | (T::Integer, T::Numeric(None)) => true,
        (T::SmallInt, T::Numeric(Some((p, s)))) => i16::from(*p) - i16::from(*s) >= 5,
        (T::Integer, T::Numeric(Some((p, s)))) => i16::from(*p) - i16::from(*s) >= 10,
        (T::BigInt, T::Numeric(Some((p, s)))) => i16::from(*p) - i16::from(*s) >= 19,
        (T::BigInt, T::Numeric(None)) => true,
        (T::Numeric(Some((p, s))), T::Numeric(Some((q, t)))) => {
            t >= s && i16::from(*q) - i16::from(*t) >= i16::from(*p) - i16::from(*s)
        }
        (T::Numeric(Some((p, s))), T::Numeric(None)) => {
            *s <= 16 && i16::from(*p) - i16::from(*s) <= 22
        }
        (T::Varchar(_) | T::Name | T::Char, T::Text) | (T::Text, T::Varchar(None)) => true,
        (T::Varchar(_), T::Varchar(None)) => true,
        // The other way Arrow looks for the offset and finds none of an infinite or far time.
        (T::Timestamptz, T::Timestamp) => utc,
        _ => false,
    }
}

/// A literal of an array's only value.
pub(crate) fn literal_of_array(array: &ArrayRef, sql_type: &SqlType) -> Result<Expr, SqlError> {
    debug_assert_eq!(array.len(), 1, "one value");
    let value = ScalarValue::try_from_array(array, 0).map_err(|error| from_datafusion(&error))?;
    let field = sql_type.field("", true);
    let metadata = (!field.metadata().is_empty()).then(|| FieldMetadata::new_from_field(&field));
    Ok(Expr::Literal(value, metadata))
}

/// NULL of a type.
pub(crate) fn typed_null(sql_type: &SqlType) -> Result<Expr, SqlError> {
    let array = arrow::array::new_null_array(&sql_type.arrow(), 1);
    literal_of_array(&array, sql_type)
}

/// Whether a literal stands for the time of the statement: `'now'`, `'today'` and the like.
fn names_the_moment(text: &str, to: &SqlType) -> bool {
    let words = ["now", "today", "tomorrow", "yesterday"];
    matches!(to, SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::Timestamptz)
        && words.iter().any(|word| text.to_ascii_lowercase().contains(word))
}
