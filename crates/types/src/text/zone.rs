//! Time zones: what offset holds at an instant or a local time, and which zone a word names.
//!
//! Beyond the years that the zone tables cover, the offset is that of a year with the same
//! calendar: rules repeat with the weekdays.

use std::collections::HashMap;
use std::sync::OnceLock;

use chrono::{DateTime, NaiveDateTime, Offset, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};

use super::abbreviation;
use super::calendar::{Civil, civil_from_days, days_from_civil, is_leap_year};

/// Microseconds in a second.
const SECOND: i64 = 1_000_000;
/// Microseconds in a day.
const DAY: i64 = 86_400 * SECOND;
/// From this year on, the tables are taken to say nothing.
const TABLE_YEAR_MAX: i64 = 2090;
/// The first year of the 28-year cycle that stands for the far future.
const CYCLE_YEAR: i64 = 2010;
/// Before this year every zone is at its local mean time, and chrono's range ends soon after.
const TABLE_YEAR_MIN: i64 = -200_000;
/// No gap of a local clock is longer, and no two changes are nearer: 3 hours.
const GAP_MAX_SECONDS: i64 = 3 * 3600;

/// A zone named in a timestamp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Zone {
    /// Seconds east of Greenwich.
    Fixed(i32),
    /// A zone with rules.
    Named(Tz),
}

impl Zone {
    /// The zone or abbreviation with this name, in any case.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        if let Some(seconds) = abbreviation::offset_seconds(&lower) {
            return Some(Self::Fixed(seconds));
        }
        named(&lower).map(Self::Named)
    }

    /// Seconds east of Greenwich when the local clock shows `local_micros`.
    #[must_use]
    pub fn offset_at_local(self, local_micros: i64) -> i32 {
        match self {
            Self::Fixed(seconds) => seconds,
            Self::Named(zone) => offset_at_local(zone, local_micros),
        }
    }
}

/// The zone of the tz database with this name, in any case.
#[must_use]
pub fn named(name: &str) -> Option<Tz> {
    static NAMES: OnceLock<HashMap<String, Tz>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        TZ_VARIANTS.iter().map(|zone| (zone.name().to_ascii_lowercase(), *zone)).collect()
    });
    names.get(&name.to_ascii_lowercase()).copied()
}

/// Seconds east of Greenwich at the instant `utc_micros`.
#[must_use]
pub fn offset_at_utc(zone: Tz, utc_micros: i64) -> i32 {
    if zone == Tz::UTC {
        return 0;
    }
    zone.offset_from_utc_datetime(&naive(utc_micros)).fix().local_minus_utc()
}

/// Seconds east of Greenwich when the clock in `zone` shows `local_micros`.
///
/// A time that a clock change skips is read with the offset before the change; one that happens
/// twice is read as the later, as PostgreSQL does.
#[must_use]
pub fn offset_at_local(zone: Tz, local_micros: i64) -> i32 {
    if zone == Tz::UTC {
        return 0;
    }
    let local = naive(local_micros);
    let offset = match zone.offset_from_local_datetime(&local) {
        chrono::LocalResult::Single(offset) | chrono::LocalResult::Ambiguous(_, offset) => offset,
        chrono::LocalResult::None => {
            let before = local - chrono::TimeDelta::seconds(GAP_MAX_SECONDS);
            match zone.offset_from_local_datetime(&before) {
                chrono::LocalResult::Single(offset) | chrono::LocalResult::Ambiguous(_, offset) => {
                    offset
                }
                chrono::LocalResult::None => zone.offset_from_utc_datetime(&before),
            }
        }
    };
    offset.fix().local_minus_utc()
}

/// The time as chrono sees it, moved into a year that the tables cover.
fn naive(micros: i64) -> NaiveDateTime {
    let seconds = micros.div_euclid(SECOND);
    let year_near = 1970 + seconds.div_euclid(31_556_952);
    let seconds = if (TABLE_YEAR_MIN..TABLE_YEAR_MAX - 1).contains(&year_near) {
        seconds
    } else {
        moved_into_tables(micros).div_euclid(SECOND)
    };
    DateTime::from_timestamp(seconds, 0).expect("the year is within chrono's range").naive_utc()
}

fn moved_into_tables(micros: i64) -> i64 {
    let days = micros.div_euclid(DAY);
    let civil = civil_from_days(days);
    let year = if civil.year < 0 { TABLE_YEAR_MIN + 1 } else { same_calendar(civil.year) };
    days_from_civil(Civil { year, ..civil }) * DAY + micros.rem_euclid(DAY)
}

/// A year of the cycle with the same length and the same weekdays.
fn same_calendar(year: i64) -> i64 {
    let weekday = |year| days_from_civil(Civil { year, month: 1, day: 1 }).rem_euclid(7);
    (CYCLE_YEAR..CYCLE_YEAR + 28)
        .find(|other| {
            is_leap_year(*other) == is_leap_year(year) && weekday(*other) == weekday(year)
        })
        .expect("28 consecutive years without a century hold all 14 calendars")
}
