//! interval: months, days and time apart, as PostgreSQL keeps them.
//!
//! Arrow holds the time part in nanoseconds; everything here is in microseconds.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, PrimitiveArray};
use arrow::datatypes::{
    Decimal128Type, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use chrono_tz::Tz;
use datafusion::logical_expr::Expr;
use kappa_types::text::{Civil, Zone, civil_from_days, days_from_civil, days_in_month};
use kappa_types::{SqlError, SqlState, SqlType};

use super::arithmetic::{division_by_zero, out_of_range};
use super::datetime_range::{is_infinite_timestamp, timestamp_of};
use super::kernel::Arguments;
use super::local_time::LocalTime;
use super::rows::{map1, map2};
use super::{FunctionContext, Kernel, KernelFunction};

pub(super) const DAY_MICROS: i64 = 86_400_000_000;
const MONTH_DAYS: f64 = 30.0;
const SECOND_MICROS: f64 = 1_000_000.0;

/// An interval of some microseconds.
pub(super) const fn of_micros(micros: i64) -> IntervalMonthDayNano {
    IntervalMonthDayNano { months: 0, days: 0, nanoseconds: micros.saturating_mul(1000) }
}

/// How long an interval is by which PostgreSQL compares: a month is 30 days, a day 24 hours.
pub(super) fn interval_span(expr: Expr, context: FunctionContext) -> Expr {
    let span = SqlType::Numeric(Some((38, 0)));
    KernelFunction::call(
        "interval_span",
        span_micros,
        vec![SqlType::Interval],
        span,
        vec![expr],
        context,
    )
}

fn span_micros(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map1::<IntervalMonthDayNanoType, Decimal128Type>(args, |value| Ok(span_of(value)))
}

/// The length of an interval in microseconds.
pub(crate) fn span_of(value: IntervalMonthDayNano) -> i128 {
    let (months, days, micros) = interval_parts(value);
    let days = i128::from(months) * 30 + i128::from(days);
    days * i128::from(DAY_MICROS) + i128::from(micros)
}

/// GREATEST or LEAST of intervals: the first of the longest or shortest that are not NULL.
pub(super) fn extreme(is_greatest: bool, args: Vec<Expr>, context: FunctionContext) -> Expr {
    let types = vec![SqlType::Interval; args.len()];
    let (name, kernel): (_, Kernel) =
        if is_greatest { ("greatest", greatest) } else { ("least", least) };
    KernelFunction::call(name, kernel, types, SqlType::Interval, args, context)
}

fn greatest(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    Ok(extreme_by(args, span_of))
}

fn least(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    Ok(extreme_by(args, |value| -span_of(value)))
}

/// The first value with the highest score in each row.
fn extreme_by(args: &Arguments<'_>, score: impl Fn(IntervalMonthDayNano) -> i128) -> ArrayRef {
    let columns: Vec<_> =
        (0..args.arrays.len()).map(|i| args.primitive::<IntervalMonthDayNanoType>(i)).collect();
    let best = |row: usize| {
        let values = columns.iter().filter(|c| c.is_valid(row)).map(|c| c.value(row));
        values.reduce(|best, value| if score(value) > score(best) { value } else { best })
    };
    let values = (0..args.row_count).map(best);
    Arc::new(values.collect::<PrimitiveArray<IntervalMonthDayNanoType>>())
}

/// Months, days and microseconds.
pub(crate) const fn interval_parts(value: IntervalMonthDayNano) -> (i32, i32, i64) {
    (value.months, value.days, value.nanoseconds / 1000)
}

fn of_parts(months: i64, days: i64, micros: i64) -> Result<IntervalMonthDayNano, SqlError> {
    let overflow = || out_of_range(&SqlType::Interval);
    Ok(IntervalMonthDayNano {
        months: i32::try_from(months).map_err(|_| overflow())?,
        days: i32::try_from(days).map_err(|_| overflow())?,
        nanoseconds: micros.checked_mul(1000).ok_or_else(overflow)?,
    })
}

/// The interval with the opposite sign.
pub(super) fn negated(value: IntervalMonthDayNano) -> Result<IntervalMonthDayNano, SqlError> {
    let (months, days, micros) = interval_parts(value);
    of_parts(-i64::from(months), -i64::from(days), -micros)
}

/// A timestamp moved by an interval: months first, then days, then time. Months and days are those
/// of the local calendar of `zone`, and so is each step: a time that the clock skips is moved on
/// before the next.
pub(crate) fn moved(
    micros: i64,
    by: IntervalMonthDayNano,
    zone: Option<Tz>,
) -> Result<i64, SqlError> {
    if is_infinite_timestamp(micros) {
        return Ok(micros);
    }
    let zone = zone.unwrap_or(Tz::UTC);
    let (months, days, span) = interval_parts(by);
    let mut moved = micros;
    if months != 0 {
        let local = LocalTime::at(moved, zone);
        let day = add_months(local.day, i64::from(months));
        moved = LocalTime { day, ..local }.instant(Zone::Named(zone))?;
    }
    if days != 0 {
        let local = LocalTime::at(moved, zone);
        let day = local.day + i64::from(days);
        moved = LocalTime { day, ..local }.instant(Zone::Named(zone))?;
    }
    timestamp_of(i128::from(moved) + i128::from(span))
}

/// The day some months later; the last of the month where it is shorter.
fn add_months(day: i64, months: i64) -> i64 {
    let civil = civil_from_days(day);
    let index = civil.year * 12 + i64::from(civil.month) - 1 + months;
    let (year, month) = (index.div_euclid(12), index.rem_euclid(12) as u32 + 1);
    let last = days_in_month(year, month);
    days_from_civil(Civil { year, month, day: civil.day.min(last) })
}

fn zone(args: &Arguments<'_>, index: usize) -> Option<Tz> {
    (args.types[index] == SqlType::Timestamptz).then_some(args.context.time_zone)
}

/// timestamp + interval
pub(super) fn timestamp_plus(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let zone = zone(args, 0);
    map2::<TimestampMicrosecondType, IntervalMonthDayNanoType, TimestampMicrosecondType>(
        args,
        |t, by| moved(t, by, zone),
    )
}

/// interval + timestamp
pub(super) fn plus_timestamp(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let zone = zone(args, 1);
    map2::<IntervalMonthDayNanoType, TimestampMicrosecondType, TimestampMicrosecondType>(
        args,
        |by, t| moved(t, by, zone),
    )
}

/// timestamp - interval
pub(super) fn timestamp_minus(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let zone = zone(args, 0);
    map2::<TimestampMicrosecondType, IntervalMonthDayNanoType, TimestampMicrosecondType>(
        args,
        |t, by| if is_infinite_timestamp(t) { Ok(t) } else { moved(t, negated(by)?, zone) },
    )
}

/// timestamp - timestamp: days and time.
pub(super) fn between(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<TimestampMicrosecondType, TimestampMicrosecondType, IntervalMonthDayNanoType>(
        args,
        |a, b| {
            if is_infinite_timestamp(a) || is_infinite_timestamp(b) {
                return Err(SqlError::new(
                    SqlState::DatetimeFieldOverflow,
                    "cannot subtract infinite timestamps",
                ));
            }
            let span = a.checked_sub(b).ok_or_else(|| out_of_range(&SqlType::Interval))?;
            of_parts(0, span / DAY_MICROS, span % DAY_MICROS)
        },
    )
}

fn wrapped_time(micros: i64) -> i64 {
    micros.rem_euclid(DAY_MICROS)
}

/// time + interval: around the clock.
pub(super) fn time_plus(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<Time64MicrosecondType, IntervalMonthDayNanoType, Time64MicrosecondType>(args, |t, by| {
        Ok(wrapped_time(t + interval_parts(by).2 % DAY_MICROS))
    })
}

/// interval + time
pub(super) fn plus_time(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<IntervalMonthDayNanoType, Time64MicrosecondType, Time64MicrosecondType>(args, |by, t| {
        Ok(wrapped_time(t + interval_parts(by).2 % DAY_MICROS))
    })
}

/// time - interval
pub(super) fn time_minus(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<Time64MicrosecondType, IntervalMonthDayNanoType, Time64MicrosecondType>(args, |t, by| {
        Ok(wrapped_time(t - interval_parts(by).2 % DAY_MICROS))
    })
}

/// interval + interval
pub(super) fn add(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<IntervalMonthDayNanoType, IntervalMonthDayNanoType, IntervalMonthDayNanoType>(
        args,
        |a, b| {
            let ((m, d, t), (n, e, u)) = (interval_parts(a), interval_parts(b));
            let micros = t.checked_add(u).ok_or_else(|| out_of_range(&SqlType::Interval))?;
            of_parts(i64::from(m) + i64::from(n), i64::from(d) + i64::from(e), micros)
        },
    )
}

/// interval - interval
pub(super) fn sub(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<IntervalMonthDayNanoType, IntervalMonthDayNanoType, IntervalMonthDayNanoType>(
        args,
        |a, b| {
            let ((m, d, t), (n, e, u)) = (interval_parts(a), interval_parts(b));
            let micros = t.checked_sub(u).ok_or_else(|| out_of_range(&SqlType::Interval))?;
            of_parts(i64::from(m) - i64::from(n), i64::from(d) - i64::from(e), micros)
        },
    )
}

/// interval * double precision
pub(super) fn times(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<IntervalMonthDayNanoType, Float64Type, IntervalMonthDayNanoType>(args, scaled)
}

/// double precision * interval
pub(super) fn times_reversed(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<Float64Type, IntervalMonthDayNanoType, IntervalMonthDayNanoType>(args, |n, i| {
        scaled(i, n)
    })
}

/// interval / double precision
pub(super) fn divided(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<IntervalMonthDayNanoType, Float64Type, IntervalMonthDayNanoType>(args, |value, by| {
        if by == 0.0 {
            return Err(division_by_zero());
        }
        scaled_by(value, |part| part / by)
    })
}

fn scaled(value: IntervalMonthDayNano, factor: f64) -> Result<IntervalMonthDayNano, SqlError> {
    scaled_by(value, |part| part * factor)
}

/// PostgreSQL's `interval_mul`: what is left of a month goes to days, of a day to time.
fn scaled_by(
    value: IntervalMonthDayNano,
    scale: impl Fn(f64) -> f64,
) -> Result<IntervalMonthDayNano, SqlError> {
    let overflow = || out_of_range(&SqlType::Interval);
    let (months, days, micros) = interval_parts(value);
    let month_result = scale(f64::from(months));
    let day_result = scale(f64::from(days));
    if !month_result.is_finite() || month_result.abs() >= 2_147_483_648.0 {
        return Err(overflow());
    }
    if !day_result.is_finite() || day_result.abs() >= 2_147_483_648.0 {
        return Err(overflow());
    }
    let mut result_days = day_result.trunc();
    let month_remainder_days = round_micro((month_result - month_result.trunc()) * MONTH_DAYS);
    let mut seconds_remainder = round_micro(
        (day_result - result_days + month_remainder_days - month_remainder_days.trunc()) * 86_400.0,
    );
    if seconds_remainder.abs() >= 86_400.0 {
        result_days += (seconds_remainder / 86_400.0).trunc();
        seconds_remainder -= (seconds_remainder / 86_400.0).trunc() * 86_400.0;
    }
    result_days += month_remainder_days.trunc();
    let time = (scale(micros as f64) + seconds_remainder * SECOND_MICROS).round_ties_even();
    if !time.is_finite() || time.abs() >= 9.2e18 {
        return Err(overflow());
    }
    of_parts(month_result.trunc() as i64, result_days as i64, time as i64)
}

/// To the nearest microsecond.
fn round_micro(value: f64) -> f64 {
    (value * SECOND_MICROS).round_ties_even() / SECOND_MICROS
}
