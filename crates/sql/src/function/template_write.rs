//! `to_char` of a time: each pattern of a template written from a moment on the local calendar.

use chrono::TimeZone as _;
use chrono_tz::{OffsetName as _, Tz};
use kappa_types::text::{Civil, civil_from_days, days_from_civil, offset_at_utc};

use super::local_time::LocalTime;
use super::template::{Field, Letters, Piece, Template};

const DAY_MICROS: i64 = 86_400_000_000;
const SECOND_MICROS: i64 = 1_000_000;
/// The Julian day of 1970-01-01.
pub(super) const EPOCH_JULIAN_DAY: i64 = 2_440_588;
/// Names of months and days are filled up to the longest of them.
const NAME_WIDTH: usize = 9;

/// English names of the months.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// English names of the days, Monday first.
pub(super) const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// Roman numbers of the months.
pub(super) const ROMANS: [&str; 12] =
    ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

/// A moment taken apart on the local calendar.
pub(super) struct Moment {
    civil: Civil,
    day: i64,
    time: i64,
    /// Microseconds since the epoch in UTC, and the zone in which the calendar is.
    zone: Option<(Tz, i64)>,
}

impl Moment {
    /// A timestamp; with a zone it is an instant that is shown there.
    pub(super) fn new(micros: i64, zone: Option<Tz>) -> Self {
        let LocalTime { day, time } = LocalTime::at(micros, zone.unwrap_or(Tz::UTC));
        let zone = zone.map(|zone| (zone, micros));
        Self { civil: civil_from_days(day), day, time, zone }
    }

    /// Writes a template.
    pub(super) fn write(&self, template: &Template, out: &mut String) {
        for piece in &template.pieces {
            match piece {
                Piece::Literal(letter, _) => out.push(*letter),
                Piece::Pattern { field, letters, bare, ordinal, dotted } => {
                    match self.number(*field) {
                        Some((value, width)) => {
                            let width = if *bare { 0 } else { width };
                            out.push_str(&padded(value, width));
                            if let Some(letters) = ordinal {
                                out.push_str(&cased(suffix(value), *letters));
                            }
                        }
                        None => out.push_str(&self.word(*field, *letters, *bare, *dotted)),
                    }
                }
            }
        }
    }

    /// The value and width of a pattern that is a number.
    fn number(&self, field: Field) -> Option<(i64, usize)> {
        let hour = self.time / (3600 * SECOND_MICROS);
        let fraction = self.time % SECOND_MICROS;
        let day_of_year = self.day_of_year();
        let (iso_year, iso_week) = super::datetime_field::iso_week(self.day);
        let weekday = (self.day + 3).rem_euclid(7);
        let shown = |year: i64| if year <= 0 { 1 - year } else { year };
        let last_digits = |year: i64, count: u8| match count {
            4 => year,
            count => year % 10_i64.pow(u32::from(count)),
        };
        Some(match field {
            Field::Hour24 => (hour, 2),
            Field::Hour12 => (if hour % 12 == 0 { 12 } else { hour % 12 }, 2),
            Field::Minute => (self.time / (60 * SECOND_MICROS) % 60, 2),
            Field::Second => (self.time / SECOND_MICROS % 60, 2),
            Field::SecondOfDay => (self.time / SECOND_MICROS, 0),
            Field::Millisecond => (fraction / 1000, 3),
            Field::Microsecond => (fraction, 6),
            Field::Fraction(digits) => {
                (fraction / 10_i64.pow(u32::from(6 - digits)), usize::from(digits))
            }
            Field::Year(count) => (last_digits(shown(self.civil.year), count), usize::from(count)),
            Field::IsoYear(count) => (last_digits(shown(iso_year), count), usize::from(count)),
            Field::Month => (i64::from(self.civil.month), 2),
            Field::Day => (i64::from(self.civil.day), 2),
            Field::DayOfYear => (day_of_year, 3),
            Field::IsoDayOfYear => ((iso_week - 1) * 7 + weekday + 1, 3),
            Field::Weekday => ((weekday + 1) % 7 + 1, 0),
            Field::IsoWeekday => (weekday + 1, 0),
            Field::WeekOfMonth => ((i64::from(self.civil.day) - 1) / 7 + 1, 0),
            Field::WeekOfYear => ((day_of_year - 1) / 7 + 1, 2),
            Field::IsoWeek => (iso_week, 2),
            Field::Century => (century(self.civil.year), 2),
            Field::JulianDay => (self.day + EPOCH_JULIAN_DAY, 0),
            Field::Quarter => ((i64::from(self.civil.month) - 1) / 3 + 1, 0),
            _ => return None,
        })
    }

    fn day_of_year(&self) -> i64 {
        self.day - days_from_civil(Civil { year: self.civil.year, month: 1, day: 1 }) + 1
    }

    /// A pattern that is a word.
    fn word(&self, field: Field, letters: Letters, bare: bool, dotted: bool) -> String {
        let month = self.civil.month as usize - 1;
        let day = DAYS[(self.day + 3).rem_euclid(7) as usize];
        let filled = |name: &str, width: usize| match bare {
            true => cased(name, letters),
            false => format!("{:<width$}", cased(name, letters)),
        };
        let points = |word: &str| match dotted {
            true => cased(&word.chars().flat_map(|c| [c, '.']).collect::<String>(), letters),
            false => cased(word, letters),
        };
        match field {
            Field::MonthName => filled(MONTHS[month], NAME_WIDTH),
            Field::DayName => filled(day, NAME_WIDTH),
            Field::MonthShort => cased(&MONTHS[month][..3], letters),
            Field::DayShort => cased(&day[..3], letters),
            Field::MonthRoman => filled(ROMANS[month], 4),
            Field::Meridiem if self.time < DAY_MICROS / 2 => points("AM"),
            Field::Meridiem => points("PM"),
            Field::Era if self.civil.year <= 0 => points("BC"),
            Field::Era => points("AD"),
            Field::YearWithComma => {
                let year = if self.civil.year <= 0 { 1 - self.civil.year } else { self.civil.year };
                match bare {
                    true => format!("{},{:03}", year / 1000, year % 1000),
                    false => format!("{:01},{:03}", year / 1000, year % 1000),
                }
            }
            _ => self.zone_word(field, letters),
        }
    }

    /// A pattern of the zone; nothing without one, but an offset of zero.
    fn zone_word(&self, field: Field, letters: Letters) -> String {
        let offset = self.zone.map_or(0, |(zone, micros)| offset_at_utc(zone, micros));
        let sign = if offset < 0 { '-' } else { '+' };
        let (hours, minutes) = (offset.abs() / 3600, offset.abs() / 60 % 60);
        match (field, self.zone) {
            (Field::ZoneHours, _) => format!("{sign}{hours:02}"),
            (Field::ZoneMinutes, _) => format!("{minutes:02}"),
            (Field::ZoneOffset, _) if minutes == 0 => format!("{sign}{hours:02}"),
            (Field::ZoneOffset, _) => format!("{sign}{hours:02}:{minutes:02}"),
            (Field::ZoneName, Some((zone, micros))) => {
                let seconds = micros.div_euclid(SECOND_MICROS);
                let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default();
                let named = zone.offset_from_utc_datetime(&time.naive_utc());
                let name = named.abbreviation().unwrap_or_default();
                match letters {
                    Letters::Lower => name.to_ascii_lowercase(),
                    _ => name.to_owned(),
                }
            }
            _ => String::new(),
        }
    }
}

fn century(year: i64) -> i64 {
    if year > 0 { (year + 99) / 100 } else { -((99 - (year - 1)) / 100) }
}

fn padded(value: i64, width: usize) -> String {
    match value < 0 {
        true => format!("-{:0width$}", value.unsigned_abs()),
        false => format!("{value:0width$}"),
    }
}

const fn suffix(value: i64) -> &'static str {
    match (value.unsigned_abs() % 100, value.unsigned_abs() % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    }
}

fn cased(word: &str, letters: Letters) -> String {
    match letters {
        Letters::Upper => word.to_ascii_uppercase(),
        Letters::Lower => word.to_ascii_lowercase(),
        Letters::Capital => word.to_owned(),
    }
}
