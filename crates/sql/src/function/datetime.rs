//! Dates and times: parts, truncation, bins, zones.

use arrow::array::ArrayRef;
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float64Type, Int32Type, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use chrono_tz::Tz;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use kappa_types::text::{
    Civil, Zone, civil_from_days, days_from_civil, days_in_month, offset_at_local, offset_at_utc,
};
use kappa_types::{SqlError, SqlState, SqlType};

use super::arithmetic::out_of_range;
use super::entry::Function;
use super::kernel::Arguments;
use super::rows::{map2, rows};
use super::{FunctionContext, Kernel, KernelFunction, interval_parts};

const DAY_MICROS: i64 = 86_400_000_000;
const SECOND_MICROS: i64 = 1_000_000;

const TEXT: SqlType = SqlType::Text;
const TIMESTAMP: SqlType = SqlType::Timestamp;
const TIMESTAMPTZ: SqlType = SqlType::Timestamptz;
const INTERVAL: SqlType = SqlType::Interval;

type Micros = TimestampMicrosecondType;

/// The functions of this family.
pub(super) fn functions() -> Vec<Function> {
    let mut all = of_fields();
    all.extend(of_bins());
    all.extend(of_parts());
    all
}

/// Fields and truncation.
fn of_fields() -> Vec<Function> {
    let times = [TIMESTAMP, TIMESTAMPTZ, SqlType::Date, SqlType::Time, INTERVAL];
    vec![
        Function::new(
            "extract",
            "A field of it: century, day, decade, dow, doy, epoch, hour, isodow, isoyear, julian, \
             microseconds, millennium, milliseconds, minute, month, quarter, second, timezone, \
             timezone_hour, timezone_minute, week or year.",
            ("extract(quarter FROM date '2030-05-17')", "2"),
        )
        .each(times.clone(), |f, t| f.takes_of(&[TEXT, t], extract_type, extract))
        .written(&[
            "extract(field FROM timestamp) → numeric",
            "extract(field FROM timestamptz) → numeric",
            "extract(field FROM date) → numeric",
            "extract(field FROM time) → numeric",
            "extract(field FROM interval) → numeric",
        ]),
        Function::new(
            "date_part",
            "As extract, as a double.",
            ("date_part('dow', date '2030-05-17')", "5"),
        )
        .each(times, |f, t| f.takes(&[TEXT, t], SqlType::Double, date_part)),
        Function::new(
            "date_trunc",
            "Cut to a unit, from microseconds to millennium; a timestamptz in the session's zone or the \
             given one.",
            ("date_trunc('hour', timestamp '2030-01-01 12:34:56')", "2030-01-01 12:00:00"),
        )
        .takes(&[TEXT, TIMESTAMP], TIMESTAMP, date_trunc)
        .rewrites(&[TEXT, TIMESTAMPTZ], TIMESTAMPTZ, trunc_in_session_zone)
        .takes(&[TEXT, TIMESTAMPTZ, TEXT], TIMESTAMPTZ, trunc_in_zone)
        .takes(&[TEXT, INTERVAL], INTERVAL, trunc_interval),
    ]
}

/// Bins, differences, zones.
fn of_bins() -> Vec<Function> {
    let both = [TIMESTAMP, TIMESTAMPTZ];
    vec![
        Function::new(
            "date_bin",
            "The beginning of the bin of a length it is in; bins are counted from the third argument.",
            (
                "date_bin('15 minutes', timestamp '2030-01-01 12:34', timestamp '2030-01-01 00:05')",
                "2030-01-01 12:20:00",
            ),
        )
        .each(both.clone(), |f, t| f.takes(&[INTERVAL, t.clone(), t.clone()], t, date_bin)),
        Function::new(
            "time_bucket",
            "As date_bin; without the third argument bins are counted from 1970-01-01. Not in PostgreSQL.",
            ("time_bucket('15 minutes', timestamp '2030-01-01 12:34')", "2030-01-01 12:30:00"),
        )
        .each(both.clone(), |f, t| {
            f.takes(&[INTERVAL, t.clone()], t.clone(), time_bucket)
                .takes(&[INTERVAL, t.clone(), t.clone()], t, date_bin)
        }),
        Function::new(
            "age",
            "The first less the second, in years, months, days and time.",
            ("age(timestamp '2030-03-01', timestamp '2029-01-15')", "1 year 1 mon 17 days"),
        )
        .each(both, |f, t| f.takes(&[t.clone(), t], INTERVAL, age)),
        Function::new(
            "timezone",
            "A timestamp as local time of a zone, or a moment as local time there: `AT TIME ZONE`.",
            (
                "timestamptz '2030-07-01 12:00:00+00' AT TIME ZONE 'Europe/Berlin'",
                "2030-07-01 14:00:00",
            ),
        )
        .takes(&[TEXT, TIMESTAMP], TIMESTAMPTZ, zone_to_utc)
        .takes(&[TEXT, TIMESTAMPTZ], TIMESTAMP, zone_to_local)
        .written(&[
            "timestamp AT TIME ZONE text → timestamptz",
            "timestamptz AT TIME ZONE text → timestamp",
            "timezone(text, timestamp) → timestamptz",
            "timezone(text, timestamptz) → timestamp",
        ]),
    ]
}

/// Times from their parts.
fn of_parts() -> Vec<Function> {
    const INTEGER: SqlType = SqlType::Integer;
    let civil = [INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, SqlType::Double];
    vec![
        Function::new(
            "make_date",
            "From year, month and day.",
            ("make_date(2030, 5, 17)", "2030-05-17"),
        )
        .takes(&[INTEGER, INTEGER, INTEGER], SqlType::Date, make_date),
        Function::new(
            "make_timestamp",
            "From year, month, day, hour, minute and second.",
            ("make_timestamp(2030, 5, 17, 12, 30, 1.5)", "2030-05-17 12:30:01.5"),
        )
        .takes(&civil, TIMESTAMP, make_timestamp),
    ]
}

/// A value taken apart on the local calendar.
struct Parts {
    civil: Civil,
    day: i64,
    time: i64,
    /// Microseconds since the epoch, for `epoch`.
    instant: i64,
    zone_seconds: i32,
}

fn parts_of(args: &Arguments<'_>, value: i64, zone: Option<Tz>) -> Parts {
    let offset = zone.map_or(0, |zone| offset_at_utc(zone, value));
    let local = value + i64::from(offset) * SECOND_MICROS;
    let day = local.div_euclid(DAY_MICROS);
    let _ = args;
    Parts {
        civil: civil_from_days(day),
        day,
        time: local.rem_euclid(DAY_MICROS),
        instant: value,
        zone_seconds: offset,
    }
}

/// Monday is 0.
const fn weekday(day: i64) -> i64 {
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
fn unit(name: &str) -> String {
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

/// The scale of EXTRACT is that of the field.
fn extract_type(_: &[SqlType], constants: &[Option<ScalarValue>]) -> SqlType {
    let field = match constants.first() {
        Some(Some(ScalarValue::Utf8View(Some(field)) | ScalarValue::Utf8(Some(field)))) => {
            unit(field)
        }
        _ => return SqlType::Numeric(Some((38, 6))),
    };
    let scale = match field.as_str() {
        "second" | "epoch" => 6,
        "milliseconds" => 3,
        "julian" => return SqlType::Numeric(None),
        _ => 0,
    };
    SqlType::Numeric(Some((38, scale)))
}

/// Value and scale of a field.
fn field_of(args: &Arguments<'_>, row: usize) -> Result<(i128, i8), SqlError> {
    let sql_type = &args.types[1];
    let name = args.text(0).value(row);
    let field = unit(name);
    match sql_type {
        SqlType::Interval => {
            let value = args.primitive::<IntervalMonthDayNanoType>(1).value(row);
            interval_field(name, &field, interval_parts(value))
        }
        SqlType::Time => {
            let time = args.primitive::<Time64MicrosecondType>(1).value(row);
            match time_field(&field, time) {
                Some(value) => Ok(value),
                None if field == "epoch" => Ok((i128::from(time), 6)),
                None => Err(unknown_or_unsupported(name, &field, sql_type)),
            }
        }
        SqlType::Date => {
            let day = i64::from(args.primitive::<Date32Type>(1).value(row));
            let parts = parts_of(args, day * DAY_MICROS, None);
            if time_field(&field, 0).is_some() {
                return Err(unsupported_unit(name, sql_type));
            }
            calendar_field(name, &field, &parts, sql_type)
        }
        _ => {
            let zone = (*sql_type == TIMESTAMPTZ).then_some(args.context.time_zone);
            let parts = parts_of(args, args.primitive::<Micros>(1).value(row), zone);
            match time_field(&field, parts.time) {
                Some(value) => Ok(value),
                None => calendar_field(name, &field, &parts, sql_type),
            }
        }
    }
}

fn unknown_or_unsupported(name: &str, field: &str, sql_type: &SqlType) -> SqlError {
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

fn time_field(field: &str, time: i64) -> Option<(i128, i8)> {
    let seconds = i128::from(time.rem_euclid(60 * SECOND_MICROS));
    Some(match field {
        "hour" => (i128::from(time / (3600 * SECOND_MICROS)), 0),
        "minute" => (i128::from(time / (60 * SECOND_MICROS) % 60), 0),
        "second" => (seconds, 6),
        "milliseconds" => (seconds, 3),
        "microseconds" => (seconds, 0),
        _ => return None,
    })
}

fn calendar_field(
    name: &str,
    field: &str,
    parts: &Parts,
    sql_type: &SqlType,
) -> Result<(i128, i8), SqlError> {
    let year = parts.civil.year;
    // There is no year 0: 1 BC comes before 1 AD.
    let shown = if year > 0 { year } else { year - 1 };
    let group = |size: i64| {
        if year > 0 { (year + size - 1) / size } else { -((size - (year - 1) - 1) / size) }
    };
    let first = days_from_civil(Civil { year, month: 1, day: 1 });
    let value = match field {
        "year" => shown,
        "month" => i64::from(parts.civil.month),
        "day" => i64::from(parts.civil.day),
        "quarter" => (i64::from(parts.civil.month) - 1) / 3 + 1,
        "week" => iso_week(parts.day).1,
        "isoyear" => {
            let year = iso_week(parts.day).0;
            if year > 0 { year } else { year - 1 }
        }
        "decade" => year.div_euclid(10),
        "century" => group(100),
        "millennium" => group(1000),
        "dow" => (weekday(parts.day) + 1) % 7,
        "isodow" => weekday(parts.day) + 1,
        "doy" => parts.day - first + 1,
        "epoch" => return Ok((i128::from(parts.instant), 6)),
        "julian" if parts.time == 0 => parts.day + 2_440_588,
        "julian" => {
            let whole = i128::from(parts.day + 2_440_588) * 10_i128.pow(16);
            let part = i128::from(parts.time) * 10_i128.pow(16) / i128::from(DAY_MICROS);
            return Ok((whole + part, 16));
        }
        "timezone" | "timezone_hour" | "timezone_minute" if *sql_type == TIMESTAMPTZ => {
            let seconds = i64::from(parts.zone_seconds);
            match field {
                "timezone" => seconds,
                "timezone_hour" => seconds / 3600,
                _ => seconds / 60 % 60,
            }
        }
        _ => return Err(unknown_or_unsupported(name, field, sql_type)),
    };
    Ok((i128::from(value), 0))
}

fn interval_field(
    name: &str,
    field: &str,
    (months, days, micros): (i32, i32, i64),
) -> Result<(i128, i8), SqlError> {
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
        "second" => return Ok((i128::from(micros % (60 * SECOND_MICROS)), 6)),
        "milliseconds" => return Ok((i128::from(micros % (60 * SECOND_MICROS)), 3)),
        "microseconds" => micros % (60 * SECOND_MICROS),
        "epoch" => {
            // A year is 365.25 days, a month 30.
            let day = i128::from(DAY_MICROS);
            let years = i128::from(months / 12) * (365 * day + day / 4);
            let rest = i128::from(months % 12) * 30 * day + i128::from(days) * day;
            return Ok((years + rest + i128::from(micros), 6));
        }
        _ => return Err(unknown_or_unsupported(name, field, &INTERVAL)),
    };
    Ok((i128::from(value), 0))
}

fn extract(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let to = super::decimal::scale_of(args.returns);
    rows::<Decimal128Type>(args, |row| {
        let (value, scale) = field_of(args, row)?;
        super::decimal::rescale(value, scale, to)
    })
}

fn date_part(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    rows::<Float64Type>(args, |row| {
        let (value, scale) = field_of(args, row)?;
        Ok(super::decimal::to_double(value, scale))
    })
}

/// A local time cut to its unit.
fn truncated(name: &str, local: i64, sql_type: &SqlType) -> Result<i64, SqlError> {
    let field = unit(name);
    let day = local.div_euclid(DAY_MICROS);
    let step = match field.as_str() {
        "microseconds" => Some(1),
        "milliseconds" => Some(1000),
        "second" => Some(SECOND_MICROS),
        "minute" => Some(60 * SECOND_MICROS),
        "hour" => Some(3600 * SECOND_MICROS),
        "day" => Some(DAY_MICROS),
        _ => None,
    };
    if let Some(step) = step {
        return Ok(local - local.rem_euclid(step));
    }
    let civil = civil_from_days(day);
    let first = |year: i64, month: u32| days_from_civil(Civil { year, month, day: 1 }) * DAY_MICROS;
    // The first year of the group of `size` years that holds the year, counted from year 1.
    let group = |size: i64| (civil.year - 1).div_euclid(size) * size + 1;
    Ok(match field.as_str() {
        "week" => (day - weekday(day)) * DAY_MICROS,
        "month" => first(civil.year, civil.month),
        "quarter" => first(civil.year, (civil.month - 1) / 3 * 3 + 1),
        "year" => first(civil.year, 1),
        "decade" => first(civil.year.div_euclid(10) * 10, 1),
        "century" => first(group(100), 1),
        "millennium" => first(group(1000), 1),
        _ => {
            let error = unknown_or_unsupported(name, &field, sql_type);
            return Err(error);
        }
    })
}

fn truncated_in(name: &str, value: i64, zone: Zone, sql_type: &SqlType) -> Result<i64, SqlError> {
    if value == i64::MAX || value == i64::MIN {
        return Ok(value);
    }
    let Zone::Named(zone) = zone else {
        let offset = i64::from(zone.offset_at_local(value)) * SECOND_MICROS;
        return Ok(truncated(name, value + offset, sql_type)? - offset);
    };
    let local = value + i64::from(offset_at_utc(zone, value)) * SECOND_MICROS;
    let cut = truncated(name, local, sql_type)?;
    Ok(cut - i64::from(offset_at_local(zone, cut)) * SECOND_MICROS)
}

fn date_trunc(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (names, values) = (args.text(0), args.primitive::<Micros>(1));
    rows::<Micros>(args, |row| {
        let (name, value) = (names.value(row), values.value(row));
        if value == i64::MAX || value == i64::MIN {
            return Ok(value);
        }
        truncated(name, value, args.returns)
    })
}

/// In UTC a plain truncation, which is a window; in another zone one that names the zone.
fn trunc_in_session_zone(mut args: Vec<Expr>, context: &FunctionContext) -> Result<Expr, SqlError> {
    let mut types = vec![TEXT, TIMESTAMPTZ];
    let kernel: Kernel = if context.time_zone == Tz::UTC {
        date_trunc
    } else {
        let zone = context.time_zone.name().to_owned();
        args.push(Expr::Literal(ScalarValue::Utf8View(Some(zone)), None));
        types.push(TEXT);
        trunc_in_zone
    };
    Ok(KernelFunction::call("date_trunc", kernel, types, TIMESTAMPTZ, args, *context))
}

fn trunc_in_zone(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (names, values, zones) = (args.text(0), args.primitive::<Micros>(1), args.text(2));
    rows::<Micros>(args, |row| {
        let zone = zone_named(zones.value(row))?;
        truncated_in(names.value(row), values.value(row), zone, args.returns)
    })
}

fn trunc_interval(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (names, values) = (args.text(0), args.primitive::<IntervalMonthDayNanoType>(1));
    rows::<IntervalMonthDayNanoType>(args, |row| {
        let (months, days, micros) = interval_parts(values.value(row));
        let field = unit(names.value(row));
        let cut = |step: i64| micros - micros % step;
        let whole = |size: i32| months - months % size;
        let (months, days, micros) = match field.as_str() {
            "microseconds" => (months, days, micros),
            "milliseconds" => (months, days, cut(1000)),
            "second" => (months, days, cut(SECOND_MICROS)),
            "minute" => (months, days, cut(60 * SECOND_MICROS)),
            "hour" => (months, days, cut(3600 * SECOND_MICROS)),
            "day" => (months, days, 0),
            "month" => (months, 0, 0),
            "quarter" => (whole(3), 0, 0),
            "year" => (whole(12), 0, 0),
            "decade" => (whole(120), 0, 0),
            "century" => (whole(1200), 0, 0),
            "millennium" => (whole(12_000), 0, 0),
            _ => return Err(unknown_or_unsupported(names.value(row), &field, &INTERVAL)),
        };
        let mut value = super::interval::of_micros(micros);
        (value.months, value.days) = (months, days);
        Ok(value)
    })
}

/// The length of a bin, which may not hold months.
fn stride(value: arrow::datatypes::IntervalMonthDayNano) -> Result<i64, SqlError> {
    let (months, days, micros) = interval_parts(value);
    if months != 0 {
        return Err(SqlError::new(
            SqlState::FeatureNotSupported,
            "timestamps cannot be binned into intervals containing months or years",
        ));
    }
    let stride = i64::from(days).checked_mul(DAY_MICROS).and_then(|d| d.checked_add(micros));
    match stride {
        Some(stride) if stride > 0 => Ok(stride),
        Some(_) => {
            Err(SqlError::new(SqlState::DatetimeFieldOverflow, "stride must be greater than zero"))
        }
        None => Err(out_of_range(&INTERVAL)),
    }
}

fn binned(stride: i64, value: i64, origin: i64) -> Result<i64, SqlError> {
    if value == i64::MAX || value == i64::MIN {
        return Ok(value);
    }
    let overflow = || out_of_range(&TIMESTAMP);
    let distance = value.checked_sub(origin).ok_or_else(overflow)?;
    value.checked_sub(distance.rem_euclid(stride)).ok_or_else(overflow)
}

fn date_bin(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let strides = args.primitive::<IntervalMonthDayNanoType>(0);
    let (values, origins) = (args.primitive::<Micros>(1), args.primitive::<Micros>(2));
    rows::<Micros>(args, |row| {
        binned(stride(strides.value(row))?, values.value(row), origins.value(row))
    })
}

/// As date_bin from the epoch.
fn time_bucket(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<IntervalMonthDayNanoType, Micros, Micros>(args, |by, value| {
        binned(stride(by)?, value, 0)
    })
}

/// The difference in years, months, days and time.
fn age(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let zone = (args.types[0] == TIMESTAMPTZ).then_some(args.context.time_zone);
    map2::<Micros, Micros, IntervalMonthDayNanoType>(args, |left, right| {
        let negative = left < right;
        let (later, earlier) = if negative { (right, left) } else { (left, right) };
        let (a, b) = (parts_of(args, later, zone), parts_of(args, earlier, zone));
        let mut months = (a.civil.year - b.civil.year) * 12 + i64::from(a.civil.month)
            - i64::from(b.civil.month);
        let mut days = i64::from(a.civil.day) - i64::from(b.civil.day);
        let mut time = a.time - b.time;
        if time < 0 {
            time += DAY_MICROS;
            days -= 1;
        }
        if days < 0 {
            days += i64::from(days_in_month(b.civil.year, b.civil.month));
            months -= 1;
        }
        let sign = if negative { -1 } else { 1 };
        let mut value = super::interval::of_micros(time * sign);
        value.months = i32::try_from(months * sign).map_err(|_| out_of_range(&INTERVAL))?;
        value.days = i32::try_from(days * sign).map_err(|_| out_of_range(&INTERVAL))?;
        Ok(value)
    })
}

fn zone_named(name: &str) -> Result<Zone, SqlError> {
    Zone::find(name).ok_or_else(|| {
        SqlError::new(
            SqlState::InvalidParameterValue,
            format!("time zone \"{name}\" not recognized"),
        )
    })
}

fn zone_to_utc(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (zones, values) = (args.text(0), args.primitive::<Micros>(1));
    rows::<Micros>(args, |row| {
        let value = values.value(row);
        let offset = zone_named(zones.value(row))?.offset_at_local(value);
        Ok(value - i64::from(offset) * SECOND_MICROS)
    })
}

fn zone_to_local(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (zones, values) = (args.text(0), args.primitive::<Micros>(1));
    rows::<Micros>(args, |row| {
        let value = values.value(row);
        let offset = match zone_named(zones.value(row))? {
            Zone::Named(zone) => offset_at_utc(zone, value),
            fixed => fixed.offset_at_local(value),
        };
        Ok(value + i64::from(offset) * SECOND_MICROS)
    })
}

pub(super) fn seconds_to_timestamp(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let seconds = args.primitive::<Float64Type>(0);
    rows::<Micros>(args, |row| {
        let seconds = seconds.value(row);
        if seconds.is_infinite() {
            return Ok(if seconds > 0.0 { i64::MAX } else { i64::MIN });
        }
        let micros = (seconds * 1e6).round_ties_even();
        if micros.is_nan() || micros.abs() >= 9.2e18 {
            return Err(out_of_range(&TIMESTAMP));
        }
        Ok(micros as i64)
    })
}

fn day_of(year: i32, month: i32, day: i32) -> Result<i64, SqlError> {
    let invalid = || {
        SqlError::new(
            SqlState::DatetimeFieldOverflow,
            format!("date field value out of range: {year}-{month:02}-{day:02}"),
        )
    };
    // Negative years are BC, and there is no year 0.
    let year = match year {
        0 => return Err(invalid()),
        year if year < 0 => i64::from(year) + 1,
        year => i64::from(year),
    };
    let month = u32::try_from(month).map_err(|_| invalid())?;
    let day = u32::try_from(day).map_err(|_| invalid())?;
    if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
        return Err(invalid());
    }
    Ok(days_from_civil(Civil { year, month, day }))
}

fn make_date(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let part = |index: usize, row: usize| args.primitive::<Int32Type>(index).value(row);
    rows::<Date32Type>(args, |row| {
        let day = day_of(part(0, row), part(1, row), part(2, row))?;
        i32::try_from(day).map_err(|_| out_of_range(&SqlType::Date))
    })
}

fn make_timestamp(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let part = |index: usize, row: usize| args.primitive::<Int32Type>(index).value(row);
    rows::<Micros>(args, |row| {
        let day = day_of(part(0, row), part(1, row), part(2, row))?;
        let (hour, minute) = (part(3, row), part(4, row));
        let seconds = args.primitive::<Float64Type>(5).value(row);
        if !(0..=24).contains(&hour)
            || !(0..60).contains(&minute)
            || !(0.0..=60.0).contains(&seconds)
        {
            return Err(SqlError::new(
                SqlState::DatetimeFieldOverflow,
                format!("time field value out of range: {hour}:{minute:02}:{seconds:02}"),
            ));
        }
        let time = (i64::from(hour) * 3600 + i64::from(minute) * 60) * SECOND_MICROS
            + (seconds * 1e6).round_ties_even() as i64;
        Ok(day * DAY_MICROS + time)
    })
}
