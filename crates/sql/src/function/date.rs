//! `+` and `-` of dates and times of day: the kernels, chosen in [`super::arithmetic()`].

use arrow::array::ArrayRef;
use arrow::datatypes::{
    Date32Type, Int32Type, IntervalMonthDayNanoType, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use kappa_types::{SqlError, SqlState};

use super::datetime_range::{
    date_of, is_infinite_date, is_infinite_timestamp, midnight_of, timestamp_of,
};
use super::interval;
use super::kernel::Arguments;
use super::rows::map2;

fn moved(date: i32, days: i64) -> Result<i32, SqlError> {
    if is_infinite_date(date) { Ok(date) } else { date_of(i64::from(date) + days) }
}

/// date + integer
pub(super) fn plus_days(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<Date32Type, Int32Type, Date32Type>(args, |date, days| moved(date, i64::from(days)))
}

/// integer + date
pub(super) fn days_plus(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<Int32Type, Date32Type, Date32Type>(args, |days, date| moved(date, i64::from(days)))
}

/// date - integer
pub(super) fn minus_days(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<Date32Type, Int32Type, Date32Type>(args, |date, days| moved(date, -i64::from(days)))
}

/// date - date: days. All finite dates are fewer days apart than an integer holds.
pub(super) fn between(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<Date32Type, Date32Type, Int32Type>(args, |a, b| {
        if is_infinite_date(a) || is_infinite_date(b) {
            return Err(infinite_between());
        }
        a.checked_sub(b).ok_or_else(infinite_between)
    })
}

fn infinite_between() -> SqlError {
    SqlError::new(SqlState::DatetimeFieldOverflow, "cannot subtract infinite dates")
}

fn at(date: i32, time: i64) -> Result<i64, SqlError> {
    let midnight = midnight_of(date)?;
    if is_infinite_timestamp(midnight) {
        return Ok(midnight);
    }
    timestamp_of(i128::from(midnight) + i128::from(time))
}

/// date + time
pub(super) fn plus_time(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<Date32Type, Time64MicrosecondType, TimestampMicrosecondType>(args, at)
}

/// time + date
pub(super) fn time_plus(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<Time64MicrosecondType, Date32Type, TimestampMicrosecondType>(args, |time, date| {
        at(date, time)
    })
}

/// time - time
pub(super) fn time_between(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    map2::<Time64MicrosecondType, Time64MicrosecondType, IntervalMonthDayNanoType>(args, |a, b| {
        Ok(interval::of_micros(a - b))
    })
}
