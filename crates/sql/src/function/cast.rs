//! Casts: which exist, and their values and errors.
//!
//! Source: PostgreSQL 15, pg_cast, and the I/O conversions between text and every type.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanBuilder, ListArray, StringViewBuilder};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType, UInt32Type,
};
use chrono_tz::Tz;
use datafusion::logical_expr::Expr;
use kappa_types::text::{ColumnFormatter, ColumnParser, Zone, canonical};
use kappa_types::{SqlError, SqlState, SqlType};

use super::arithmetic::{float_overflow, out_of_range};
use super::datetime_range::{date_of, is_infinite_timestamp, midnight_of};
use super::decimal::{of_double, of_real, rescale, scale_of, to_double};
use super::kernel::Arguments;
use super::local_time::LocalTime;
use super::rows::{map1, rows, rows_opt};
use super::{FunctionContext, Kernel, KernelFunction, interval};
use crate::typing::{Conversion, Family, Type, can_coerce_implicitly, family};

const DAY_MICROS: i64 = 86_400_000_000;

/// Name of the cast function; EXPLAIN shows `x::type`.
pub(crate) const CAST: &str = "cast";

/// A cast of an expression of type `from`. Unknown is text that is read as the type.
pub(crate) fn cast_function(
    expr: Expr,
    from: &Type,
    to: &SqlType,
    conversion: Conversion,
    context: &FunctionContext,
) -> Expr {
    let from = from.known().cloned().unwrap_or(SqlType::Text);
    let kernel: Kernel =
        if conversion == Conversion::Explicit { cast_explicit } else { cast_stored };
    KernelFunction::call(CAST, kernel, vec![from], to.clone(), vec![expr], *context)
}

/// Whether `expr::to` means something.
pub(crate) fn is_cast_known(from: &SqlType, to: &SqlType) -> bool {
    use SqlType as T;
    let text = |t: &T| family(t) == Family::Text || *t == T::Char;
    if text(from) || text(to) || can_coerce_implicitly(from, to) {
        return true;
    }
    match (from, to) {
        (T::Array(from), T::Array(to)) => is_cast_known(from, to),
        (T::Boolean, T::Integer) | (T::Integer, T::Boolean) => true,
        (T::Timestamp | T::Timestamptz, T::Date | T::Time)
        | (T::Timestamptz, T::Timestamp)
        | (T::Interval, T::Time)
        | (T::Json, T::Jsonb)
        | (T::Jsonb, T::Json) => true,
        (T::Jsonb, to) => to.is_numeric() || *to == T::Boolean,
        (T::Oid | T::Regclass, T::Integer | T::BigInt) => true,
        (T::Integer | T::SmallInt, T::Regclass) => true,
        (from, to) => from.is_numeric() && to.is_numeric(),
    }
}

fn cast_explicit(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    cast_array(&args.arrays[0], &args.types[0], args.returns, args.context, true)
}

fn cast_stored(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    cast_array(&args.arrays[0], &args.types[0], args.returns, args.context, false)
}

/// The values of `array` as another type. `explicit` cuts a text that is too long for a varchar.
pub(super) fn cast_array(
    array: &ArrayRef,
    from: &SqlType,
    to: &SqlType,
    context: &FunctionContext,
    explicit: bool,
) -> Result<ArrayRef, SqlError> {
    use SqlType as T;
    if let (T::Array(from), T::Array(to)) = (from, to) {
        return cast_list(array, from, to, context, explicit);
    }
    let text = |t: &T| family(t) == Family::Text;
    let (types, arrays) = (vec![from.clone()], vec![Arc::clone(array)]);
    let args = Arguments { arrays, row_count: array.len(), types: &types, returns: to, context };
    match (from, to) {
        (f, t) if text(f) && (text(t) || *t == T::Char) => fit_text(&args, explicit),
        (f, t) if text(f) => parse(&args, t),
        (T::Boolean, t) if text(t) => {
            let words =
                array.as_boolean().iter().map(|v| v.map(|v| if v { "true" } else { "false" }));
            let mut builder = StringViewBuilder::new();
            words.for_each(|word| builder.append_option(word));
            fit_text(&Arguments { arrays: vec![Arc::new(builder.finish())], ..args }, explicit)
        }
        (_, t) if text(t) => {
            let written = write(&args)?;
            fit_text(&Arguments { arrays: vec![written], ..args }, explicit)
        }
        (T::Timestamptz | T::Timestamp | T::Date | T::Time | T::Interval, _) => times(&args),
        (T::Boolean, T::Integer) => {
            rows::<Int32Type>(&args, |row| Ok(i32::from(args.boolean(0).value(row))))
        }
        (T::Integer, T::Boolean) => {
            let input = args.primitive::<Int32Type>(0);
            let mut builder = BooleanBuilder::new();
            input.iter().for_each(|v| builder.append_option(v.map(|v| v != 0)));
            Ok(Arc::new(builder.finish()))
        }
        (T::Json, T::Jsonb) | (T::Jsonb, T::Json) | (T::Char, _) => {
            parse(&Arguments { arrays: vec![write(&args)?], ..args }, to)
        }
        (T::Jsonb, _) => jsonb_scalar(&args),
        (f, t) if family(f) == Family::Number && family(t) == Family::Number => numbers(&args),
        _ => Err(SqlError::new(
            SqlState::CannotCoerce,
            format!("cannot cast type {} to {}", from.name(), to.name()),
        )),
    }
}

fn cast_list(
    array: &ArrayRef,
    from: &SqlType,
    to: &SqlType,
    context: &FunctionContext,
    explicit: bool,
) -> Result<ArrayRef, SqlError> {
    let list = array.as_list::<i32>();
    let values = cast_array(list.values(), from, to, context, explicit)?;
    let field = Arc::new(arrow::datatypes::Field::new_list_field(to.arrow(), true));
    let result = ListArray::try_new(field, list.offsets().clone(), values, list.nulls().cloned());
    result
        .map(|list| Arc::new(list) as ArrayRef)
        .map_err(|error| crate::error::from_datafusion(&error.into()))
}

/// Text into a type by its input function.
fn parse(args: &Arguments<'_>, to: &SqlType) -> Result<ArrayRef, SqlError> {
    let mut parser = ColumnParser::new(to, &args.context.text_options());
    for text in args.text(0) {
        parser.append(text)?;
    }
    Ok(parser.finish())
}

/// Values as text by the output function of their type.
fn write(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let array = canonical(args.arrays[0].as_ref(), &args.types[0])?;
    let formatter =
        ColumnFormatter::new(array.as_ref(), &args.types[0], &args.context.text_options())?;
    let mut builder = StringViewBuilder::with_capacity(args.row_count);
    let mut buffer = Vec::new();
    for row in 0..args.row_count {
        if formatter.is_null(row) {
            builder.append_null();
            continue;
        }
        buffer.clear();
        formatter.write(row, &mut buffer);
        builder.append_value(String::from_utf8_lossy(&buffer));
    }
    Ok(Arc::new(builder.finish()))
}

/// Text that fits the length of a varchar, or a name.
fn fit_text(args: &Arguments<'_>, explicit: bool) -> Result<ArrayRef, SqlError> {
    let limit = match args.returns {
        SqlType::Varchar(Some(length)) => usize::try_from(*length).unwrap_or(usize::MAX),
        SqlType::Name => 63,
        SqlType::Char => 1,
        _ => return Ok(Arc::clone(&args.arrays[0])),
    };
    let input = args.text(0);
    let mut builder = StringViewBuilder::with_capacity(input.len());
    for text in input {
        let Some(text) = text else {
            builder.append_null();
            continue;
        };
        let Some((cut, _)) = text.char_indices().nth(limit) else {
            builder.append_value(text);
            continue;
        };
        let blank_rest = text[cut..].chars().all(|c| c == ' ');
        if !explicit && !blank_rest && matches!(args.returns, SqlType::Varchar(_)) {
            return Err(SqlError::new(
                SqlState::StringDataRightTruncation,
                format!("value too long for type character varying({limit})"),
            ));
        }
        builder.append_value(&text[..cut]);
    }
    Ok(Arc::new(builder.finish()))
}

/// Text cut to the length of a varchar, as an explicit cast of a literal does.
pub(crate) fn cut_to_length(text: &str, to: &SqlType) -> String {
    match to {
        SqlType::Varchar(Some(length)) => {
            text.chars().take(usize::try_from(*length).unwrap_or(usize::MAX)).collect()
        }
        _ => text.to_owned(),
    }
}

/// A number as PostgreSQL converts it: exact ones as digits and scale.
enum Number {
    Exact(i128, i8),
    Real(f32),
    Double(f64),
}

fn number_at(args: &Arguments<'_>, row: usize) -> Number {
    let array = &args.arrays[0];
    let exact = |value: i64| Number::Exact(i128::from(value), 0);
    match &args.types[0] {
        SqlType::SmallInt => exact(i64::from(array.as_primitive::<Int16Type>().value(row))),
        SqlType::Integer => exact(i64::from(array.as_primitive::<Int32Type>().value(row))),
        SqlType::BigInt => exact(array.as_primitive::<Int64Type>().value(row)),
        SqlType::Oid | SqlType::Regclass => {
            exact(i64::from(array.as_primitive::<UInt32Type>().value(row)))
        }
        SqlType::Real => Number::Real(array.as_primitive::<Float32Type>().value(row)),
        SqlType::Double => Number::Double(array.as_primitive::<Float64Type>().value(row)),
        numeric => {
            Number::Exact(array.as_primitive::<Decimal128Type>().value(row), scale_of(numeric))
        }
    }
}

/// Casts between numbers.
fn numbers(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    macro_rules! integer {
        ($t:ty, $native:ty) => {
            rows::<$t>(args, |row| {
                let whole = whole(&number_at(args, row), args.returns)?;
                <$native>::try_from(whole).map_err(|_| out_of_range(args.returns))
            })
        };
    }
    match args.returns {
        SqlType::SmallInt => integer!(Int16Type, i16),
        SqlType::Integer => integer!(Int32Type, i32),
        SqlType::BigInt => integer!(Int64Type, i64),
        SqlType::Oid | SqlType::Regclass => rows::<UInt32Type>(args, |row| {
            let whole = whole(&number_at(args, row), args.returns)?;
            let oid = u32::try_from(whole).or_else(|_| i32::try_from(whole).map(|n| n as u32));
            oid.map_err(|_| SqlError::new(SqlState::NumericValueOutOfRange, "OID out of range"))
        }),
        SqlType::Real => rows::<Float32Type>(args, |row| real(&number_at(args, row))),
        SqlType::Double => rows::<Float64Type>(args, |row| {
            Ok(match number_at(args, row) {
                Number::Exact(digits, scale) => to_double(digits, scale),
                Number::Real(value) => f64::from(value),
                Number::Double(value) => value,
            })
        }),
        _ => rows::<Decimal128Type>(args, |row| decimal(&number_at(args, row), args.returns)),
    }
}

/// Rounded to an integer: floats half to even, numerics half away from zero.
fn whole(number: &Number, to: &SqlType) -> Result<i128, SqlError> {
    let of_double = |value: f64| {
        let rounded = value.round_ties_even();
        if rounded.is_nan() || rounded.abs() >= 1e19 {
            return Err(out_of_range(to));
        }
        Ok(rounded as i128)
    };
    match number {
        Number::Exact(digits, scale) => rescale(*digits, *scale, 0),
        Number::Real(value) => of_double(f64::from(*value)),
        Number::Double(value) => of_double(*value),
    }
}

fn real(number: &Number) -> Result<f32, SqlError> {
    let wide = match number {
        Number::Exact(digits, scale) => to_double(*digits, *scale),
        Number::Real(value) => return Ok(*value),
        Number::Double(value) => *value,
    };
    let narrow = wide as f32;
    if narrow.is_infinite() && wide.is_finite() {
        return Err(float_overflow());
    }
    if narrow == 0.0 && wide != 0.0 {
        return Err(super::arithmetic::float_underflow());
    }
    Ok(narrow)
}

fn decimal(number: &Number, to: &SqlType) -> Result<i128, SqlError> {
    let scale = scale_of(to);
    let digits = match number {
        Number::Exact(digits, from) => rescale(*digits, *from, scale),
        Number::Real(value) => of_real(*value, scale),
        Number::Double(value) => of_double(*value, scale),
    };
    let SqlType::Numeric(Some((precision, scale))) = to else { return digits };
    let overflow = || numeric_overflow(*precision, *scale);
    let digits = digits.map_err(|error| match error.state {
        SqlState::NumericValueOutOfRange => overflow(),
        _ => error,
    })?;
    if digits.unsigned_abs() >= 10_u128.pow(u32::from(*precision)) {
        return Err(overflow());
    }
    Ok(digits)
}

/// 22003 for a value that a numeric(p,s) does not hold.
fn numeric_overflow(precision: u8, scale: i8) -> SqlError {
    let whole = i16::from(precision) - i16::from(scale);
    let bound = if whole == 0 { "1".to_owned() } else { format!("10^{whole}") };
    SqlError::new(SqlState::NumericValueOutOfRange, "numeric field overflow").with_detail(format!(
        "A field with precision {precision}, scale {scale} must round to an absolute value less than {bound}."
    ))
}

/// Casts among dates and times.
fn times(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    use SqlType as T;
    let zone = args.context.time_zone;
    let to_local = |t: i64| LocalTime::at(t, zone).instant(Zone::Fixed(0));
    let to_utc = |t: i64| LocalTime::at_offset(t, 0).instant(Zone::Named(zone));
    let finite = |t: i64| (!is_infinite_timestamp(t)).then_some(t);
    let date_of = |t: i64, day: i64| match t {
        i64::MAX => Ok(i32::MAX),
        i64::MIN => Ok(i32::MIN),
        _ => date_of(day),
    };
    type Micros = TimestampMicrosecondType;
    match (&args.types[0], args.returns) {
        (T::Timestamp, T::Timestamptz) => {
            map1::<Micros, Micros>(args, |t| finite(t).map_or(Ok(t), to_utc))
        }
        (T::Timestamptz, T::Timestamp) => {
            map1::<Micros, Micros>(args, |t| finite(t).map_or(Ok(t), to_local))
        }
        (T::Date, T::Timestamp) => map1::<Date32Type, Micros>(args, midnight_of),
        (T::Date, T::Timestamptz) => map1::<Date32Type, Micros>(args, |day| {
            let midnight = midnight_of(day)?;
            finite(midnight).map_or(Ok(midnight), to_utc)
        }),
        (T::Timestamp, T::Date) => {
            map1::<Micros, Date32Type>(args, |t| date_of(t, LocalTime::at(t, Tz::UTC).day))
        }
        (T::Timestamptz, T::Date) => {
            map1::<Micros, Date32Type>(args, |t| date_of(t, LocalTime::at(t, zone).day))
        }
        (T::Timestamp | T::Timestamptz, T::Time) => {
            let zone = if args.types[0] == T::Timestamptz { zone } else { Tz::UTC };
            let times = args.primitive::<Micros>(0);
            rows_opt::<Time64MicrosecondType>(args, |row| {
                Ok(finite(times.value(row)).map(|t| LocalTime::at(t, zone).time))
            })
        }
        (T::Time, T::Interval) => {
            map1::<Time64MicrosecondType, IntervalMonthDayNanoType>(args, |t| {
                Ok(interval::of_micros(t))
            })
        }
        (T::Interval, T::Time) => {
            map1::<IntervalMonthDayNanoType, Time64MicrosecondType>(args, |t| {
                Ok(super::interval_parts(t).2.rem_euclid(DAY_MICROS))
            })
        }
        (from, to) if from == to => Ok(Arc::clone(&args.arrays[0])),
        (from, to) => Err(SqlError::new(
            SqlState::CannotCoerce,
            format!("cannot cast type {} to {}", from.name(), to.name()),
        )),
    }
}

/// A number or boolean out of jsonb.
fn jsonb_scalar(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let texts = write(args)?;
    for text in texts.as_string_view().iter().flatten() {
        let first = text.chars().next().unwrap_or(' ');
        let wrong = match first {
            '"' => Some("string"),
            '{' => Some("object"),
            '[' => Some("array"),
            'n' => Some("null"),
            't' | 'f' if *args.returns != SqlType::Boolean => Some("boolean"),
            '0'..='9' | '-' if *args.returns == SqlType::Boolean => Some("numeric"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(SqlError::new(
                SqlState::InvalidParameterValue,
                format!("cannot cast jsonb {wrong} to type {}", args.returns.name()),
            ));
        }
    }
    let from = if args.returns.is_numeric() { SqlType::Numeric(None) } else { SqlType::Boolean };
    let parsed = cast_array(&texts, &SqlType::Text, &from, args.context, true)?;
    if from == *args.returns {
        return Ok(parsed);
    }
    cast_array(&parsed, &from, args.returns, args.context, true)
}
