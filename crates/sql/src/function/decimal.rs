//! numeric: 38 digits, the scale decided when the statement is bound.
//!
//! `+ -` keep the larger scale, `*` adds the scales, both while the operands have declared scales;
//! with an operand of undeclared scale, and for `/`, the result is `numeric` without a scale (16
//! digits). Results are rounded half away from zero; what does not fit 38 digits is 22003.

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{Decimal128Type, i256};
use kappa_types::{SqlError, SqlType, UNCONSTRAINED_SCALE};

use super::Kernel;
use super::arithmetic::{division_by_zero, out_of_range};
use super::kernel::Arguments;
use super::rows::rows;

/// Digits of a computed numeric.
pub(crate) const WORKING_PRECISION: u8 = 38;

/// The largest number of 38 digits.
const MAX: i128 = 99_999_999_999_999_999_999_999_999_999_999_999_999;

/// Where a product of declared scales stops being exact.
const PRODUCT_SCALE_MAX: i8 = 20;

/// The name, result type and kernel of an operator over numerics.
pub(super) fn operator(
    op: &str,
    left: &SqlType,
    right: &SqlType,
) -> Option<(&'static str, SqlType, Kernel)> {
    let (SqlType::Numeric(left), SqlType::Numeric(right)) = (left, right) else { return None };
    let scales = match (left, right) {
        (Some((_, left)), Some((_, right))) => Some((*left, *right)),
        _ => None,
    };
    let of_scale = |scale: i8| SqlType::Numeric(Some((WORKING_PRECISION, scale)));
    let wider = scales.map_or(SqlType::Numeric(None), |(l, r)| of_scale(l.max(r)));
    Some(match op {
        "+" => ("+", wider, add as Kernel),
        "-" => ("-", wider, sub),
        "*" => {
            let product = match scales {
                Some((l, r)) if l + r <= PRODUCT_SCALE_MAX => of_scale(l + r),
                _ => SqlType::Numeric(None),
            };
            ("*", product, mul)
        }
        "/" => ("/", SqlType::Numeric(None), div),
        "%" => ("%", wider, rem),
        _ => return None,
    })
}

/// The scale of a numeric type.
pub(super) const fn scale_of(sql_type: &SqlType) -> i8 {
    match sql_type {
        SqlType::Numeric(Some((_, scale))) => *scale,
        SqlType::Numeric(None) => UNCONSTRAINED_SCALE,
        _ => 0,
    }
}

/// 10 to the power of `exponent`, which is at most 76.
pub(super) fn power_of_ten(exponent: u32) -> i256 {
    match 10_i128.checked_pow(exponent) {
        Some(power) => i256::from_i128(power),
        None => i256::from_i128(10_i128.pow(38))
            .wrapping_mul(i256::from_i128(10_i128.pow(exponent.saturating_sub(38).min(38)))),
    }
}

/// `value` with `from` digits behind the point as one with `to`, rounded half away from zero.
pub(super) fn rescale(value: i128, from: i8, to: i8) -> Result<i128, SqlError> {
    let overflow = || out_of_range(&SqlType::Numeric(None));
    if to >= from {
        let factor = 10_i128.checked_pow(u32::from((to - from).unsigned_abs()));
        let scaled = factor.and_then(|factor| value.checked_mul(factor));
        return scaled.filter(|v| v.unsigned_abs() <= MAX.unsigned_abs()).ok_or_else(overflow);
    }
    let Some(divisor) = 10_i128.checked_pow(u32::from((from - to).unsigned_abs())) else {
        return Ok(0);
    };
    Ok(divide_rounded(value, divisor))
}

/// Half away from zero.
fn divide_rounded(value: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (value / divisor, value % divisor);
    let twice = rest.unsigned_abs().saturating_mul(2);
    if twice >= divisor.unsigned_abs() {
        let up = if (value < 0) == (divisor < 0) { 1 } else { -1 };
        quotient + up
    } else {
        quotient
    }
}

/// `value / divisor` in 256 bits, half away from zero, if it fits a numeric.
pub(super) fn divide_wide(value: i256, divisor: i256) -> Result<i128, SqlError> {
    let overflow = || out_of_range(&SqlType::Numeric(None));
    let quotient = value.checked_div(divisor).ok_or_else(overflow)?;
    let rest = value.checked_rem(divisor).ok_or_else(overflow)?;
    let twice = rest.wrapping_abs().checked_mul(i256::from_i128(2)).ok_or_else(overflow)?;
    let mut rounded = quotient;
    if twice >= divisor.wrapping_abs() {
        let negative = (value < i256::ZERO) != (divisor < i256::ZERO);
        let step = if negative { i256::MINUS_ONE } else { i256::ONE };
        rounded = rounded.wrapping_add(step);
    }
    fit(rounded.to_i128().ok_or_else(overflow)?)
}

/// 22003 for more than 38 digits.
pub(super) fn fit(value: i128) -> Result<i128, SqlError> {
    if value.unsigned_abs() > MAX.unsigned_abs() {
        return Err(out_of_range(&SqlType::Numeric(None)));
    }
    Ok(value)
}

fn binary(
    args: &Arguments<'_>,
    f: impl Fn(i128, i128) -> Result<i128, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let left = args.arrays[0].as_primitive::<Decimal128Type>();
    let right = args.arrays[1].as_primitive::<Decimal128Type>();
    rows::<Decimal128Type>(args, |row| f(left.value(row), right.value(row)))
}

/// Both operands with the scale of the result.
fn aligned(
    args: &Arguments<'_>,
    f: impl Fn(i128, i128) -> Option<i128>,
) -> Result<ArrayRef, SqlError> {
    let (left, right) = (scale_of(&args.types[0]), scale_of(&args.types[1]));
    let to = scale_of(args.returns);
    binary(args, |a, b| {
        let value = f(rescale(a, left, to)?, rescale(b, right, to)?);
        fit(value.ok_or_else(|| out_of_range(args.returns))?)
    })
}

fn add(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    aligned(args, i128::checked_add)
}

fn sub(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    aligned(args, i128::checked_sub)
}

fn rem(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let right = args.arrays[1].as_primitive::<Decimal128Type>();
    if right.iter().zip(0..).any(|(v, row)| v == Some(0) && !args.any_null(row)) {
        return Err(division_by_zero());
    }
    aligned(args, i128::checked_rem)
}

fn mul(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let exact = scale_of(&args.types[0]) + scale_of(&args.types[1]);
    let to = scale_of(args.returns);
    binary(args, |a, b| match a.checked_mul(b) {
        Some(product) => rescale(product, exact, to).and_then(fit),
        None => {
            let product = i256::from_i128(a).wrapping_mul(i256::from_i128(b));
            divide_wide(product, power_of_ten(u32::from((exact - to).unsigned_abs())))
        }
    })
}

fn div(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (left, right) = (scale_of(&args.types[0]), scale_of(&args.types[1]));
    let to = scale_of(args.returns);
    binary(args, |a, b| quotient(a, left, b, right, to))
}

/// `a / b` with `to` digits behind the point.
pub(super) fn quotient(a: i128, left: i8, b: i128, right: i8, to: i8) -> Result<i128, SqlError> {
    if b == 0 {
        return Err(division_by_zero());
    }
    // a / 10^left / (b / 10^right) * 10^to
    let exponent = i32::from(to) + i32::from(right) - i32::from(left);
    let exponent_size = exponent.unsigned_abs();
    let (mut top, mut bottom) = (i256::from_i128(a), i256::from_i128(b));
    let factor = power_of_ten(exponent_size);
    if exponent >= 0 {
        top = top.checked_mul(factor).ok_or_else(|| out_of_range(&SqlType::Numeric(None)))?;
    } else {
        bottom = bottom.checked_mul(factor).ok_or_else(|| out_of_range(&SqlType::Numeric(None)))?;
    }
    divide_wide(top, bottom)
}

/// Prefix minus.
pub(super) fn negate(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    unary(args, |a| Ok(-a))
}

/// `f` of the digits, whose scale is kept.
pub(super) fn unary(
    args: &Arguments<'_>,
    f: impl Fn(i128) -> Result<i128, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let input = args.arrays[0].as_primitive::<Decimal128Type>();
    let (from, to) = (scale_of(&args.types[0]), scale_of(args.returns));
    rows::<Decimal128Type>(args, |row| rescale(f(input.value(row))?, from, to))
}

/// `a ^ b`: exact for whole exponents that fit, else through double precision.
pub(super) fn power(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (left, right) = (scale_of(&args.types[0]), scale_of(&args.types[1]));
    let to = scale_of(args.returns);
    let unit = |scale: i8| 10_i128.pow(u32::from(scale.unsigned_abs()));
    binary(args, |a, b| {
        if b % unit(right) == 0 && (0..=256).contains(&(b / unit(right))) {
            return whole_power(a, left, b / unit(right), to);
        }
        let value = super::math::power_of(to_double(a, left), to_double(b, right))?;
        of_double(value, to)
    })
}

/// Powers of so few digits behind the point that they fit are exact, as in PostgreSQL; others keep
/// the digits of the result.
fn whole_power(base: i128, scale: i8, exponent: i128, to: i8) -> Result<i128, SqlError> {
    let overflow = || out_of_range(&SqlType::Numeric(None));
    let working = scale.max(to);
    let one = power_of_ten(u32::from(working.unsigned_abs()));
    let base = i256::from_i128(rescale(base, scale, working)?);
    let mut value = one;
    for _ in 0..exponent {
        let product = value.checked_mul(base).ok_or_else(overflow)?;
        value = i256::from_i128(divide_wide(product, one)?);
    }
    rescale(value.to_i128().ok_or_else(overflow)?, working, to)
}

/// As double precision.
pub(super) fn to_double(value: i128, scale: i8) -> f64 {
    // Through text, so that the nearest double is found.
    let digits = value.unsigned_abs().to_string();
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{digits}e-{scale}").parse().unwrap_or(f64::NAN)
}

/// From double precision, with 15 significant digits as PostgreSQL converts.
pub(super) fn of_double(value: f64, scale: i8) -> Result<i128, SqlError> {
    of_float_text(value, 15, scale)
}

/// From real, with 6 significant digits as PostgreSQL converts.
pub(super) fn of_real(value: f32, scale: i8) -> Result<i128, SqlError> {
    of_float_text(f64::from(value), 6, scale)
}

fn of_float_text(value: f64, digits: usize, scale: i8) -> Result<i128, SqlError> {
    if !value.is_finite() {
        return Err(out_of_range(&SqlType::Numeric(None))
            .with_detail("A numeric cannot hold NaN or infinity."));
    }
    let text = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let plain: i128 = mantissa.replace('.', "").parse().unwrap_or(0);
    let behind = mantissa.split_once('.').map_or(0, |(_, behind)| behind.len());
    let from = i32::try_from(behind).unwrap_or(0) - exponent;
    match i8::try_from(from) {
        Ok(from) if from >= -38 => rescale_from(plain, from, scale),
        _ if from > 0 => Ok(0),
        _ => Err(out_of_range(&SqlType::Numeric(None))),
    }
}

/// [`rescale`] for scales below zero too.
fn rescale_from(value: i128, from: i8, to: i8) -> Result<i128, SqlError> {
    if from >= 0 {
        return rescale(value, from, to);
    }
    let factor = 10_i128.checked_pow(u32::from(from.unsigned_abs()));
    let whole = factor.and_then(|factor| value.checked_mul(factor));
    rescale(whole.ok_or_else(|| out_of_range(&SqlType::Numeric(None)))?, 0, to)
}
