//! Numbers.

use super::Argument::{Float, Int, Numeric};
use super::{Function, Returns};
use crate::error::{mismatch, out_of_range};
use crate::value::{Decimal, PgType, Value};
use kappa_types::SqlError;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("abs", &[Int], PgType::Unknown, |_, v, _| match &v[0] {
        Value::Int(value) => {
            value.checked_abs().map(Value::Int).ok_or_else(|| out_of_range("bigint"))
        }
        _ => Err(mismatch("abs")),
    })
    .returning(Returns::Argument(0)),
    Function::new("abs", &[Numeric], PgType::Numeric, |_, v, _| {
        decimal(&v[0], |value| Some(Decimal { digits: value.digits.abs(), scale: value.scale }))
    }),
    Function::new("sign", &[Numeric], PgType::Numeric, |_, v, _| {
        decimal(&v[0], |value| Some(Decimal { digits: value.digits.signum(), scale: 0 }))
    }),
    Function::new("mod", &[Int, Int], PgType::Int8, |_, v, _| match (&v[0], &v[1]) {
        (Value::Int(_), Value::Int(0)) => {
            Err(SqlError::new(kappa_types::SqlState::DivisionByZero, "division by zero"))
        }
        (Value::Int(left), Value::Int(right)) => Ok(Value::Int(left.wrapping_rem(*right))),
        _ => Err(mismatch("mod")),
    }),
    Function::new("round", &[Numeric, Int], PgType::Numeric, |_, v, _| {
        let scale = v.get(1).and_then(Value::as_int).unwrap_or(0);
        decimal(&v[0], |value| value.rescale(u8::try_from(scale.max(0)).ok()?))
    })
    .optional(1),
    Function::new("trunc", &[Numeric], PgType::Numeric, |_, v, _| {
        decimal(&v[0], |value| Some(whole(value, 0)))
    }),
    Function::new("floor", &[Numeric], PgType::Numeric, |_, v, _| {
        decimal(&v[0], |value| Some(whole(value, -1)))
    }),
    Function::new("ceil", &[Numeric], PgType::Numeric, |_, v, _| {
        decimal(&v[0], |value| Some(whole(value, 1)))
    }),
    Function::new("ceiling", &[Numeric], PgType::Numeric, |_, v, _| {
        decimal(&v[0], |value| Some(whole(value, 1)))
    }),
    Function::new("sqrt", &[Float], PgType::Float8, |_, v, _| match &v[0] {
        Value::Float(value) => Ok(Value::Float(value.sqrt())),
        _ => Err(mismatch("sqrt")),
    }),
];

fn decimal(value: &Value, of: impl Fn(Decimal) -> Option<Decimal>) -> Result<Value, SqlError> {
    match value {
        Value::Decimal(value) => {
            of(*value).map(Value::Decimal).ok_or_else(|| out_of_range("numeric"))
        }
        _ => Err(mismatch("numeric")),
    }
}

/// The whole number next to `value` towards zero, or down or up if `direction` says so.
fn whole(value: Decimal, direction: i128) -> Decimal {
    let factor = 10_i128.pow(u32::from(value.scale));
    let truncated = value.digits / factor;
    let rest = value.digits % factor;
    let steps = if rest.signum() == direction { direction } else { 0 };
    Decimal { digits: truncated + steps, scale: 0 }
}
