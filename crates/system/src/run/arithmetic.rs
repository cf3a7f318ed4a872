//! Arithmetic on two numbers of one type.

use kappa_types::{SqlError, SqlState};

use crate::bound::Arithmetic;
use crate::error::{mismatch, out_of_range};
use crate::value::{Base, Decimal, Value, checked};

/// `left operator right`, neither NULL, both of type `base`.
///
/// # Errors
/// 22003 and 22012.
pub(super) fn arithmetic(
    operator: Arithmetic,
    base: Base,
    left: &Value,
    right: &Value,
) -> Result<Value, SqlError> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => integer(operator, base, *left, *right),
        (Value::Float(left), Value::Float(right)) => float(operator, *left, *right),
        (Value::Decimal(left), Value::Decimal(right)) => decimal(operator, *left, *right),
        _ => Err(mismatch("arithmetic")),
    }
}

fn by_zero() -> SqlError {
    SqlError::new(SqlState::DivisionByZero, "division by zero")
}

fn integer(operator: Arithmetic, base: Base, left: i64, right: i64) -> Result<Value, SqlError> {
    let shift = || u32::try_from(right).map_err(|_| out_of_range("shift"));
    let result = match operator {
        Arithmetic::Divide | Arithmetic::Remainder if right == 0 => return Err(by_zero()),
        Arithmetic::Add => left.checked_add(right),
        Arithmetic::Subtract => left.checked_sub(right),
        Arithmetic::Multiply => left.checked_mul(right),
        Arithmetic::Divide => left.checked_div(right),
        Arithmetic::Remainder => Some(left.checked_rem(right).unwrap_or(0)),
        Arithmetic::BitAnd => Some(left & right),
        Arithmetic::BitOr => Some(left | right),
        Arithmetic::BitXor => Some(left ^ right),
        Arithmetic::ShiftLeft => Some(left.wrapping_shl(shift()?)),
        Arithmetic::ShiftRight => Some(left.wrapping_shr(shift()?)),
        Arithmetic::Power => return Err(mismatch("power")),
    };
    checked(result.ok_or_else(|| out_of_range(base.display_name()))?, base)
}

fn float(operator: Arithmetic, left: f64, right: f64) -> Result<Value, SqlError> {
    Ok(Value::Float(match operator {
        Arithmetic::Divide if right == 0.0 => return Err(by_zero()),
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
        Arithmetic::Power => left.powf(right),
        _ => return Err(mismatch("an operator of integers")),
    }))
}

fn decimal(operator: Arithmetic, left: Decimal, right: Decimal) -> Result<Value, SqlError> {
    let result = match operator {
        Arithmetic::Divide | Arithmetic::Remainder if right.digits == 0 => return Err(by_zero()),
        Arithmetic::Add => left.add(right),
        Arithmetic::Subtract => left.subtract(right),
        Arithmetic::Multiply => left.multiply(right),
        Arithmetic::Divide => left.divide(right),
        Arithmetic::Remainder => left.remainder(right),
        Arithmetic::Power => return Ok(Value::Float(left.to_float().powf(right.to_float()))),
        _ => return Err(mismatch("an operator of integers")),
    };
    result.map(Value::Decimal).ok_or_else(|| out_of_range("numeric"))
}

/// `-value`
///
/// # Errors
/// 22003
pub(super) fn negate(value: &Value, base: Base) -> Result<Value, SqlError> {
    match value {
        Value::Int(value) => {
            checked(value.checked_neg().ok_or_else(|| out_of_range(base.display_name()))?, base)
        }
        Value::Float(value) => Ok(Value::Float(-value)),
        Value::Decimal(value) => {
            Ok(Value::Decimal(Decimal { digits: -value.digits, scale: value.scale }))
        }
        _ => Err(mismatch("-")),
    }
}
