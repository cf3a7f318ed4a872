//! [`cast`]: a value of one type as a value of another.

use kappa_types::text::{offset_at_local, offset_at_utc};
use kappa_types::{SqlError, SqlState};

use super::text::{checked, input, output, truncate_name};
use super::{Array, Base, Decimal, Family, PgType, Value};
use crate::error::{cannot_cast, out_of_range};
use crate::session::Session;

/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;
/// Microseconds of a second.
const SECOND_MICROS: i64 = 1_000_000;

/// `value` of type `from` as a value of type `to`.
///
/// # Errors
/// 42846 where there is no such cast, else what reading or narrowing reports.
pub(crate) fn cast(
    session: &Session<'_>,
    value: &Value,
    from: &PgType,
    to: &PgType,
) -> Result<Value, SqlError> {
    if value.is_null() || from == to {
        return Ok(value.clone());
    }
    match (from, to) {
        (PgType::Base(Base::Char), PgType::Base(Base::Int4)) => {
            let byte = value.as_text().and_then(|text| text.bytes().next()).unwrap_or(0);
            Ok(Value::Int(i64::from(byte)))
        }
        (_, PgType::Base(base)) if base.family() == Family::Text => {
            let text = match value {
                Value::Bool(value) => value.to_string(),
                value => output(session, value, from),
            };
            Ok(to_string_type(&text, *base))
        }
        (_, to) if from.family() == Family::Text => {
            let text = value.as_text().unwrap_or_default();
            input(session, text, to)
        }
        (_, PgType::Array(element)) if from.family() == Family::Array => {
            array_cast(session, value, from, *element)
        }
        (_, PgType::Base(Base::Int2Vector | Base::OidVector)) if from.family() == Family::Array => {
            let items = value.as_array().map(|array| array.items.clone()).unwrap_or_default();
            Ok(Value::vector(items))
        }
        (_, PgType::Base(base)) => scalar_cast(session, value, from, *base),
        _ => Err(cannot_cast(&from.display_name(), &to.display_name())),
    }
}

fn to_string_type(text: &str, base: Base) -> Value {
    match base {
        Base::Char => Value::text(text.chars().next().map(String::from).unwrap_or_default()),
        Base::Name => Value::text(truncate_name(text)),
        _ => Value::text(text),
    }
}

fn array_cast(
    session: &Session<'_>,
    value: &Value,
    from: &PgType,
    element: Base,
) -> Result<Value, SqlError> {
    let Some(array) = value.as_array() else { return Ok(Value::Null) };
    let from = PgType::Base(from.element().unwrap_or(Base::Text));
    let to = PgType::Base(element);
    let items = array.items.iter().map(|item| cast(session, item, &from, &to));
    let items = items.collect::<Result<_, _>>()?;
    Ok(Value::Array(std::sync::Arc::new(Array { lower: array.lower, items })))
}

fn scalar_cast(
    session: &Session<'_>,
    value: &Value,
    from: &PgType,
    to: Base,
) -> Result<Value, SqlError> {
    let impossible = || cannot_cast(&from.display_name(), to.display_name());
    Ok(match (value, to.family()) {
        (Value::Int(value), Family::Integer) if from.family() == Family::Integer => {
            return checked(*value, to);
        }
        (Value::Int(value), Family::Float) if from.family() == Family::Integer => {
            Value::Float(*value as f64)
        }
        (Value::Int(value), Family::Decimal) if from.family() == Family::Integer => {
            Value::Decimal(Decimal::from_int(*value))
        }
        (Value::Int(value), Family::Bool) if *from == PgType::Int4 => Value::Bool(*value != 0),
        (Value::Bool(value), Family::Integer) => Value::Int(i64::from(*value)),
        (Value::Float(value), Family::Integer) => return float_to_integer(*value, to),
        (Value::Float(value), Family::Float) => Value::Float(*value),
        (Value::Float(value), Family::Decimal) => Decimal::parse(&value.to_string())
            .map(Value::Decimal)
            .ok_or_else(|| out_of_range("numeric"))?,
        (Value::Decimal(value), Family::Float) => Value::Float(value.to_float()),
        (Value::Decimal(value), Family::Decimal) => Value::Decimal(*value),
        (Value::Decimal(value), Family::Integer) => {
            let rounded = value.rescale(0).and_then(|whole| i64::try_from(whole.digits).ok());
            return checked(rounded.ok_or_else(|| out_of_range(to.display_name()))?, to);
        }
        (Value::Int(value), Family::Instant | Family::Days | Family::TimeOfDay) => {
            return time_cast(session, *value, from, to).ok_or_else(impossible);
        }
        _ => return Err(impossible()),
    })
}

fn float_to_integer(value: f64, to: Base) -> Result<Value, SqlError> {
    let rounded = value.round_ties_even();
    // 2^63 is exact as a float, and the first that does not fit.
    if !(-9.223_372_036_854_776e18..9.223_372_036_854_776e18).contains(&rounded) {
        let message = format!("{} out of range", to.display_name());
        return Err(SqlError::new(SqlState::NumericValueOutOfRange, message));
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    checked(rounded as i64, to)
}

fn time_cast(session: &Session<'_>, value: i64, from: &PgType, to: Base) -> Option<Value> {
    let zone = session.context.text.time_zone;
    let local = |utc: i64| utc + i64::from(offset_at_utc(zone, utc)) * SECOND_MICROS;
    let utc = |local: i64| local - i64::from(offset_at_local(zone, local)) * SECOND_MICROS;
    Some(Value::Int(match (from.base()?, to) {
        (Base::Date, Base::Timestamp) => value.checked_mul(DAY_MICROS)?,
        (Base::Date, Base::Timestamptz) => utc(value.checked_mul(DAY_MICROS)?),
        (Base::Timestamp, Base::Date) => value.div_euclid(DAY_MICROS),
        (Base::Timestamptz, Base::Date) => local(value).div_euclid(DAY_MICROS),
        (Base::Timestamp, Base::Timestamptz) => utc(value),
        (Base::Timestamptz, Base::Timestamp) => local(value),
        (Base::Timestamp, Base::Time) => value.rem_euclid(DAY_MICROS),
        (Base::Timestamptz, Base::Time) => local(value).rem_euclid(DAY_MICROS),
        _ => return None,
    }))
}
