//! `to_timestamp` and `to_date` by template: the parts of a text found, then put together.
//!
//! As in PostgreSQL, a separator of the template matches one separator of the text or none, blanks
//! before a value are skipped, and what is left of the text after the template is ignored.

use kappa_types::text::{Civil, days_from_civil, days_in_month, is_leap_year};
use kappa_types::{SqlError, SqlState};

use super::template::{Field, Piece, Template, name_of};
use super::template_write::{DAYS, EPOCH_JULIAN_DAY, MONTHS, ROMANS};

const SECOND_MICROS: i64 = 1_000_000;
/// No number of a date or time has more digits.
const DIGITS_MAX: usize = 9;

/// The parts that were found.
#[derive(Debug, Default)]
struct Found {
    year: Option<i64>,
    iso_year: Option<i64>,
    century: Option<i64>,
    is_before_christ: bool,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    iso_week: Option<i64>,
    iso_weekday: Option<i64>,
    julian_day: Option<i64>,
    hour: Option<i64>,
    is_twelve_hours: bool,
    is_afternoon: Option<bool>,
    minute: i64,
    second: i64,
    second_of_day: Option<i64>,
    micros: i64,
    zone_hours: Option<i64>,
    zone_minutes: i64,
}

/// A time on the local calendar.
pub(super) struct Read {
    /// Days since 1970-01-01.
    pub(super) day: i64,
    /// Microseconds since midnight.
    pub(super) micros: i64,
    /// Seconds east of Greenwich, if the text says so.
    pub(super) zone: Option<i64>,
}

/// Reads a text by a template.
///
/// # Errors
/// 22007 where the text does not follow the template, 22008 for a day or time that is not there.
pub(super) fn read(template: &Template, text: &str) -> Result<Read, SqlError> {
    let mut found = Found::default();
    let mut rest = text;
    for (index, piece) in template.pieces.iter().enumerate() {
        match piece {
            Piece::Literal(letter, quoted) => rest = skip(rest, *letter, *quoted),
            Piece::Pattern { field, bare, ordinal, .. } => {
                rest = rest.trim_start();
                if rest.is_empty() {
                    break;
                }
                let open = *bare || ordinal.is_some() || !is_number(template.pieces.get(index + 1));
                rest = found.take(*field, rest, open)?;
                if ordinal.is_some() {
                    rest = rest.get(2..).unwrap_or_default();
                }
            }
        }
    }
    let zone = found.zone_hours.map(|hours| {
        let sign = if hours < 0 { -1 } else { 1 };
        hours * 3600 + sign * found.zone_minutes * 60
    });
    Ok(Read { day: found.date(text)?, micros: found.time(text)?, zone })
}

/// The text after what a literal matches.
fn skip(rest: &str, letter: char, quoted: bool) -> &str {
    let Some(next) = rest.chars().next() else { return rest };
    let matches = quoted || letter.is_alphanumeric() || !next.is_alphanumeric();
    if matches { &rest[next.len_utf8()..] } else { rest }
}

/// Whether a number follows without anything between.
fn is_number(piece: Option<&Piece>) -> bool {
    match piece {
        Some(Piece::Literal(letter, _)) => letter.is_ascii_digit(),
        Some(Piece::Pattern { field, .. }) => {
            !field.is_word() && !matches!(field, Field::ZoneHours)
        }
        None => false,
    }
}

fn invalid(field: Field, rest: &str) -> SqlError {
    let shown: String = rest.chars().take(name_of(field).len().max(2)).collect();
    SqlError::new(
        SqlState::InvalidDatetimeFormat,
        format!("invalid value \"{shown}\" for \"{}\"", name_of(field)),
    )
}

/// A number of at most `width` digits, or of any count where it is `open`, and its digit count.
fn number(
    field: Field,
    rest: &str,
    width: usize,
    open: bool,
) -> Result<(i64, usize, &str), SqlError> {
    let width = if open { DIGITS_MAX } else { width };
    let count = rest.bytes().take(width).take_while(u8::is_ascii_digit).count();
    let (digits, after) = rest.split_at(count);
    match digits.parse() {
        Ok(value) => Ok((value, count, after)),
        Err(_) => Err(invalid(field, rest).with_detail("Value must be an integer.")),
    }
}

/// The first of some words that the text begins with, whatever its case.
fn word<'t>(field: Field, rest: &'t str, words: &[&str]) -> Result<(i64, &'t str), SqlError> {
    let begins =
        |word: &&str| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let found = words.iter().enumerate().filter(|(_, word)| begins(word));
    match found.max_by_key(|(_, word)| word.len()) {
        Some((index, word)) => Ok((i64::try_from(index).unwrap_or(i64::MAX), &rest[word.len()..])),
        None => Err(invalid(field, rest).with_detail(
            "The given value did not match any of the allowed values for this field.",
        )),
    }
}

/// A year of fewer than four digits is the nearest to 2020 that ends so.
const fn nearest_year(year: i64) -> i64 {
    match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        100..520 => year + 2000,
        520..1000 => year + 1000,
        _ => year,
    }
}

/// How many digits a number has where another follows at once.
const fn width_of(field: Field) -> usize {
    match field {
        Field::SecondOfDay => 5,
        Field::Millisecond | Field::DayOfYear | Field::IsoDayOfYear => 3,
        Field::Microsecond => 6,
        Field::Fraction(count) | Field::Year(count) | Field::IsoYear(count) => count as usize,
        Field::Weekday | Field::IsoWeekday | Field::WeekOfMonth | Field::Quarter => 1,
        Field::JulianDay => DIGITS_MAX,
        _ => 2,
    }
}

impl Found {
    /// Reads the value of a pattern off the text; gives the rest.
    fn take<'t>(&mut self, field: Field, rest: &'t str, open: bool) -> Result<&'t str, SqlError> {
        let short = |names: &[&'static str]| -> Vec<&'static str> {
            names.iter().map(|name| &name[..3]).collect()
        };
        let (value, after) = match field {
            Field::MonthName => word(field, rest, &MONTHS)?,
            Field::MonthShort => word(field, rest, &short(&MONTHS))?,
            Field::MonthRoman => word(field, rest, &ROMANS)?,
            Field::DayName => word(field, rest, &DAYS)?,
            Field::DayShort => word(field, rest, &short(&DAYS))?,
            Field::Meridiem => word(field, rest, &["AM", "PM", "A.M.", "P.M."])?,
            Field::Era => word(field, rest, &["AD", "BC", "A.D.", "B.C."])?,
            Field::ZoneHours | Field::ZoneOffset => return self.take_zone(field, rest),
            Field::YearWithComma => return self.take_comma_year(rest),
            Field::ZoneName => {
                return Err(SqlError::unsupported(
                    "the template pattern TZ cannot be read",
                    "Give the zone as hours and minutes with TZH and TZM.",
                ));
            }
            number_field => return self.take_number(number_field, rest, open),
        };
        match field {
            Field::MonthName | Field::MonthShort | Field::MonthRoman => {
                self.month = Some(value + 1)
            }
            Field::Meridiem => self.is_afternoon = Some(value % 2 == 1),
            Field::Era => self.is_before_christ = value % 2 == 1,
            // The name of the day says nothing that the date does not.
            _ => {}
        }
        Ok(after)
    }

    fn take_number<'t>(
        &mut self,
        field: Field,
        rest: &'t str,
        open: bool,
    ) -> Result<&'t str, SqlError> {
        let (value, count, after) = number(field, rest, width_of(field), open)?;
        match field {
            Field::Year(4) => self.year = Some(value),
            Field::Year(_) => {
                self.year = Some(if count < 4 { nearest_year(value) } else { value });
            }
            Field::IsoYear(4) => self.iso_year = Some(value),
            Field::IsoYear(_) => self.iso_year = Some(nearest_year(value)),
            Field::Century => self.century = Some(value),
            Field::Month => self.month = Some(value),
            Field::Day => self.day = Some(value),
            Field::DayOfYear => self.day_of_year = Some(value),
            Field::IsoDayOfYear => {
                (self.iso_week, self.iso_weekday) =
                    (Some((value - 1) / 7 + 1), Some((value - 1) % 7 + 1));
            }
            Field::WeekOfYear => self.day_of_year = Some((value - 1) * 7 + 1),
            Field::WeekOfMonth => self.day = Some((value - 1) * 7 + 1),
            Field::IsoWeek => self.iso_week = Some(value),
            Field::IsoWeekday => self.iso_weekday = Some(value),
            Field::JulianDay => self.julian_day = Some(value),
            Field::Hour24 => self.hour = Some(value),
            Field::Hour12 => (self.hour, self.is_twelve_hours) = (Some(value), true),
            Field::Minute => self.minute = value,
            Field::Second => self.second = value,
            Field::SecondOfDay => self.second_of_day = Some(value),
            Field::Millisecond | Field::Microsecond | Field::Fraction(_) => {
                self.micros = fraction_micros(value, count);
            }
            Field::ZoneMinutes => self.zone_minutes = value,
            // The quarter and the day of the week say nothing that the date does not.
            _ => {}
        }
        Ok(after)
    }

    fn take_comma_year<'t>(&mut self, rest: &'t str) -> Result<&'t str, SqlError> {
        let field = Field::YearWithComma;
        let (thousands, _, after) = number(field, rest, 1, true)?;
        let after = after.strip_prefix(',').ok_or_else(|| invalid(field, rest))?;
        let (ones, _, after) = number(field, after, 3, false)?;
        self.year = Some(thousands * 1000 + ones);
        Ok(after)
    }

    fn take_zone<'t>(&mut self, field: Field, rest: &'t str) -> Result<&'t str, SqlError> {
        let (sign, digits) = match rest.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, rest.strip_prefix('+').unwrap_or(rest)),
        };
        let (hours, _, mut after) = number(field, digits, 2, false)?;
        self.zone_hours = Some(sign * hours);
        if let (Field::ZoneOffset, Some(minutes)) = (field, after.strip_prefix(':')) {
            let (minutes, _, end) = number(field, minutes, 2, false)?;
            (self.zone_minutes, after) = (minutes, end);
        }
        Ok(after)
    }

    /// Days since 1970-01-01.
    fn date(&self, text: &str) -> Result<i64, SqlError> {
        if let Some(julian) = self.julian_day {
            return Ok(julian - EPOCH_JULIAN_DAY);
        }
        if let (Some(year), Some(week)) = (self.iso_year, self.iso_week) {
            let weekday = self.iso_weekday.unwrap_or(1);
            if !(1..=53).contains(&week) || !(1..=7).contains(&weekday) {
                return Err(out_of_range(text));
            }
            let fourth = days_from_civil(Civil { year, month: 1, day: 4 });
            let monday = fourth - (fourth + 3).rem_euclid(7);
            return Ok(monday + (week - 1) * 7 + weekday - 1);
        }
        let year = match (self.year.or(self.iso_year), self.century) {
            (Some(year), Some(century)) if year < 100 => (century - 1) * 100 + year,
            (Some(year), _) => year,
            (None, Some(century)) => (century - 1) * 100 + 1,
            (None, None) => 0,
        };
        let year = if self.is_before_christ { 1 - year } else { year };
        if let Some(day) = self.day_of_year {
            let last = if is_leap_year(year) { 366 } else { 365 };
            if !(1..=last).contains(&day) {
                return Err(out_of_range(text));
            }
            return Ok(days_from_civil(Civil { year, month: 1, day: 1 }) + day - 1);
        }
        let part = |value: Option<i64>| u32::try_from(value.unwrap_or(1)).unwrap_or(0);
        let (month, day) = (part(self.month), part(self.day));
        if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
            return Err(out_of_range(text));
        }
        Ok(days_from_civil(Civil { year, month, day }))
    }

    /// Microseconds since midnight.
    fn time(&self, text: &str) -> Result<i64, SqlError> {
        if let Some(seconds) = self.second_of_day {
            if seconds >= 86_400 {
                return Err(out_of_range(text));
            }
            return Ok(seconds * SECOND_MICROS + self.micros);
        }
        let mut hour = self.hour.unwrap_or(0);
        if self.is_twelve_hours {
            if !(1..=12).contains(&hour) {
                return Err(SqlError::new(
                    SqlState::InvalidDatetimeFormat,
                    format!("hour \"{hour}\" is invalid for the 12-hour clock"),
                )
                .with_hint("Use the 24-hour clock, or give an hour between 1 and 12."));
            }
            hour = hour % 12 + if self.is_afternoon == Some(true) { 12 } else { 0 };
            if self.is_afternoon.is_none() && self.hour == Some(12) {
                hour = 12;
            }
        }
        if hour >= 24 || self.minute >= 60 || self.second >= 60 {
            return Err(out_of_range(text));
        }
        Ok((hour * 3600 + self.minute * 60 + self.second) * SECOND_MICROS + self.micros)
    }
}

/// Digits behind the point of a second, in microseconds.
fn fraction_micros(value: i64, count: usize) -> i64 {
    let exponent = i32::try_from(count).unwrap_or(6);
    match 6 - exponent {
        missing @ 0.. => value * 10_i64.pow(missing.unsigned_abs()),
        surplus => value / 10_i64.pow(surplus.unsigned_abs()),
    }
}

fn out_of_range(text: &str) -> SqlError {
    SqlError::new(
        SqlState::DatetimeFieldOverflow,
        format!("date/time field value out of range: \"{text}\""),
    )
}
