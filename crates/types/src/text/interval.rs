//! `interval`: months, days and microseconds, read in verbose, SQL (`1-2 3 04:05:06`) and ISO 8601
//! form, written in the session's style.
//!
//! Price of Arrow's nanoseconds: the time part ends at 292 years (22015 beyond), months and days
//! have their own fields and do not count against it.

use arrow::datatypes::IntervalMonthDayNano;

use super::datetime_words::fraction_micros;
use super::interval_token::{Token, split};
use super::time_of_day::{DAY, HOUR, MINUTE, SECOND, write_fraction};
use super::{IntervalStyle, integer, invalid};
use crate::{SqlError, SqlState};

/// Why a text is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// 22007
    Format,
    /// 22015
    Range,
    /// 22008: each field fits, their sum does not.
    Total,
}

/// Reads an interval.
///
/// # Errors
/// 22007 where it is none, 22015 where a field does not fit.
pub(super) fn parse(text: &[u8]) -> Result<IntervalMonthDayNano, SqlError> {
    let lower = String::from_utf8_lossy(text).to_ascii_lowercase();
    let trimmed = lower.trim_matches(|c: char| c.is_ascii_whitespace());
    let parsed = match trimmed.strip_prefix('p') {
        Some(iso) => super::interval_iso::read(iso),
        None => read(trimmed),
    };
    parsed.and_then(Parts::finish).map_err(|refusal| match refusal {
        Refusal::Format => invalid::datetime("interval", text),
        Refusal::Range => SqlError::new(
            SqlState::IntervalFieldOverflow,
            format!("interval field value out of range: \"{}\"", String::from_utf8_lossy(text)),
        ),
        Refusal::Total => SqlError::new(SqlState::DatetimeFieldOverflow, "interval out of range"),
    })
}

/// The sum of what has been read. Fractions of a field go down into smaller ones.
#[derive(Debug, Default)]
pub(super) struct Parts {
    months: i64,
    days: i64,
    micros: i64,
    /// One bit per kind of field seen: each may come once.
    seen: u32,
}

/// A unit of the verbose form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
    Decade,
    Century,
    Millennium,
}

/// The kinds of field that a time of day fills.
const TIME_FIELDS: [Unit; 3] = [Unit::Hour, Unit::Minute, Unit::Second];

impl Unit {
    fn find(word: &str) -> Option<Self> {
        Some(match word {
            "us" | "usec" | "usecs" | "usecond" | "useconds" | "microsecond" | "microseconds" => {
                Self::Microsecond
            }
            "ms" | "msec" | "msecs" | "msecond" | "mseconds" | "millisecond" | "milliseconds" => {
                Self::Millisecond
            }
            "s" | "sec" | "secs" | "second" | "seconds" => Self::Second,
            "m" | "min" | "mins" | "minute" | "minutes" => Self::Minute,
            "h" | "hr" | "hrs" | "hour" | "hours" => Self::Hour,
            "d" | "day" | "days" => Self::Day,
            "w" | "week" | "weeks" => Self::Week,
            "mon" | "mons" | "month" | "months" => Self::Month,
            "y" | "yr" | "yrs" | "year" | "years" => Self::Year,
            "dec" | "decs" | "decade" | "decades" => Self::Decade,
            "c" | "cent" | "century" | "centuries" => Self::Century,
            "mil" | "mils" | "millennia" | "millennium" => Self::Millennium,
            _ => return None,
        })
    }
}

/// A decimal number: the whole part and the fraction, both with its sign.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    pub(super) whole: i64,
    pub(super) fraction: f64,
}

impl Number {
    /// Reads `[+-]digits[.digits]`.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let (negative, unsigned) = split_sign(text);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(Refusal::Format);
        }
        let sign = if negative { -1 } else { 1 };
        let magnitude: i64 = match whole {
            "" => 0,
            digits => digits.parse().map_err(|_| Refusal::Range)?,
        };
        let fraction: f64 = match fraction {
            "" => 0.0,
            digits => format!("0.{digits}").parse().map_err(|_| Refusal::Format)?,
        };
        Ok(Self { whole: sign * magnitude, fraction: fraction * sign as f64 })
    }
}

impl Parts {
    fn see(&mut self, unit: Unit) -> Result<(), Refusal> {
        let bit = 1 << unit as u32;
        if self.seen & bit != 0 {
            return Err(Refusal::Format);
        }
        self.seen |= bit;
        Ok(())
    }

    /// Adds `number` units.
    pub(super) fn add(&mut self, number: Number, unit: Unit) -> Result<(), Refusal> {
        self.see(unit)?;
        let Number { whole, fraction } = number;
        match unit {
            Unit::Microsecond => self.add_micros(whole, fraction, 1),
            Unit::Millisecond => self.add_micros(whole, fraction, 1000),
            Unit::Second => self.add_micros(whole, fraction, SECOND),
            Unit::Minute => self.add_micros(whole, fraction, MINUTE),
            Unit::Hour => self.add_micros(whole, fraction, HOUR),
            Unit::Day => self.add_days(whole, fraction, 1),
            Unit::Week => self.add_days(whole, fraction, 7),
            Unit::Month => {
                self.add_months(whole, 0.0, 1)?;
                self.add_days(0, fraction, 30)
            }
            Unit::Year => self.add_months(whole, fraction, 12),
            Unit::Decade => self.add_months(whole, fraction, 120),
            Unit::Century => self.add_months(whole, fraction, 1200),
            Unit::Millennium => self.add_months(whole, fraction, 12_000),
        }
    }

    fn add_months(&mut self, whole: i64, fraction: f64, scale: i64) -> Result<(), Refusal> {
        let months = (fraction * scale as f64).round_ties_even() as i64;
        i32::try_from(whole).map_err(|_| Refusal::Range)?;
        self.months = checked_sum(self.months, whole, scale, months)?;
        Ok(())
    }

    /// Whole days of the fraction stay days, the rest becomes time.
    fn add_days(&mut self, whole: i64, fraction: f64, scale: i64) -> Result<(), Refusal> {
        let part = fraction * scale as f64;
        self.days = checked_sum(self.days, whole, scale, part as i64)?;
        i32::try_from(self.days).map_err(|_| Refusal::Range)?;
        self.add_micros(0, part.fract(), DAY)
    }

    pub(super) fn add_micros(
        &mut self,
        whole: i64,
        fraction: f64,
        scale: i64,
    ) -> Result<(), Refusal> {
        let part = (fraction * scale as f64).round_ties_even() as i64;
        self.micros = checked_sum(self.micros, whole, scale, part)?;
        Ok(())
    }

    /// Adds `[+-]HH:MM[:SS[.f]]`, or `MM:SS.f`.
    pub(super) fn add_time(&mut self, text: &str) -> Result<(), Refusal> {
        for unit in TIME_FIELDS {
            self.see(unit)?;
        }
        let (negative, unsigned) = split_sign(text);
        let (clock, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let fields: Vec<i64> = clock
            .split(':')
            .map(|field| match field {
                "" => Err(Refusal::Format),
                digits => digits.parse().map_err(|_| Refusal::Range),
            })
            .collect::<Result<_, _>>()?;
        let (hours, minutes, seconds) = match fields[..] {
            [minutes, seconds] if unsigned.contains('.') => (0, minutes, seconds),
            [hours, minutes] => (hours, minutes, 0),
            [hours, minutes, seconds] => (hours, minutes, seconds),
            _ => return Err(Refusal::Format),
        };
        if minutes > 59 || seconds > 60 {
            return Err(Refusal::Range);
        }
        let fraction = fraction_micros(fraction).map_err(|_| Refusal::Format)?;
        let below_hour = minutes * MINUTE + seconds * SECOND + fraction;
        let micros = checked_sum(0, hours, HOUR, below_hour)?;
        let signed = if negative { -micros } else { micros };
        self.micros = self.micros.checked_add(signed).ok_or(Refusal::Range)?;
        Ok(())
    }

    /// Adds the SQL form `[+-]years-months`.
    fn add_year_month(&mut self, text: &str) -> Result<(), Refusal> {
        let (negative, unsigned) = split_sign(text);
        let (years, months) = unsigned.split_once('-').ok_or(Refusal::Format)?;
        let years: i64 = years.parse().map_err(|_| Refusal::Range)?;
        let months: i64 = months.parse().map_err(|_| Refusal::Range)?;
        if months > 11 {
            return Err(Refusal::Range);
        }
        self.see(Unit::Year)?;
        self.see(Unit::Month)?;
        let total = checked_sum(0, years, 12, months)?;
        self.add_months(if negative { -total } else { total }, 0.0, 1)
    }

    /// Counts as having seen a field: `PT` is an interval of nothing.
    pub(super) const fn see_nothing(&mut self) {
        self.seen |= 1 << 31;
    }

    pub(super) fn negate(&mut self) {
        (self.months, self.days, self.micros) = (-self.months, -self.days, -self.micros);
    }

    fn finish(self) -> Result<IntervalMonthDayNano, Refusal> {
        if self.seen == 0 {
            return Err(Refusal::Format);
        }
        Ok(IntervalMonthDayNano {
            months: i32::try_from(self.months).map_err(|_| Refusal::Total)?,
            days: i32::try_from(self.days).map_err(|_| Refusal::Range)?,
            nanoseconds: self.micros.checked_mul(1000).ok_or(Refusal::Total)?,
        })
    }
}

/// Whether a minus stands in front, and what follows the sign.
fn split_sign(text: &str) -> (bool, &str) {
    match text.as_bytes() {
        [b'-', ..] => (true, text[1..].trim_start()),
        [b'+', ..] => (false, text[1..].trim_start()),
        _ => (false, text),
    }
}

fn checked_sum(sum: i64, whole: i64, scale: i64, part: i64) -> Result<i64, Refusal> {
    whole
        .checked_mul(scale)
        .and_then(|scaled| scaled.checked_add(part))
        .and_then(|added| sum.checked_add(added))
        .ok_or(Refusal::Range)
}

fn read(text: &str) -> Result<Parts, Refusal> {
    let tokens = split(text)?;
    let mut parts = Parts::default();
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        match (token, tokens.get(index + 1)) {
            (Token::Number(number), Some(Token::Word(word))) if *word != "ago" => {
                let unit = Unit::find(word).ok_or(Refusal::Format)?;
                parts.add(Number::parse(number)?, unit)?;
                index += 1;
            }
            (Token::Number(number), Some(Token::Time(_))) => {
                parts.add(Number::parse(number)?, Unit::Day)?;
            }
            (Token::Number(number), _) => parts.add(Number::parse(number)?, Unit::Second)?,
            (Token::Time(time), _) => parts.add_time(time)?,
            (Token::YearMonth(text), _) => parts.add_year_month(text)?,
            (Token::Word("ago"), None) if parts.seen != 0 => parts.negate(),
            (Token::Word(_), _) => return Err(Refusal::Format),
        }
        index += 1;
    }
    Ok(parts)
}

/// Writes an interval.
pub(super) fn write(value: IntervalMonthDayNano, style: IntervalStyle, out: &mut Vec<u8>) {
    let micros = value.nanoseconds / 1000;
    let (years, months, days) =
        (i64::from(value.months / 12), i64::from(value.months % 12), i64::from(value.days));
    match style {
        IntervalStyle::Postgres => write_postgres(years, months, days, micros, out),
        IntervalStyle::Iso8601 => write_iso(years, months, days, micros, out),
    }
}

fn write_postgres(years: i64, months: i64, days: i64, micros: i64, out: &mut Vec<u8>) {
    let start = out.len();
    let mut after_negative = false;
    for (count, unit) in [(years, "year"), (months, "mon"), (days, "day")] {
        if count == 0 {
            continue;
        }
        if out.len() > start {
            out.push(b' ');
        }
        if after_negative && count > 0 {
            out.push(b'+');
        }
        integer::write(count, out);
        out.push(b' ');
        out.extend_from_slice(unit.as_bytes());
        if count != 1 {
            out.push(b's');
        }
        after_negative = count < 0;
    }
    if micros == 0 && out.len() > start {
        return;
    }
    if out.len() > start {
        out.push(b' ');
    }
    if micros < 0 {
        out.push(b'-');
    } else if after_negative {
        out.push(b'+');
    }
    let magnitude = micros.unsigned_abs();
    let seconds = magnitude / SECOND.unsigned_abs();
    integer::write_padded(seconds / 3600, 2, out);
    out.push(b':');
    integer::write_padded(seconds / 60 % 60, 2, out);
    out.push(b':');
    integer::write_padded(seconds % 60, 2, out);
    write_fraction((magnitude % SECOND.unsigned_abs()).cast_signed(), out);
}

fn write_iso(years: i64, months: i64, days: i64, micros: i64, out: &mut Vec<u8>) {
    if years == 0 && months == 0 && days == 0 && micros == 0 {
        return out.extend_from_slice(b"PT0S");
    }
    out.push(b'P');
    for (count, mark) in [(years, b'Y'), (months, b'M'), (days, b'D')] {
        write_field(count, mark, out);
    }
    if micros == 0 {
        return;
    }
    out.push(b'T');
    write_field(micros / HOUR, b'H', out);
    write_field(micros / MINUTE % 60, b'M', out);
    let rest = micros % MINUTE;
    if rest != 0 {
        if rest < 0 {
            out.push(b'-');
        }
        let rest = rest.unsigned_abs();
        integer::write_unsigned(rest / SECOND.unsigned_abs(), out);
        write_fraction((rest % SECOND.unsigned_abs()).cast_signed(), out);
        out.push(b'S');
    }
}

fn write_field(count: i64, mark: u8, out: &mut Vec<u8>) {
    if count != 0 {
        integer::write(count, out);
        out.push(mark);
    }
}
