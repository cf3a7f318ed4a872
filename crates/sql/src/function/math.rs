//! Mathematical functions.

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use datafusion::common::ScalarValue;
use kappa_types::{SqlError, SqlState, SqlType};

use super::arithmetic::{division_by_zero, float_overflow, negate, out_of_range};
use super::decimal::{self, WORKING_PRECISION, rescale, scale_of};
use super::kernel::Arguments;
use super::rows::{map1, map2, rows};
use super::{Kernel, Overload};

const NUMERIC: SqlType = SqlType::Numeric(None);
const NUMBERS: [SqlType; 6] =
    [SqlType::SmallInt, SqlType::Integer, SqlType::BigInt, NUMERIC, SqlType::Real, SqlType::Double];

/// The functions of this family.
pub(super) fn overloads() -> Vec<Overload> {
    let mut all = Vec::new();
    for number in NUMBERS {
        all.push(Overload::of("abs", std::slice::from_ref(&number), same, abs));
        all.push(Overload::of("unary -", std::slice::from_ref(&number), same, negate));
    }
    all.push(Overload::new("unary -", &[SqlType::Interval], SqlType::Interval, negate));
    all.extend(integer_overloads());
    all.push(Overload::of("mod", &[NUMERIC, NUMERIC], wider, numeric_modulo));
    all.push(Overload::new("div", &[NUMERIC, NUMERIC], numeric(0), numeric_div));
    for (name, exact, float) in [
        ("floor", floor as Kernel, floor_double as Kernel),
        ("ceil", ceil, ceil_double),
        ("ceiling", ceil, ceil_double),
        ("round", round, round_double),
        ("trunc", trunc, trunc_double),
    ] {
        all.push(Overload::new(name, &[NUMERIC], numeric(0), exact));
        all.push(Overload::new(name, &[SqlType::Double], SqlType::Double, float));
    }
    let digits = [NUMERIC, SqlType::Integer];
    all.push(Overload::of("round", &digits, with_digits, round_digits));
    all.push(Overload::of("trunc", &digits, with_digits, trunc_digits));
    all.push(Overload::new("sign", &[NUMERIC], numeric(0), sign));
    all.push(Overload::new("sign", &[SqlType::Double], SqlType::Double, sign_double));
    for name in ["power", "pow"] {
        all.push(Overload::new(name, &[NUMERIC, NUMERIC], NUMERIC, decimal::power));
        let doubles = [SqlType::Double, SqlType::Double];
        all.push(Overload::new(name, &doubles, SqlType::Double, power_double));
    }
    all.push(Overload::new("sqrt", &[NUMERIC], NUMERIC, sqrt));
    all.push(Overload::new("sqrt", &[SqlType::Double], SqlType::Double, sqrt_double));
    all.push(Overload::new("exp", &[NUMERIC], NUMERIC, exp));
    all.push(Overload::new("exp", &[SqlType::Double], SqlType::Double, exp_double));
    for (name, exact, float) in [
        ("ln", ln as Kernel, ln_double as Kernel),
        ("log", log10, log10_double),
        ("log10", log10, log10_double),
    ] {
        all.push(Overload::new(name, &[NUMERIC], NUMERIC, exact));
        all.push(Overload::new(name, &[SqlType::Double], SqlType::Double, float));
    }
    all.push(Overload::new("log", &[NUMERIC, NUMERIC], NUMERIC, log_base));
    all.push(Overload::new(
        "width_bucket",
        &[SqlType::Double, SqlType::Double, SqlType::Double, SqlType::Integer],
        SqlType::Integer,
        width_bucket,
    ));
    all
}

fn integer_overloads() -> Vec<Overload> {
    let mut all = Vec::new();
    for integer in [SqlType::SmallInt, SqlType::Integer, SqlType::BigInt] {
        let pair = [integer.clone(), integer.clone()];
        all.push(Overload::new("mod", &pair, integer.clone(), modulo));
        all.push(Overload::new(
            "unary ~",
            std::slice::from_ref(&integer),
            integer.clone(),
            bit_not,
        ));
        all.push(Overload::new("&", &pair, integer.clone(), bit_and));
        all.push(Overload::new("|", &pair, integer.clone(), bit_or));
        all.push(Overload::new("#", &pair, integer.clone(), bit_xor));
        let shift = [integer.clone(), SqlType::Integer];
        all.push(Overload::new("<<", &shift, integer.clone(), shift_left));
        all.push(Overload::new(">>", &shift, integer.clone(), shift_right));
    }
    for (name, integer) in [
        ("gcd", SqlType::Integer),
        ("gcd", SqlType::BigInt),
        ("lcm", SqlType::Integer),
        ("lcm", SqlType::BigInt),
    ] {
        let kernel: Kernel = if name == "gcd" { gcd } else { lcm };
        all.push(Overload::new(name, &[integer.clone(), integer.clone()], integer, kernel));
    }
    all
}

const fn numeric(scale: i8) -> SqlType {
    SqlType::Numeric(Some((WORKING_PRECISION, scale)))
}

fn same(types: &[SqlType], _: &[Option<ScalarValue>]) -> SqlType {
    types[0].clone()
}

fn wider(types: &[SqlType], _: &[Option<ScalarValue>]) -> SqlType {
    match (&types[0], &types[1]) {
        (SqlType::Numeric(Some((_, l))), SqlType::Numeric(Some((_, r)))) => numeric((*l).max(*r)),
        _ => NUMERIC,
    }
}

/// A literal number of digits is the scale of the result.
fn with_digits(_: &[SqlType], constants: &[Option<ScalarValue>]) -> SqlType {
    match constants.get(1) {
        Some(Some(ScalarValue::Int32(Some(digits)))) => {
            numeric(i8::try_from((*digits).clamp(0, 20)).unwrap_or(0))
        }
        _ => NUMERIC,
    }
}

fn abs(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    macro_rules! integer {
        ($t:ty) => {
            map1::<$t, $t>(args, |a| a.checked_abs().ok_or_else(|| out_of_range(args.returns)))
        };
    }
    match args.returns {
        SqlType::SmallInt => integer!(Int16Type),
        SqlType::Integer => integer!(Int32Type),
        SqlType::BigInt => integer!(Int64Type),
        SqlType::Real => map1::<Float32Type, Float32Type>(args, |a| Ok(a.abs())),
        SqlType::Double => map1::<Float64Type, Float64Type>(args, |a| Ok(a.abs())),
        _ => decimal::unary(args, |a| Ok(a.abs())),
    }
}

/// A kernel over integers of each width.
macro_rules! integers {
    ($name:ident, |$a:ident, $b:ident, $returns:ident| $body:expr) => {
        fn $name(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
            let $returns = args.returns;
            match $returns {
                SqlType::SmallInt => map2::<Int16Type, Int16Type, Int16Type>(args, |$a, $b| $body),
                SqlType::Integer => map2::<Int32Type, Int32Type, Int32Type>(args, |$a, $b| $body),
                _ => map2::<Int64Type, Int64Type, Int64Type>(args, |$a, $b| $body),
            }
        }
    };
}

integers!(modulo, |a, b, _returns| if b == 0 {
    Err(division_by_zero())
} else {
    Ok(a.wrapping_rem(b))
});
integers!(bit_and, |a, b, _returns| Ok(a & b));
integers!(bit_or, |a, b, _returns| Ok(a | b));
integers!(bit_xor, |a, b, _returns| Ok(a ^ b));
integers!(gcd, |a, b, returns| {
    let (mut x, mut y) = (i128::from(a).abs(), i128::from(b).abs());
    while y != 0 {
        (x, y) = (y, x % y);
    }
    x.try_into().map_err(|_| out_of_range(returns))
});
integers!(lcm, |a, b, returns| {
    let (mut x, mut y) = (i128::from(a).abs(), i128::from(b).abs());
    let product = x * y;
    while y != 0 {
        (x, y) = (y, x % y);
    }
    let lcm = if x == 0 { 0 } else { product / x };
    lcm.try_into().map_err(|_| out_of_range(returns))
});

fn bit_not(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    match args.returns {
        SqlType::SmallInt => map1::<Int16Type, Int16Type>(args, |a| Ok(!a)),
        SqlType::Integer => map1::<Int32Type, Int32Type>(args, |a| Ok(!a)),
        _ => map1::<Int64Type, Int64Type>(args, |a| Ok(!a)),
    }
}

fn shift_left(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    match args.returns {
        SqlType::SmallInt => map2::<Int16Type, Int32Type, Int16Type>(args, |a, n| {
            Ok(i32::from(a).wrapping_shl(n as u32) as i16)
        }),
        SqlType::Integer => {
            map2::<Int32Type, Int32Type, Int32Type>(args, |a, n| Ok(a.wrapping_shl(n as u32)))
        }
        _ => map2::<Int64Type, Int32Type, Int64Type>(args, |a, n| Ok(a.wrapping_shl(n as u32))),
    }
}

fn shift_right(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    match args.returns {
        SqlType::SmallInt => map2::<Int16Type, Int32Type, Int16Type>(args, |a, n| {
            Ok(i32::from(a).wrapping_shr(n as u32) as i16)
        }),
        SqlType::Integer => {
            map2::<Int32Type, Int32Type, Int32Type>(args, |a, n| Ok(a.wrapping_shr(n as u32)))
        }
        _ => map2::<Int64Type, Int32Type, Int64Type>(args, |a, n| Ok(a.wrapping_shr(n as u32))),
    }
}

fn numeric_modulo(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (left, right) = (scale_of(&args.types[0]), scale_of(&args.types[1]));
    let to = scale_of(args.returns);
    map2::<Decimal128Type, Decimal128Type, Decimal128Type>(args, |a, b| {
        let divisor = rescale(b, right, to)?;
        if divisor == 0 {
            return Err(division_by_zero());
        }
        Ok(rescale(a, left, to)? % divisor)
    })
}

fn numeric_div(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (left, right) = (scale_of(&args.types[0]), scale_of(&args.types[1]));
    let both = left.max(right);
    map2::<Decimal128Type, Decimal128Type, Decimal128Type>(args, |a, b| {
        let divisor = rescale(b, right, both)?;
        if divisor == 0 {
            return Err(division_by_zero());
        }
        Ok(rescale(a, left, both)? / divisor)
    })
}

/// The unit of the last digit in front of the point.
fn unit(args: &Arguments<'_>) -> i128 {
    10_i128.pow(u32::from(scale_of(&args.types[0]).unsigned_abs()))
}

fn floor(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let unit = unit(args);
    map1::<Decimal128Type, Decimal128Type>(args, |a| Ok(a.div_euclid(unit)))
}

fn ceil(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let unit = unit(args);
    map1::<Decimal128Type, Decimal128Type>(args, |a| Ok(-(-a).div_euclid(unit)))
}

fn trunc(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let unit = unit(args);
    map1::<Decimal128Type, Decimal128Type>(args, |a| Ok(a / unit))
}

fn round(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let from = scale_of(&args.types[0]);
    map1::<Decimal128Type, Decimal128Type>(args, |a| rescale(a, from, 0))
}

/// To `digits` behind the point, which may be negative, at the scale of the result.
fn to_digits(args: &Arguments<'_>, cut: impl Fn(i128, i128) -> i128) -> Result<ArrayRef, SqlError> {
    let (from, to) = (scale_of(&args.types[0]), scale_of(args.returns));
    map2::<Decimal128Type, Int32Type, Decimal128Type>(args, |a, digits| {
        let drop = i32::from(from) - digits;
        let value = match u32::try_from(drop) {
            Ok(0) | Err(_) => a,
            Ok(drop) if drop > 38 => 0,
            Ok(drop) => {
                let step = 10_i128.pow(drop);
                cut(a, step).saturating_mul(step)
            }
        };
        rescale(value, from, to)
    })
}

fn round_digits(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    to_digits(args, |a, step| {
        let (whole, rest) = (a / step, a % step);
        if rest.unsigned_abs() * 2 >= step.unsigned_abs() { whole + a.signum() } else { whole }
    })
}

fn trunc_digits(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    to_digits(args, |a, step| a / step)
}

fn sign(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map1::<Decimal128Type, Decimal128Type>(args, |a| Ok(a.signum()))
}

/// A kernel over double precision.
fn double(
    args: &Arguments<'_>,
    f: impl Fn(f64) -> Result<f64, SqlError>,
) -> Result<ArrayRef, SqlError> {
    map1::<Float64Type, Float64Type>(args, f)
}

fn floor_double(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    double(args, |a| Ok(a.floor()))
}

fn ceil_double(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    double(args, |a| Ok(a.ceil()))
}

fn trunc_double(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    double(args, |a| Ok(a.trunc()))
}

fn round_double(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    double(args, |a| Ok(a.round_ties_even()))
}

fn sign_double(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    double(args, |a| {
        Ok(if a > 0.0 {
            1.0
        } else if a < 0.0 {
            -1.0
        } else {
            0.0
        })
    })
}

/// `base ^ exponent` in double precision, with PostgreSQL's errors.
pub(super) fn power_of(base: f64, exponent: f64) -> Result<f64, SqlError> {
    let fail =
        |message: &str| Err(SqlError::new(SqlState::InvalidArgumentForPowerFunction, message));
    if base == 0.0 && exponent < 0.0 {
        return fail("zero raised to a negative power is undefined");
    }
    if base < 0.0 && base.is_finite() && exponent.is_finite() && exponent.fract() != 0.0 {
        return fail("a negative number raised to a non-integer power yields a complex result");
    }
    let value = base.powf(exponent);
    if value.is_infinite() && base.is_finite() && exponent.is_finite() {
        return Err(float_overflow());
    }
    Ok(value)
}

/// `^` and power() over double precision.
pub(super) fn power_double(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<Float64Type, Float64Type, Float64Type>(args, power_of)
}

fn sqrt_of(value: f64) -> Result<f64, SqlError> {
    if value < 0.0 {
        return Err(SqlError::new(
            SqlState::InvalidArgumentForPowerFunction,
            "cannot take square root of a negative number",
        ));
    }
    Ok(value.sqrt())
}

fn sqrt_double(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    double(args, sqrt_of)
}

/// The root of `digits` at `scale`, with 16 digits behind the point, rounded.
fn decimal_sqrt(digits: i128, scale: i8) -> Result<i128, SqlError> {
    use arrow::datatypes::i256;
    if digits < 0 {
        sqrt_of(-1.0)?;
    }
    // The root of digits * 10^(2 * 17 - scale) has 17 digits behind the point.
    let exponent = u32::from((34 - scale).unsigned_abs());
    let square = i256::from_i128(digits)
        .checked_mul(decimal::power_of_ten(exponent))
        .ok_or_else(|| out_of_range(&NUMERIC))?;
    if square == i256::ZERO {
        return Ok(0);
    }
    let guess = decimal::to_double(digits, scale).sqrt() * 1e17;
    let mut root = i256::from_f64(guess).unwrap_or(i256::ONE);
    if root <= i256::ZERO {
        root = i256::ONE;
    }
    for _ in 0..8 {
        let next = root.wrapping_add(square.wrapping_div(root)).wrapping_div(i256::from_i128(2));
        if next == root {
            break;
        }
        root = next;
    }
    while root.wrapping_mul(root) > square {
        root = root.wrapping_sub(i256::ONE);
    }
    decimal::divide_wide(root, i256::from_i128(10))
}

fn sqrt(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (from, to) = (scale_of(&args.types[0]), scale_of(args.returns));
    map1::<Decimal128Type, Decimal128Type>(args, |a| rescale(decimal_sqrt(a, from)?, 16, to))
}

/// A numeric function that goes through double precision: 15 digits.
fn through_double(
    args: &Arguments<'_>,
    f: impl Fn(f64) -> Result<f64, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let (from, to) = (scale_of(&args.types[0]), scale_of(args.returns));
    map1::<Decimal128Type, Decimal128Type>(args, |a| {
        decimal::of_double(f(decimal::to_double(a, from))?, to)
    })
}

fn exp_of(value: f64) -> Result<f64, SqlError> {
    let result = value.exp();
    if result.is_infinite() && value.is_finite() { Err(float_overflow()) } else { Ok(result) }
}

fn exp(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    through_double(args, exp_of)
}

fn exp_double(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    double(args, exp_of)
}

fn positive(value: f64) -> Result<f64, SqlError> {
    let fail = |message: &str| Err(SqlError::new(SqlState::InvalidArgumentForLogarithm, message));
    if value == 0.0 {
        return fail("cannot take logarithm of zero");
    }
    if value < 0.0 {
        return fail("cannot take logarithm of a negative number");
    }
    Ok(value)
}

fn ln(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    through_double(args, |a| Ok(positive(a)?.ln()))
}

fn ln_double(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    double(args, |a| Ok(positive(a)?.ln()))
}

fn log10(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    through_double(args, |a| Ok(positive(a)?.log10()))
}

fn log10_double(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    double(args, |a| Ok(positive(a)?.log10()))
}

fn log_base(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (left, right) = (scale_of(&args.types[0]), scale_of(&args.types[1]));
    let to = scale_of(args.returns);
    map2::<Decimal128Type, Decimal128Type, Decimal128Type>(args, |base, value| {
        let base = positive(decimal::to_double(base, left))?.ln();
        if base == 0.0 {
            return Err(division_by_zero());
        }
        decimal::of_double(positive(decimal::to_double(value, right))?.ln() / base, to)
    })
}

fn width_bucket(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let value = args.primitive::<Float64Type>(0);
    let low = args.primitive::<Float64Type>(1);
    let high = args.primitive::<Float64Type>(2);
    let count = args.arrays[3].as_primitive::<Int32Type>();
    let fail = |message: &str| Err(SqlError::new(SqlState::InvalidParameterValue, message));
    rows::<Int32Type>(args, |row| {
        let (value, low, high) = (value.value(row), low.value(row), high.value(row));
        let count = count.value(row);
        if count <= 0 {
            return fail("count must be greater than zero");
        }
        if low.is_infinite() || high.is_infinite() || low == high || value.is_nan() {
            return fail("lower bound cannot equal upper bound");
        }
        let share = (value - low) / (high - low);
        let bucket = if share < 0.0 {
            0
        } else if share >= 1.0 {
            count + 1
        } else {
            (share * f64::from(count)).floor() as i32 + 1
        };
        Ok(bucket)
    })
}
