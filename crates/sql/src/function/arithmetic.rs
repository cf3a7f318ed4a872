//! `+ - * / % ^` over numbers, dates and intervals: which operator is meant, and its kernel.
//!
//! Integers are checked (22003), divide truncating; division by zero is 22012, for floats too; a
//! float that overflows is 22003.

use arrow::array::ArrayRef;
use arrow::compute::kernels::numeric;
use arrow::datatypes::{
    Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
};
use arrow::error::ArrowError;
use datafusion::logical_expr::Expr;
use kappa_types::{SqlError, SqlState, SqlType};

use super::kernel::Arguments;
use super::rows::{map1, map2};
use super::{FunctionContext, Kernel, KernelFunction, date, decimal, interval};
use crate::typing::{
    Type, ambiguous_operator, can_coerce_implicitly, common_type, undefined_operator,
};

/// An operator with its types decided.
pub(crate) struct Arithmetic {
    name: &'static str,
    /// Type of the left operand.
    pub(crate) left: SqlType,
    /// Type of the right operand.
    pub(crate) right: SqlType,
    returns: SqlType,
    kernel: Kernel,
}

impl Arithmetic {
    /// The operator over operands that already have its types.
    pub(crate) fn call(self, left: Expr, right: Expr, context: FunctionContext) -> Expr {
        KernelFunction::call(
            self.name,
            self.kernel,
            vec![self.left, self.right],
            self.returns,
            vec![left, right],
            context,
        )
    }
}

/// The operator that `op` between two types means.
///
/// # Errors
/// 42883 if there is none, 42725 if both are unknown.
pub(crate) fn arithmetic(op: &str, types: &[Type; 2]) -> Result<Arithmetic, SqlError> {
    let undefined = || undefined_operator(op, &types[0], &types[1]);
    let (left, right) = match types {
        [Type::Unknown, Type::Unknown] => {
            return Err(ambiguous_operator(op, &types[0], &types[1]));
        }
        // A literal without a type takes that of the other side, if there is such an operator.
        [Type::Unknown, Type::Known(right)] => (assumed(op, right, false), right.clone()),
        [Type::Known(left), Type::Unknown] => (left.clone(), assumed(op, left, true)),
        [Type::Known(left), Type::Known(right)] => (left.clone(), right.clone()),
    };
    if let Some(chosen) = temporal(op, &left, &right) {
        return Ok(chosen);
    }
    if !left.is_numeric() || !right.is_numeric() {
        return Err(undefined());
    }
    numbers(op, left, right).ok_or_else(undefined)
}

/// The type of a literal beside `other`.
fn assumed(op: &str, other: &SqlType, literal_is_right: bool) -> SqlType {
    match (op, other) {
        ("+" | "-", SqlType::Timestamp | SqlType::Timestamptz | SqlType::Time)
            if literal_is_right || op == "+" =>
        {
            // `ts + '1 hour'` is an interval, `ts - '2020-01-01'` a timestamp.
            if op == "-" { other.clone() } else { SqlType::Interval }
        }
        ("*" | "/", SqlType::Interval) => SqlType::Double,
        ("*", _) if *other == SqlType::Interval => SqlType::Double,
        _ => other.clone(),
    }
}

fn numbers(op: &str, left: SqlType, right: SqlType) -> Option<Arithmetic> {
    let mut common = common_type(&[Type::Known(left.clone()), Type::Known(right.clone())])?;
    if common == SqlType::Real && left != right {
        // There is no operator between real and another number: both become double precision.
        common = SqlType::Double;
    }
    if op == "^" {
        let exact = matches!(common, SqlType::Numeric(_));
        let (sql_type, kernel): (SqlType, Kernel) = if exact {
            (SqlType::Numeric(None), decimal::power)
        } else {
            (SqlType::Double, super::math::power_double)
        };
        return Some(Arithmetic {
            name: "^",
            left: sql_type.clone(),
            right: sql_type.clone(),
            returns: sql_type,
            kernel,
        });
    }
    if let SqlType::Numeric(_) = common {
        let (left, right) = (as_numeric(left), as_numeric(right));
        let (name, returns, kernel) = decimal::operator(op, &left, &right)?;
        return Some(Arithmetic { name, left, right, returns, kernel });
    }
    let kernels: [(&'static str, Kernel); 5] = match common {
        SqlType::SmallInt | SqlType::Integer | SqlType::BigInt => {
            [("+", add_int), ("-", sub_int), ("*", mul_int), ("/", div_int), ("%", rem_int)]
        }
        SqlType::Real | SqlType::Double => [
            ("+", add_float),
            ("-", sub_float),
            ("*", mul_float),
            ("/", div_float),
            ("%", no_float),
        ],
        _ => return None,
    };
    let (name, kernel) = kernels.into_iter().find(|(name, _)| *name == op)?;
    if name == "%" && matches!(common, SqlType::Real | SqlType::Double) {
        return None;
    }
    Some(Arithmetic { name, left: common.clone(), right: common.clone(), returns: common, kernel })
}

/// An integer as the numeric that holds all its values.
fn as_numeric(sql_type: SqlType) -> SqlType {
    match sql_type {
        SqlType::SmallInt => SqlType::Numeric(Some((5, 0))),
        SqlType::Integer => SqlType::Numeric(Some((10, 0))),
        SqlType::BigInt => SqlType::Numeric(Some((19, 0))),
        other => other,
    }
}

/// Operators of dates, times and intervals.
fn temporal(op: &str, left: &SqlType, right: &SqlType) -> Option<Arithmetic> {
    use SqlType as T;
    let make = |name, left: &T, right: &T, returns: T, kernel: Kernel| {
        Some(Arithmetic { name, left: left.clone(), right: right.clone(), returns, kernel })
    };
    let small = |t: &T| matches!(t, T::SmallInt | T::Integer);
    match (left, op, right) {
        (T::Date, "+", n) if small(n) => make("+", left, &T::Integer, T::Date, date::plus_days),
        (n, "+", T::Date) if small(n) => make("+", &T::Integer, right, T::Date, date::days_plus),
        (T::Date, "-", n) if small(n) => make("-", left, &T::Integer, T::Date, date::minus_days),
        (T::Date, "-", T::Date) => make("-", left, right, T::Integer, date::between),
        (T::Date, "+", T::Time) => make("+", left, right, T::Timestamp, date::plus_time),
        (T::Time, "+", T::Date) => make("+", left, right, T::Timestamp, date::time_plus),
        (T::Date, "+" | "-", T::Interval) => temporal(op, &T::Timestamp, right),
        (T::Interval, "+", T::Date) => temporal(op, left, &T::Timestamp),
        (T::Timestamp | T::Timestamptz, "+", T::Interval) => {
            make("+", left, right, left.clone(), interval::timestamp_plus)
        }
        (T::Interval, "+", T::Timestamp | T::Timestamptz) => {
            make("+", left, right, right.clone(), interval::plus_timestamp)
        }
        (T::Timestamp | T::Timestamptz, "-", T::Interval) => {
            make("-", left, right, left.clone(), interval::timestamp_minus)
        }
        (T::Timestamp | T::Timestamptz | T::Date, "-", T::Timestamp | T::Timestamptz | T::Date) => {
            let common = if can_coerce_implicitly(left, right) { right } else { left };
            make("-", common, common, T::Interval, interval::between)
        }
        (T::Time, "+", T::Interval) => make("+", left, right, T::Time, interval::time_plus),
        (T::Interval, "+", T::Time) => make("+", left, right, T::Time, interval::plus_time),
        (T::Time, "-", T::Interval) => make("-", left, right, T::Time, interval::time_minus),
        (T::Time, "-", T::Time) => make("-", left, right, T::Interval, date::time_between),
        (T::Interval, "+", T::Interval) => make("+", left, right, T::Interval, interval::add),
        (T::Interval, "-", T::Interval) => make("-", left, right, T::Interval, interval::sub),
        (T::Interval, "*", n) if n.is_numeric() => {
            make("*", left, &T::Double, T::Interval, interval::times)
        }
        (n, "*", T::Interval) if n.is_numeric() => {
            make("*", &T::Double, right, T::Interval, interval::times_reversed)
        }
        (T::Interval, "/", n) if n.is_numeric() => {
            make("/", left, &T::Double, T::Interval, interval::divided)
        }
        _ => None,
    }
}

fn integer_error(error: ArrowError, sql_type: &SqlType) -> SqlError {
    match error {
        ArrowError::DivideByZero => division_by_zero(),
        _ => out_of_range(sql_type),
    }
}

/// 22012.
pub(super) fn division_by_zero() -> SqlError {
    SqlError::new(SqlState::DivisionByZero, "division by zero")
}

/// 22003 in the words for a type.
pub(super) fn out_of_range(sql_type: &SqlType) -> SqlError {
    let message = match sql_type {
        SqlType::SmallInt => "smallint out of range",
        SqlType::Integer => "integer out of range",
        SqlType::BigInt => "bigint out of range",
        SqlType::Interval => "interval out of range",
        SqlType::Date => "date out of range",
        SqlType::Timestamp | SqlType::Timestamptz => "timestamp out of range",
        SqlType::Numeric(_) => "value overflows numeric format",
        _ => "value out of range",
    };
    let state = match sql_type {
        SqlType::Date | SqlType::Timestamp | SqlType::Timestamptz | SqlType::Interval => {
            SqlState::DatetimeFieldOverflow
        }
        _ => SqlState::NumericValueOutOfRange,
    };
    SqlError::new(state, message)
}

type ArrowKernel =
    fn(&dyn arrow::array::Datum, &dyn arrow::array::Datum) -> Result<ArrayRef, ArrowError>;

fn checked(args: &Arguments<'_>, kernel: ArrowKernel) -> Result<ArrayRef, SqlError> {
    kernel(&args.arrays[0], &args.arrays[1]).map_err(|error| integer_error(error, args.returns))
}

fn add_int(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    checked(args, numeric::add)
}

fn sub_int(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    checked(args, numeric::sub)
}

fn mul_int(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    checked(args, numeric::mul)
}

fn div_int(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    checked(args, numeric::div)
}

/// The least integer modulo -1 is 0, not an overflow.
fn rem_int(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    macro_rules! rem {
        ($t:ty) => {
            map2::<$t, $t, $t>(args, |a, b| match b {
                0 => Err(division_by_zero()),
                b => Ok(a.wrapping_rem(b)),
            })
        };
    }
    match args.returns {
        SqlType::SmallInt => rem!(Int16Type),
        SqlType::Integer => rem!(Int32Type),
        _ => rem!(Int64Type),
    }
}

/// A float result that is infinite although no operand is has overflowed.
macro_rules! float_kernel {
    ($name:ident, $op:tt, $zero:expr, $underflow:expr) => {
        fn $name(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
            macro_rules! of {
                ($t:ty) => {
                    map2::<$t, $t, $t>(args, |a, b| {
                        if $zero && b == 0.0 && !a.is_nan() {
                            return Err(division_by_zero());
                        }
                        let value = a $op b;
                        if value.is_infinite() && a.is_finite() && b.is_finite() {
                            return Err(float_overflow());
                        }
                        if $underflow && value == 0.0 && a != 0.0 && (b != 0.0 && b.is_finite()) {
                            return Err(float_underflow());
                        }
                        Ok(value)
                    })
                };
            }
            match args.returns {
                SqlType::Real => of!(Float32Type),
                _ => of!(Float64Type),
            }
        }
    };
}

float_kernel!(add_float, +, false, false);
float_kernel!(sub_float, -, false, false);
float_kernel!(mul_float, *, false, true);
float_kernel!(div_float, /, true, true);

fn no_float(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    Err(out_of_range(args.returns))
}

/// 22003 for a float too large.
pub(super) fn float_overflow() -> SqlError {
    SqlError::new(SqlState::NumericValueOutOfRange, "value out of range: overflow")
}

/// 22003 for a float too small.
pub(super) fn float_underflow() -> SqlError {
    SqlError::new(SqlState::NumericValueOutOfRange, "value out of range: underflow")
}

/// Prefix minus over integers, floats and intervals.
pub(super) fn negate(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    macro_rules! integer {
        ($t:ty) => {
            map1::<$t, $t>(args, |a| a.checked_neg().ok_or_else(|| out_of_range(args.returns)))
        };
    }
    match args.returns {
        SqlType::SmallInt => integer!(Int16Type),
        SqlType::Integer => integer!(Int32Type),
        SqlType::BigInt => integer!(Int64Type),
        SqlType::Real => map1::<Float32Type, Float32Type>(args, |a| Ok(-a)),
        SqlType::Double => map1::<Float64Type, Float64Type>(args, |a| Ok(-a)),
        SqlType::Interval => {
            map1::<IntervalMonthDayNanoType, IntervalMonthDayNanoType>(args, interval::negated)
        }
        _ => decimal::negate(args),
    }
}
