//! Angles in radians, and the hyperbolic functions.

use arrow::array::ArrayRef;
use arrow::datatypes::Float64Type;
use kappa_types::{SqlError, SqlState, SqlType};

use super::Kernel;
use super::arithmetic::float_overflow;
use super::entry::Function;
use super::kernel::Arguments;
use super::rows::{map1, map2};

const DOUBLE: SqlType = SqlType::Double;

/// The functions of this family.
pub(super) fn functions() -> Vec<Function> {
    let new = Function::new;
    let of = |f: Function, kernel: Kernel| f.takes(&[DOUBLE], DOUBLE, kernel);
    vec![
        new("pi", "π.", ("pi()", "3.141592653589793")).written(&["pi() → double precision"]),
        of(new("degrees", "Radians as degrees.", ("degrees(pi())", "180")), to_degrees),
        of(new("radians", "Degrees as radians.", ("radians(180)", "3.141592653589793")), |args| {
            of_double(args, f64::to_radians)
        }),
        of(new("sin", "The sine.", ("sin(1)", "0.8414709848078965")), |args| {
            of_finite(args, f64::sin)
        }),
        of(new("cos", "The cosine.", ("cos(1)", "0.5403023058681398")), |args| {
            of_finite(args, f64::cos)
        }),
        of(new("tan", "The tangent.", ("tan(1)", "1.5574077246549023")), |args| {
            of_finite(args, f64::tan)
        }),
        of(new("cot", "The cotangent.", ("cot(1)", "0.6420926159343306")), |args| {
            of_finite(args, |value| 1.0 / value.tan())
        }),
        of(new("asin", "The angle with this sine.", ("asin(1)", "1.5707963267948966")), |args| {
            of_range(args, -1.0, 1.0, f64::asin)
        }),
        of(new("acos", "The angle with this cosine.", ("acos(1)", "0")), |args| {
            of_range(args, -1.0, 1.0, f64::acos)
        }),
        of(
            new("atan", "The angle with this tangent.", ("atan(1)", "0.7853981633974483")),
            |args| of_double(args, f64::atan),
        ),
        new(
            "atan2",
            "The angle of the point (second, first).",
            ("atan2(0, -1)", "3.141592653589793"),
        )
        .takes(&[DOUBLE, DOUBLE], DOUBLE, |args| {
            map2::<Float64Type, Float64Type, Float64Type>(args, |y, x| Ok(y.atan2(x)))
        }),
        of(new("sinh", "The hyperbolic sine.", ("sinh(1)", "1.1752011936438014")), |args| {
            of_double(args, f64::sinh)
        }),
        of(new("cosh", "The hyperbolic cosine.", ("cosh(1)", "1.5430806348152437")), |args| {
            of_double(args, f64::cosh)
        }),
        of(new("tanh", "The hyperbolic tangent.", ("tanh(1)", "0.7615941559557649")), |args| {
            of_double(args, f64::tanh)
        }),
        of(new("asinh", "The inverse of sinh.", ("asinh(1)", "0.881373587019543")), |args| {
            of_double(args, f64::asinh)
        }),
        of(new("acosh", "The inverse of cosh.", ("acosh(2)", "1.3169578969248166")), |args| {
            of_range(args, 1.0, f64::INFINITY, f64::acosh)
        }),
        of(new("atanh", "The inverse of tanh.", ("atanh(0.5)", "0.5493061443340548")), |args| {
            of_range(args, -1.0, 1.0, f64::atanh)
        }),
    ]
}

fn of_double(args: &Arguments<'_>, f: fn(f64) -> f64) -> Result<ArrayRef, SqlError> {
    map1::<Float64Type, Float64Type>(args, |value| Ok(f(value)))
}

/// `f` where it has a value: 22003 for an infinity.
fn of_finite(args: &Arguments<'_>, f: fn(f64) -> f64) -> Result<ArrayRef, SqlError> {
    map1::<Float64Type, Float64Type>(args, |value| {
        if value.is_infinite() { Err(out_of_range()) } else { Ok(f(value)) }
    })
}

/// `f` from `low` to `high`, and of NaN; 22003 outside.
fn of_range(
    args: &Arguments<'_>,
    low: f64,
    high: f64,
    f: fn(f64) -> f64,
) -> Result<ArrayRef, SqlError> {
    map1::<Float64Type, Float64Type>(args, |value| {
        if value < low || value > high { Err(out_of_range()) } else { Ok(f(value)) }
    })
}

/// Degrees of what is finite must be finite.
fn to_degrees(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map1::<Float64Type, Float64Type>(args, |value| {
        let degrees = value.to_degrees();
        if degrees.is_infinite() && value.is_finite() { Err(float_overflow()) } else { Ok(degrees) }
    })
}

fn out_of_range() -> SqlError {
    SqlError::new(SqlState::NumericValueOutOfRange, "input is out of range")
}
