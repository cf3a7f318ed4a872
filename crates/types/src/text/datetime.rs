//! `date`, `time`, `timestamp`, `timestamptz`: fixed ISO forms by hand, all others through
//! [`super::datetime_words`]; written as ISO 8601 with a space, as PostgreSQL's `DateStyle = ISO`.
//!
//! The least and greatest value of the Arrow type stand for `-infinity` and `infinity`. Price of
//! counting microseconds from 1970: timestamps end in the year 294247, PostgreSQL's in 294276.

use super::calendar::{Civil, civil_from_days, days_from_civil, days_in_month};
use super::datetime_words::{self, Moment};
use super::time_of_day::{DAY, HOUR, MINUTE, SECOND, write as write_time_of_day};
use super::zone::{Zone, offset_at_local, offset_at_utc};
use super::{TextOptions, integer, invalid};
use crate::{SqlError, SqlState};

/// The first day that PostgreSQL knows: 4714-11-24 BC.
pub const DAYS_MIN: i64 = -2_440_588;
/// One past the last date: 5874898-01-01.
pub const DAYS_END: i64 = 2_145_042_906;
/// The first instant of a timestamp.
pub const MICROS_MIN: i64 = DAYS_MIN * DAY;

/// Which type a text is read as; they differ in what they ignore and in the error's wording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `date`
    Date,
    /// `time`
    Time,
    /// `timestamp`
    Timestamp,
    /// `timestamptz`
    Timestamptz,
}

impl Kind {
    /// The name in error messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::Timestamptz => "timestamp with time zone",
        }
    }
}

/// Reads a date as days since 1970-01-01.
///
/// # Errors
/// 22007 where it is no date, 22008 where no such day exists.
pub(super) fn parse_date(text: &[u8], options: &TextOptions) -> Result<i32, SqlError> {
    if text.len() == 10
        && let Some(days) = fixed_date(text)
    {
        return Ok(days as i32);
    }
    let days = match datetime_words::parse(text, Kind::Date, options)? {
        Moment::Infinity => return Ok(i32::MAX),
        Moment::NegativeInfinity => return Ok(i32::MIN),
        Moment::Time { days, .. } => days,
    };
    if (DAYS_MIN..DAYS_END).contains(&days) { Ok(days as i32) } else { Err(range("date", text)) }
}

/// Reads a time of day in microseconds.
///
/// # Errors
/// 22007 where it is no time, 22008 where no such time exists.
pub(super) fn parse_time(text: &[u8], options: &TextOptions) -> Result<i64, SqlError> {
    if let Some((micros, rest)) = fixed_time(text)
        && rest.is_empty()
    {
        return Ok(micros);
    }
    match datetime_words::parse(text, Kind::Time, options)? {
        Moment::Time { micros, .. } => Ok(micros),
        Moment::Infinity | Moment::NegativeInfinity => Err(invalid::datetime("time", text)),
    }
}

/// Reads a timestamp as microseconds since 1970-01-01; a zone in the text is ignored.
///
/// # Errors
/// 22007 where it is no timestamp, 22008 where it is out of range.
pub(super) fn parse_timestamp(text: &[u8], options: &TextOptions) -> Result<i64, SqlError> {
    if let Some((days, micros, _)) = fixed_timestamp(text) {
        return Ok(days * DAY + micros);
    }
    match datetime_words::parse(text, Kind::Timestamp, options)? {
        Moment::Infinity => Ok(i64::MAX),
        Moment::NegativeInfinity => Ok(i64::MIN),
        Moment::Time { days, micros, .. } => {
            instant(days, micros, 0).ok_or_else(|| range("timestamp", text))
        }
    }
}

/// Reads a timestamptz as microseconds since 1970-01-01 UTC, in the session's zone where the text
/// names none.
///
/// # Errors
/// 22007 where it is no timestamp, 22008 where it is out of range, 22009 for an impossible offset,
/// 22023 for an unknown zone.
pub(super) fn parse_timestamptz(text: &[u8], options: &TextOptions) -> Result<i64, SqlError> {
    let (days, micros, zone) = match fixed_timestamp(text) {
        Some((days, micros, offset)) => (days, micros, offset.map(Zone::Fixed)),
        None => match datetime_words::parse(text, Kind::Timestamptz, options)? {
            Moment::Infinity => return Ok(i64::MAX),
            Moment::NegativeInfinity => return Ok(i64::MIN),
            Moment::Time { days, micros, zone } => (days, micros, zone),
        },
    };
    let local = i128::from(days) * i128::from(DAY) + i128::from(micros);
    // What does not fit is out of range with any offset.
    let local = i64::try_from(local).unwrap_or(i64::MAX);
    let offset = match zone {
        Some(Zone::Fixed(offset)) => offset,
        Some(zone) => zone.offset_at_local(local),
        None => offset_at_local(options.time_zone, local),
    };
    instant(days, micros, offset).ok_or_else(|| range("timestamp", text))
}

fn instant(days: i64, micros: i64, offset_seconds: i32) -> Option<i64> {
    let instant = i128::from(days) * i128::from(DAY) + i128::from(micros)
        - i128::from(offset_seconds) * i128::from(SECOND);
    i64::try_from(instant).ok().filter(|instant| (MICROS_MIN..i64::MAX).contains(instant))
}

#[cold]
fn range(type_name: &str, text: &[u8]) -> SqlError {
    SqlError::new(
        SqlState::DatetimeFieldOverflow,
        format!("{type_name} out of range: \"{}\"", String::from_utf8_lossy(text)),
    )
}

/// The value of `N` digits.
#[inline]
fn digits<const N: usize>(text: &[u8]) -> Option<u32> {
    let text = text.first_chunk::<N>()?;
    let mut value = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u32::from(digit);
    }
    Some(value)
}

/// `YYYY-MM-DD` at the start of `text`, as days; `None` for every other or impossible date.
#[inline]
fn fixed_date(text: &[u8]) -> Option<i64> {
    if text.len() < 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let year = i64::from(digits::<4>(text)?);
    let month = digits::<2>(&text[5..])?;
    let day = digits::<2>(&text[8..])?;
    let possible = year > 0 && (1..=12).contains(&month) && day >= 1;
    if !possible || (day > 28 && day > days_in_month(year, month)) {
        return None;
    }
    Some(days_from_civil(Civil { year, month, day }))
}

/// `HH:MM[:SS[.f{1,6}]]` at the start of `text`, below 24 hours, and what follows.
#[inline]
fn fixed_time(text: &[u8]) -> Option<(i64, &[u8])> {
    let hour = digits::<2>(text)?;
    let minute = digits::<2>(text.get(3..)?)?;
    if text[2] != b':' || hour > 23 || minute > 59 {
        return None;
    }
    let micros = i64::from(hour) * HOUR + i64::from(minute) * MINUTE;
    let [b':', rest @ ..] = &text[5..] else { return Some((micros, &text[5..])) };
    let second = digits::<2>(rest)?;
    if second > 59 {
        return None;
    }
    let micros = micros + i64::from(second) * SECOND;
    let [b'.', rest @ ..] = &rest[2..] else { return Some((micros, &rest[2..])) };
    let length = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    if length == 0 || length > 6 {
        return None;
    }
    let fraction = rest[..length].iter().fold(0, |n, digit| n * 10 + i64::from(digit - b'0'));
    Some((micros + fraction * 10_i64.pow(6 - length as u32), &rest[length..]))
}

/// A fixed date, a space or T, a fixed time, and nothing, `Z` or `±HH[:MM]` behind.
#[inline]
fn fixed_timestamp(text: &[u8]) -> Option<(i64, i64, Option<i32>)> {
    let days = fixed_date(text)?;
    if text.len() == 10 {
        return Some((days, 0, None));
    }
    if !matches!(text[10], b' ' | b'T') {
        return None;
    }
    let (micros, zone) = fixed_time(&text[11..])?;
    let offset = match zone {
        [] => None,
        [b'Z'] => Some(0),
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let hours = digits::<2>(rest)?;
            let minutes = match &rest[2..] {
                [] => 0,
                [b':', minutes @ ..] if minutes.len() == 2 => digits::<2>(minutes)?,
                _ => return None,
            };
            if hours > 15 || minutes > 59 {
                return None;
            }
            let seconds = (hours * 3600 + minutes * 60).cast_signed();
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => return None,
    };
    Some((days, micros, offset))
}

/// Writes a date.
pub(super) fn write_date(days: i32, out: &mut Vec<u8>) {
    match days {
        i32::MAX => out.extend_from_slice(b"infinity"),
        i32::MIN => out.extend_from_slice(b"-infinity"),
        days => {
            let civil = civil_from_days(i64::from(days));
            write_civil(civil, out);
            write_era(civil, out);
        }
    }
}

/// Writes a timestamp.
pub(super) fn write_timestamp(micros: i64, out: &mut Vec<u8>) {
    if write_infinity(micros, out) {
        return;
    }
    let civil = civil_from_days(micros.div_euclid(DAY));
    write_civil(civil, out);
    out.push(b' ');
    write_time_of_day(micros.rem_euclid(DAY), out);
    write_era(civil, out);
}

/// Writes a timestamptz in the session's zone.
pub(super) fn write_timestamptz(micros: i64, options: &TextOptions, out: &mut Vec<u8>) {
    if write_infinity(micros, out) {
        return;
    }
    let offset = offset_at_utc(options.time_zone, micros);
    let local = i128::from(micros) + i128::from(offset) * i128::from(SECOND);
    let days = local.div_euclid(i128::from(DAY)) as i64;
    let civil = civil_from_days(days);
    write_civil(civil, out);
    out.push(b' ');
    write_time_of_day(local.rem_euclid(i128::from(DAY)) as i64, out);
    write_offset(offset, out);
    write_era(civil, out);
}

fn write_infinity(micros: i64, out: &mut Vec<u8>) -> bool {
    match micros {
        i64::MAX => out.extend_from_slice(b"infinity"),
        i64::MIN => out.extend_from_slice(b"-infinity"),
        _ => return false,
    }
    true
}

fn write_civil(civil: Civil, out: &mut Vec<u8>) {
    let year = if civil.year > 0 { civil.year } else { 1 - civil.year };
    if year < 10_000 {
        integer::write_pair((year / 100) as u32, out);
        integer::write_pair((year % 100) as u32, out);
    } else {
        integer::write(year, out);
    }
    out.push(b'-');
    integer::write_pair(civil.month, out);
    out.push(b'-');
    integer::write_pair(civil.day, out);
}

fn write_era(civil: Civil, out: &mut Vec<u8>) {
    if civil.year <= 0 {
        out.extend_from_slice(b" BC");
    }
}

/// Writes `+HH[:MM[:SS]]`.
pub(super) fn write_offset(seconds: i32, out: &mut Vec<u8>) {
    out.push(if seconds < 0 { b'-' } else { b'+' });
    let seconds = seconds.unsigned_abs();
    integer::write_pair(seconds / 3600, out);
    if !seconds.is_multiple_of(3600) {
        out.push(b':');
        integer::write_pair(seconds / 60 % 60, out);
        if !seconds.is_multiple_of(60) {
            out.push(b':');
            integer::write_pair(seconds % 60, out);
        }
    }
}
