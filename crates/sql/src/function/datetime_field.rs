//! `extract` and `date_part`: a field of a date, a time, a timestamp or an interval.
//!
//! Of an infinite time, fields that only ever grow are infinite, and fields that come round again are
//! NULL. A numeric cannot be infinite here, so that `extract` fails where `date_part` is infinite.

use arrow::array::ArrayRef;
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float64Type, IntervalMonthDayNanoType, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use datafusion::common::ScalarValue;
use kappa_types::text::{Civil, civil_from_days, days_from_civil, offset_at_utc};
use kappa_types::{SqlError, SqlState, SqlType};

use super::datetime_range::{is_infinite_date, is_infinite_timestamp, midnight_of};
use super::interval::DAY_MICROS;
use super::interval_parts;
use super::kernel::Arguments;
use super::local_time::LocalTime;
use super::rows::rows_opt;

const SECOND_MICROS: i64 = 1_000_000;

type Micros = TimestampMicrosecondType;

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Field {
    /// Digits, and how many of them stand behind the point.
    Number(i128, i8),
    /// An infinite time has none.
    Null,
    /// Of an infinite time.
    Infinite {
        /// Whether it is the infinity of the past.
        is_past: bool,
    },
}

/// The scale of EXTRACT is that of the field.
pub(super) fn extract_type(types: &[SqlType], constants: &[Option<ScalarValue>]) -> SqlType {
    let field = match constants.first() {
        Some(Some(ScalarValue::Utf8View(Some(field)) | ScalarValue::Utf8(Some(field)))) => {
            unit(field)
        }
        _ => return SqlType::Numeric(Some((38, 6))),
    };
    let scale = match field.as_str() {
        "epoch" if types.get(1) == Some(&SqlType::Date) => 0,
        "second" | "epoch" => 6,
        "milliseconds" => 3,
        "julian" => return SqlType::Numeric(None),
        _ => 0,
    };
    SqlType::Numeric(Some((38, scale)))
}

/// EXTRACT: a numeric.
pub(super) fn extract(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let to = super::decimal::scale_of(args.returns);
    rows_opt::<Decimal128Type>(args, |row| match field_of(args, row)? {
        Field::Number(value, scale) => super::decimal::rescale(value, scale, to).map(Some),
        Field::Null => Ok(None),
        Field::Infinite { .. } => super::decimal::of_double(f64::INFINITY, to).map(Some),
    })
}

/// date_part: a double. That of a date is that of its midnight, as in PostgreSQL.
pub(super) fn date_part(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    rows_opt::<Float64Type>(args, |row| {
        let field = match &args.types[1] {
            SqlType::Date => {
                let midnight = midnight_of(args.primitive::<Date32Type>(1).value(row))?;
                timestamp_field(args, row, midnight, &SqlType::Timestamp)?
            }
            _ => field_of(args, row)?,
        };
        Ok(match field {
            Field::Number(value, scale) => Some(super::decimal::to_double(value, scale)),
            Field::Null => None,
            Field::Infinite { is_past: true } => Some(f64::NEG_INFINITY),
            Field::Infinite { is_past: false } => Some(f64::INFINITY),
        })
    })
}

/// A field of the second argument.
fn field_of(args: &Arguments<'_>, row: usize) -> Result<Field, SqlError> {
    let sql_type = &args.types[1];
    let name = args.text(0).value(row);
    match sql_type {
        SqlType::Interval => {
            let value = args.primitive::<IntervalMonthDayNanoType>(1).value(row);
            interval_field(name, &unit(name), interval_parts(value))
        }
        SqlType::Time => {
            let time = args.primitive::<Time64MicrosecondType>(1).value(row);
            let field = unit(name);
            match time_field(&field, time) {
                Some(value) => Ok(value),
                None if field == "epoch" => Ok(Field::Number(i128::from(time), 6)),
                None => Err(unknown_or_unsupported(name, &field, sql_type)),
            }
        }
        SqlType::Date => date_field(name, args.primitive::<Date32Type>(1).value(row)),
        _ => timestamp_field(args, row, args.primitive::<Micros>(1).value(row), sql_type),
    }
}

fn date_field(name: &str, day: i32) -> Result<Field, SqlError> {
    let field = unit(name);
    if time_field(&field, 0).is_some() {
        return Err(unsupported_unit(name, &SqlType::Date));
    }
    if is_infinite_date(day) {
        return infinite_field(name, &field, day < 0, &SqlType::Date);
    }
    let local = LocalTime { day: i64::from(day), time: 0 };
    if field == "epoch" {
        return Ok(Field::Number(i128::from(day) * i128::from(DAY_MICROS / SECOND_MICROS), 0));
    }
    calendar_field(name, &field, local, &SqlType::Date)
}

fn timestamp_field(
    args: &Arguments<'_>,
    row: usize,
    value: i64,
    sql_type: &SqlType,
) -> Result<Field, SqlError> {
    let name = args.text(0).value(row);
    let field = unit(name);
    if is_infinite_timestamp(value) {
        return infinite_field(name, &field, value < 0, sql_type);
    }
    let offset = match sql_type {
        SqlType::Timestamptz => offset_at_utc(args.context.time_zone, value),
        _ => 0,
    };
    let local = LocalTime::at_offset(value, offset);
    if let Some(found) = time_field(&field, local.time) {
        return Ok(found);
    }
    let seconds = i64::from(offset);
    Ok(match field.as_str() {
        "epoch" => Field::Number(i128::from(value), 6),
        "timezone" if *sql_type == SqlType::Timestamptz => whole(seconds),
        "timezone_hour" if *sql_type == SqlType::Timestamptz => whole(seconds / 3600),
        "timezone_minute" if *sql_type == SqlType::Timestamptz => whole(seconds / 60 % 60),
        _ => return calendar_field(name, &field, local, sql_type),
    })
}

const fn whole(value: i64) -> Field {
    Field::Number(value as i128, 0)
}

/// A field of a date or timestamp that is infinite.
fn infinite_field(
    name: &str,
    field: &str,
    is_past: bool,
    sql_type: &SqlType,
) -> Result<Field, SqlError> {
    match field {
        "epoch" | "julian" | "year" | "isoyear" | "decade" | "century" | "millennium" => {
            Ok(Field::Infinite { is_past })
        }
        "month" | "day" | "quarter" | "week" | "dow" | "isodow" | "doy" => Ok(Field::Null),
        "timezone" | "timezone_hour" | "timezone_minute" if *sql_type != SqlType::Date => {
            Ok(Field::Null)
        }
        _ if time_field(field, 0).is_some() => Ok(Field::Null),
        _ => Err(unknown_or_unsupported(name, field, sql_type)),
    }
}

fn time_field(field: &str, time: i64) -> Option<Field> {
    let seconds = i128::from(time.rem_euclid(60 * SECOND_MICROS));
    Some(match field {
        "hour" => Field::Number(i128::from(time / (3600 * SECOND_MICROS)), 0),
        "minute" => Field::Number(i128::from(time / (60 * SECOND_MICROS) % 60), 0),
        "second" => Field::Number(seconds, 6),
        "milliseconds" => Field::Number(seconds, 3),
        "microseconds" => Field::Number(seconds, 0),
        _ => return None,
    })
}

fn calendar_field(
    name: &str,
    field: &str,
    local: LocalTime,
    sql_type: &SqlType,
) -> Result<Field, SqlError> {
    let civil = civil_from_days(local.day);
    let year = civil.year;
    // There is no year 0: 1 BC comes before 1 AD.
    let shown = if year > 0 { year } else { year - 1 };
    let group = |size: i64| {
        if year > 0 { (year + size - 1) / size } else { -((size - (year - 1) - 1) / size) }
    };
    let first = days_from_civil(Civil { year, month: 1, day: 1 });
    let value = match field {
        "year" => shown,
        "month" => i64::from(civil.month),
        "day" => i64::from(civil.day),
        "quarter" => (i64::from(civil.month) - 1) / 3 + 1,
        "week" => iso_week(local.day).1,
        "isoyear" => {
            let year = iso_week(local.day).0;
            if year > 0 { year } else { year - 1 }
        }
        "decade" => year.div_euclid(10),
        "century" => group(100),
        "millennium" => group(1000),
        "dow" => (weekday(local.day) + 1) % 7,
        "isodow" => weekday(local.day) + 1,
        "doy" => local.day - first + 1,
        "julian" if local.time == 0 => local.day + 2_440_588,
        "julian" => {
            let days = i128::from(local.day + 2_440_588) * 10_i128.pow(16);
            let part = i128::from(local.time) * 10_i128.pow(16) / i128::from(DAY_MICROS);
            return Ok(Field::Number(days + part, 16));
        }
        _ => return Err(unknown_or_unsupported(name, field, sql_type)),
    };
    Ok(whole(value))
}

fn interval_field(
    name: &str,
    field: &str,
    (months, days, micros): (i32, i32, i64),
) -> Result<Field, SqlError> {
    let years = i64::from(months / 12);
    let value = match field {
        "year" => years,
        "month" => i64::from(months % 12),
        "quarter" => i64::from(months % 12) / 3 + 1,
        "day" => i64::from(days),
        "decade" => years / 10,
        "century" => years / 100,
        "millennium" => years / 1000,
        "hour" => micros / (3600 * SECOND_MICROS),
        "minute" => micros / (60 * SECOND_MICROS) % 60,
        "second" => return Ok(Field::Number(i128::from(micros % (60 * SECOND_MICROS)), 6)),
        "milliseconds" => return Ok(Field::Number(i128::from(micros % (60 * SECOND_MICROS)), 3)),
        "microseconds" => micros % (60 * SECOND_MICROS),
        "epoch" => {
            // A year is 365.25 days, a month 30.
            let day = i128::from(DAY_MICROS);
            let years = i128::from(months / 12) * (365 * day + day / 4);
            let rest = i128::from(months % 12) * 30 * day + i128::from(days) * day;
            return Ok(Field::Number(years + rest + i128::from(micros), 6));
        }
        _ => return Err(unknown_or_unsupported(name, field, &SqlType::Interval)),
    };
    Ok(whole(value))
}

/// The error of a field that a type has not.
pub(super) fn unknown_or_unsupported(name: &str, field: &str, sql_type: &SqlType) -> SqlError {
    let known = [
        "year",
        "month",
        "day",
        "week",
        "quarter",
        "decade",
        "century",
        "millennium",
        "dow",
        "doy",
        "isodow",
        "isoyear",
        "julian",
        "timezone",
        "timezone_hour",
        "timezone_minute",
    ];
    if known.contains(&field) {
        unsupported_unit(name, sql_type)
    } else {
        unknown_unit(name, sql_type)
    }
}

/// Monday is 0.
pub(super) const fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

/// ISO year and week.
pub(super) fn iso_week(day: i64) -> (i64, i64) {
    let thursday = day - weekday(day) + 3;
    let year = civil_from_days(thursday).year;
    let first = days_from_civil(Civil { year, month: 1, day: 1 });
    (year, (thursday - first) / 7 + 1)
}

/// The unit of a field name, in PostgreSQL's spellings.
pub(super) fn unit(name: &str) -> String {
    let lower = name.trim().to_ascii_lowercase();
    let unit = match lower.as_str() {
        "us" | "usec" | "usecs" | "useconds" | "microsecond" => "microseconds",
        "ms" | "msec" | "msecs" | "mseconds" | "millisecond" => "milliseconds",
        "s" | "sec" | "secs" | "seconds" => "second",
        "m" | "min" | "mins" | "minutes" => "minute",
        "h" | "hr" | "hrs" | "hours" => "hour",
        "d" | "days" => "day",
        "w" | "weeks" => "week",
        "mon" | "mons" | "months" => "month",
        "qtr" | "quarters" => "quarter",
        "y" | "yr" | "yrs" | "years" => "year",
        "dec" | "decs" | "decades" => "decade",
        "c" | "cent" | "centuries" => "century",
        "mil" | "mils" | "millennia" => "millennium",
        other => other,
    };
    unit.to_owned()
}

fn unknown_unit(name: &str, sql_type: &SqlType) -> SqlError {
    SqlError::new(
        SqlState::InvalidParameterValue,
        format!("unit \"{name}\" not recognized for type {}", sql_type.name()),
    )
}

fn unsupported_unit(name: &str, sql_type: &SqlType) -> SqlError {
    SqlError::new(
        SqlState::FeatureNotSupported,
        format!("unit \"{name}\" not supported for type {}", sql_type.name()),
    )
}
