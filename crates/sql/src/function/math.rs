//! Mathematical functions.

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type};
use datafusion::common::ScalarValue;
use kappa_types::{SqlError, SqlState, SqlType};

use super::Kernel;
use super::arithmetic::{division_by_zero, float_overflow, negate, out_of_range};
use super::decimal::{self, WORKING_PRECISION, rescale, scale_of};
use super::entry::Function;
use super::kernel::Arguments;
use super::rows::{map1, map2, rows};

const NUMERIC: SqlType = SqlType::Numeric(None);
const INTEGER: SqlType = SqlType::Integer;
const DOUBLE: SqlType = SqlType::Double;
const INTEGERS: [SqlType; 3] = [SqlType::SmallInt, INTEGER, SqlType::BigInt];
const NUMBERS: [SqlType; 6] =
    [SqlType::SmallInt, SqlType::Integer, SqlType::BigInt, NUMERIC, SqlType::Real, SqlType::Double];

/// The functions of this family.
pub(super) fn functions() -> Vec<Function> {
    let mut all = on_integers();
    all.extend(of_parts());
    all.extend(of_powers());
    all
}

/// Signs, remainders and bits.
fn on_integers() -> Vec<Function> {
    let pair = |t: &SqlType| [t.clone(), t.clone()];
    vec![
        Function::new("abs", "How far from zero.", ("abs(-7)", "7"))
            .each(NUMBERS, |f, t| f.takes_of(&[t], same, abs)),
        Function::new("unary -", "The opposite.", ("- (3)", "-3"))
            .each(NUMBERS, |f, t| f.takes_of(&[t], same, negate))
            .takes(&[SqlType::Interval], SqlType::Interval, negate),
        Function::new(
            "mod",
            "What a division leaves, with the sign of the first.",
            ("mod(-7, 3)", "-1"),
        )
        .each(INTEGERS, |f, t| f.takes(&pair(&t), t, modulo))
        .takes_of(&[NUMERIC, NUMERIC], wider, numeric_modulo),
        Function::new("div", "The quotient without its fraction.", ("div(7.5, 2)", "3")).takes(
            &[NUMERIC, NUMERIC],
            numeric(0),
            numeric_div,
        ),
        Function::new("sign", "-1, 0 or 1.", ("sign(-3.2)", "-1"))
            .takes(&[NUMERIC], numeric(0), sign)
            .takes(&[DOUBLE], DOUBLE, sign_double),
        Function::new("gcd", "The greatest common divisor.", ("gcd(12, 18)", "6"))
            .each([INTEGER, SqlType::BigInt], |f, t| f.takes(&pair(&t), t, gcd)),
        Function::new("lcm", "The least common multiple.", ("lcm(4, 6)", "12"))
            .each([INTEGER, SqlType::BigInt], |f, t| f.takes(&pair(&t), t, lcm)),
        Function::new(
            "factorial",
            "The product of the numbers up to it, at most 20!.",
            ("factorial(5)", "120"),
        )
        .written(&["factorial(bigint) → bigint"]),
        Function::new("unary ~", "Each bit the other way.", ("~5", "-6"))
            .each(INTEGERS, |f, t| f.takes(std::slice::from_ref(&t), t.clone(), bit_not)),
        Function::new("&", "The bits that both have.", ("91 & 15", "11"))
            .each(INTEGERS, |f, t| f.takes(&pair(&t), t, bit_and)),
        Function::new("|", "The bits that either has.", ("32 | 3", "35"))
            .each(INTEGERS, |f, t| f.takes(&pair(&t), t, bit_or)),
        Function::new("#", "The bits that only one has.", ("17 # 5", "20"))
            .each(INTEGERS, |f, t| f.takes(&pair(&t), t, bit_xor)),
        Function::new("<<", "Bits moved to the left.", ("1 << 4", "16"))
            .each(INTEGERS, |f, t| f.takes(&[t.clone(), INTEGER], t, shift_left)),
        Function::new(">>", "Bits moved to the right.", ("8 >> 2", "2"))
            .each(INTEGERS, |f, t| f.takes(&[t.clone(), INTEGER], t, shift_right)),
    ]
}

/// Rounding.
fn of_parts() -> Vec<Function> {
    let digits = [NUMERIC, INTEGER];
    let both = |function: Function, exact: Kernel, float: Kernel| {
        function.takes(&[NUMERIC], numeric(0), exact).takes(&[DOUBLE], DOUBLE, float)
    };
    let ceil_entry =
        Function::new("ceil", "The next whole number not below.", ("ceil(-1.5)", "-1"))
            .also("ceiling");
    let round_doc = "To so many digits behind the point, before it if negative. A numeric half is \
                     rounded away from zero, a double one to the even neighbour.";
    let round_entry = Function::new("round", round_doc, ("round(1234.567, -2)", "1200"));
    let trunc_entry = Function::new(
        "trunc",
        "Cut, toward zero, to so many digits behind the point.",
        ("trunc(1234.567, 1)", "1234.5"),
    );
    vec![
        both(
            Function::new("floor", "The next whole number not above.", ("floor(-1.5)", "-2")),
            floor,
            floor_double,
        ),
        both(ceil_entry, ceil, ceil_double),
        both(round_entry, round, round_double).takes_of(&digits, with_digits, round_digits),
        both(trunc_entry, trunc, trunc_double).takes_of(&digits, with_digits, trunc_digits),
        Function::new(
            "width_bucket",
            "In which of so many equal parts of a range a number lies; 0 is below, one more above.",
            ("width_bucket(5.35, 0.024, 10.06, 5)", "3"),
        )
        .takes(&[DOUBLE, DOUBLE, DOUBLE, INTEGER], INTEGER, width_bucket),
    ]
}

/// Powers, roots, logarithms, and chance.
fn of_powers() -> Vec<Function> {
    let both = |function: Function, exact: Kernel, float: Kernel| {
        function.takes(&[NUMERIC], NUMERIC, exact).takes(&[DOUBLE], DOUBLE, float)
    };
    vec![
        Function::new("power", "The first to the power of the second.", ("power(2, 10)", "1024"))
            .also("pow")
            .takes(&[NUMERIC, NUMERIC], NUMERIC, decimal::power)
            .takes(&[DOUBLE, DOUBLE], DOUBLE, power_double),
        both(
            Function::new("sqrt", "The square root.", ("sqrt(2)", "1.4142135623730951")),
            sqrt,
            sqrt_double,
        ),
        Function::new("cbrt", "The cube root.", ("cbrt(-8)", "-2")).takes(&[DOUBLE], DOUBLE, cbrt),
        both(
            Function::new("exp", "e to the power of it.", ("exp(1)", "2.718281828459045")),
            exp,
            exp_double,
        ),
        both(
            Function::new("ln", "The natural logarithm.", ("ln(2)", "0.6931471805599453")),
            ln,
            ln_double,
        ),
        both(
            Function::new(
                "log",
                "The logarithm to base 10; of two numbers, the first is the base.",
                ("log(2, 8)", "3"),
            ),
            log10,
            log10_double,
        )
        .takes(&[NUMERIC, NUMERIC], NUMERIC, log_base),
        both(
            Function::new("log10", "The logarithm to base 10.", ("log10(1000)", "3")),
            log10,
            log10_double,
        ),
        Function::new(
            "random",
            "A number from 0 to below 1, another for each row; not in views.",
            ("random() < 1", "t"),
        )
        .written(&["random() → double precision"]),
    ]
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
        let drop = i32::from(from).saturating_sub(digits);
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

fn cbrt(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    double(args, |value| Ok(value.cbrt()))
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
