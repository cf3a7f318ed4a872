//! What dates and timestamps hold: their infinities, and which of the others there are.
//!
//! The greatest and the least value of the Arrow type are the infinities, see `kappa_types::text`.
//! Dates and timestamps begin where PostgreSQL's do; every result goes through here, so that none lies
//! before or wraps around.

use kappa_types::text::{DAYS_END, DAYS_MIN, MICROS_MIN};
use kappa_types::{SqlError, SqlState, SqlType};

use super::arithmetic::out_of_range;

/// Whether the timestamp is one of the infinities.
pub(super) const fn is_infinite_timestamp(micros: i64) -> bool {
    micros == i64::MAX || micros == i64::MIN
}

/// Whether the date is one of the infinities.
pub(super) const fn is_infinite_date(day: i32) -> bool {
    day == i32::MAX || day == i32::MIN
}

/// The timestamp so many microseconds from 1970-01-01.
pub(super) fn timestamp_of(micros: i128) -> Result<i64, SqlError> {
    let micros = i64::try_from(micros).ok();
    let found = micros.filter(|micros| (MICROS_MIN..i64::MAX).contains(micros));
    found.ok_or_else(|| out_of_range(&SqlType::Timestamp))
}

/// The date so many days from 1970-01-01.
pub(super) fn date_of(day: i64) -> Result<i32, SqlError> {
    if !(DAYS_MIN..DAYS_END).contains(&day) {
        return Err(out_of_range(&SqlType::Date));
    }
    i32::try_from(day).map_err(|_| out_of_range(&SqlType::Date))
}

/// The first instant of a date, which may be infinite.
pub(super) fn midnight_of(day: i32) -> Result<i64, SqlError> {
    match day {
        i32::MAX => Ok(i64::MAX),
        i32::MIN => Ok(i64::MIN),
        day => i64::from(day).checked_mul(super::interval::DAY_MICROS).ok_or_else(|| {
            SqlError::new(SqlState::DatetimeFieldOverflow, "date out of range for timestamp")
        }),
    }
}
