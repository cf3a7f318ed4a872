//! Dates and times: truncation, bins, zones, and times from their parts; fields are in
//! [`super::datetime_field`].

use arrow::array::ArrayRef;
use arrow::datatypes::{
    Date32Type, Float64Type, Int32Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    TimestampMicrosecondType,
};
use chrono_tz::Tz;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use kappa_types::text::{Civil, Zone, civil_from_days, days_from_civil, days_in_month};
use kappa_types::{SqlError, SqlState, SqlType};

use super::arithmetic::out_of_range;
use super::datetime_field::{
    date_part, extract, extract_type, unit, unknown_or_unsupported, weekday,
};
use super::datetime_range::{date_of, is_infinite_timestamp, timestamp_of};
use super::entry::Function;
use super::interval::DAY_MICROS;
use super::kernel::Arguments;
use super::local_time::{LocalTime, offset_at};
use super::rows::{map2, rows};
use super::{FunctionContext, Kernel, KernelFunction, interval_parts};

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

/// Microseconds of the units that are cut from the time of day.
fn unit_micros(field: &str) -> Option<i64> {
    Some(match field {
        "microseconds" => 1,
        "milliseconds" => 1000,
        "second" => SECOND_MICROS,
        "minute" => 60 * SECOND_MICROS,
        "hour" => 3600 * SECOND_MICROS,
        _ => return None,
    })
}

/// A time in a zone cut to its unit. A part of a day stays at the offset it is at, so that an hour
/// that the clock repeats is cut to itself.
fn truncated(name: &str, value: i64, zone: Zone, sql_type: &SqlType) -> Result<i64, SqlError> {
    if is_infinite_timestamp(value) {
        return Ok(value);
    }
    let field = unit(name);
    let offset = offset_at(zone, value);
    let local = LocalTime::at_offset(value, offset);
    if let Some(step) = unit_micros(&field) {
        let time = local.time - local.time % step;
        return LocalTime { time, ..local }.instant_at_offset(offset);
    }
    let day = local.day;
    let civil = civil_from_days(day);
    let first = |year: i64, month: u32| days_from_civil(Civil { year, month, day: 1 });
    // The first year of the group of `size` years that holds the year, counted from year 1.
    let group = |size: i64| (civil.year - 1).div_euclid(size) * size + 1;
    let day = match field.as_str() {
        "day" => day,
        "week" => day - weekday(day),
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
    };
    LocalTime { day, time: 0 }.instant(zone)
}

fn date_trunc(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (names, values) = (args.text(0), args.primitive::<Micros>(1));
    rows::<Micros>(args, |row| {
        truncated(names.value(row), values.value(row), Zone::Fixed(0), args.returns)
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
        truncated(names.value(row), values.value(row), zone, args.returns)
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
fn stride(value: IntervalMonthDayNano) -> Result<i64, SqlError> {
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

/// The start of the bin that holds a time; an infinite time is in no other than itself.
fn binned(by: IntervalMonthDayNano, value: i64, origin: i64) -> Result<i64, SqlError> {
    if is_infinite_timestamp(value) {
        return Ok(value);
    }
    if is_infinite_timestamp(origin) {
        return Err(SqlError::new(SqlState::DatetimeFieldOverflow, "origin out of range"));
    }
    let stride = i128::from(stride(by)?);
    let distance = i128::from(value) - i128::from(origin);
    timestamp_of(i128::from(value) - distance.rem_euclid(stride))
}

fn date_bin(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let strides = args.primitive::<IntervalMonthDayNanoType>(0);
    let (values, origins) = (args.primitive::<Micros>(1), args.primitive::<Micros>(2));
    rows::<Micros>(args, |row| binned(strides.value(row), values.value(row), origins.value(row)))
}

/// As date_bin from the epoch.
fn time_bucket(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<IntervalMonthDayNanoType, Micros, Micros>(args, |by, value| binned(by, value, 0))
}

/// The difference in years, months, days and time.
fn age(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let zone = if args.types[0] == TIMESTAMPTZ { args.context.time_zone } else { Tz::UTC };
    map2::<Micros, Micros, IntervalMonthDayNanoType>(args, |left, right| {
        if is_infinite_timestamp(left) || is_infinite_timestamp(right) {
            return Err(out_of_range(&TIMESTAMP));
        }
        let negative = left < right;
        let (later, earlier) = if negative { (right, left) } else { (left, right) };
        let (a, b) = (LocalTime::at(later, zone), LocalTime::at(earlier, zone));
        let (to, from) = (civil_from_days(a.day), civil_from_days(b.day));
        let mut months = (to.year - from.year) * 12 + i64::from(to.month) - i64::from(from.month);
        let mut days = i64::from(to.day) - i64::from(from.day);
        let mut time = a.time - b.time;
        if time < 0 {
            time += DAY_MICROS;
            days -= 1;
        }
        if days < 0 {
            days += i64::from(days_in_month(from.year, from.month));
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
    rows::<Micros>(args, |row| match values.value(row) {
        value if is_infinite_timestamp(value) => Ok(value),
        value => LocalTime::at_offset(value, 0).instant(zone_named(zones.value(row))?),
    })
}

fn zone_to_local(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let (zones, values) = (args.text(0), args.primitive::<Micros>(1));
    rows::<Micros>(args, |row| match values.value(row) {
        value if is_infinite_timestamp(value) => Ok(value),
        value => {
            let offset = offset_at(zone_named(zones.value(row))?, value);
            LocalTime::at_offset(value, offset).instant_at_offset(0)
        }
    })
}

/// Seconds from 1970-01-01 to 2000-01-01, from which PostgreSQL counts.
const POSTGRES_EPOCH_SECONDS: i64 = 946_684_800;

/// to_timestamp of a double.
pub(super) fn seconds_to_timestamp(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let seconds = args.primitive::<Float64Type>(0);
    rows::<Micros>(args, |row| {
        let seconds = seconds.value(row);
        if seconds.is_infinite() {
            return Ok(if seconds > 0.0 { i64::MAX } else { i64::MIN });
        }
        if seconds.is_nan() {
            return Err(SqlError::new(SqlState::DatetimeFieldOverflow, "timestamp cannot be NaN"));
        }
        // In PostgreSQL's order, so that the last digit is the same; the cast keeps to i128's range.
        let micros = ((seconds - POSTGRES_EPOCH_SECONDS as f64) * 1e6).round_ties_even() as i128;
        timestamp_of(micros.saturating_add(i128::from(POSTGRES_EPOCH_SECONDS * SECOND_MICROS)))
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
        date_of(day)
    })
}

fn make_timestamp(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let part = |index: usize, row: usize| args.primitive::<Int32Type>(index).value(row);
    rows::<Micros>(args, |row| {
        let day = day_of(part(0, row), part(1, row), part(2, row))?;
        let (hour, minute) = (part(3, row), part(4, row));
        let seconds = args.primitive::<Float64Type>(5).value(row);
        let time = (i64::from(hour) * 3600 + i64::from(minute) * 60) * SECOND_MICROS;
        let rest = (seconds * 1e6).round_ties_even();
        // The 60th second and the 24th hour are the beginning of the next.
        let is_time = (0..=24).contains(&hour)
            && (0..60).contains(&minute)
            && (0.0..=60e6).contains(&rest)
            && time + rest as i64 <= DAY_MICROS;
        if !is_time {
            return Err(SqlError::new(
                SqlState::DatetimeFieldOverflow,
                format!("time field value out of range: {hour}:{minute:02}:{seconds:02}"),
            ));
        }
        timestamp_of(i128::from(day) * i128::from(DAY_MICROS) + i128::from(time + rest as i64))
    })
}
