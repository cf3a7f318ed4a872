//! [`Window`]: how a time is put into windows. Pure arithmetic on microseconds since the epoch.
//!
//! ```text
//! tumble   |----|----|----|        every time in one window
//! hop      |--------|
//!              |--------|          every time in size / slide windows
//! calendar |-- Jan --|- Feb -|     one window, lengths differ
//! ```
//! Windows are `[start, end)`. Does not know rows; time zones other than UTC are not its business.

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate};

/// A unit of the calendar whose windows differ in length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CalendarUnit {
    /// Calendar month.
    Month,
    /// Three months from January, April, July, October.
    Quarter,
    /// Calendar year.
    Year,
    /// Ten years from a year divisible by 10.
    Decade,
}

/// What becomes of a row whose time is NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NullTime {
    /// It is in no window (TUMBLE, HOP).
    Drop,
    /// It is in the group whose window is NULL (date_trunc and its like in GROUP BY).
    Group,
}

/// A way to put times into windows.
///
/// * `0 < slide <= size`, `size` a multiple of `slide`, for hop; `0 < size` for tumble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// Windows of `size`, one after another, one of them starting at `offset`.
    Tumble {
        /// Length in microseconds.
        size_micros: i64,
        /// Start of some window, in microseconds since the epoch.
        offset_micros: i64,
    },
    /// Windows of `size`, one starting every `slide`.
    Hop {
        /// Distance of starts in microseconds.
        slide_micros: i64,
        /// Length in microseconds.
        size_micros: i64,
        /// Start of some window, in microseconds since the epoch.
        offset_micros: i64,
    },
    /// Windows of one calendar unit, in UTC.
    Calendar {
        /// Which unit.
        unit: CalendarUnit,
    },
}

impl Window {
    /// The start of the newest window that holds `time`; for hop the older ones that hold it start
    /// `slide` apart before it. `None` where the start cannot be represented.
    #[must_use]
    pub fn last_start(&self, time: i64) -> Option<i64> {
        match *self {
            Self::Tumble { size_micros: step, offset_micros }
            | Self::Hop { slide_micros: step, offset_micros, .. } => {
                let distance = time.checked_sub(offset_micros)?;
                time.checked_sub(distance.rem_euclid(step))
            }
            Self::Calendar { unit } => calendar_start(unit, time),
        }
    }

    /// The start of the oldest window that holds `time`. `None` where it cannot be represented.
    #[must_use]
    pub fn oldest_start(&self, time: i64) -> Option<i64> {
        let last = self.last_start(time)?;
        match *self {
            Self::Hop { slide_micros, size_micros, .. } => {
                last.checked_sub(size_micros - slide_micros)
            }
            _ => Some(last),
        }
    }

    /// The end of the window that starts at `start`. `None` where it cannot be represented.
    #[must_use]
    pub fn end(&self, start: i64) -> Option<i64> {
        match *self {
            Self::Tumble { size_micros, .. } | Self::Hop { size_micros, .. } => {
                start.checked_add(size_micros)
            }
            Self::Calendar { unit } => calendar_end(unit, start),
        }
    }

    /// How many windows hold each time.
    #[must_use]
    pub const fn windows_per_time(&self) -> i64 {
        match *self {
            Self::Hop { slide_micros, size_micros, .. } => size_micros / slide_micros,
            _ => 1,
        }
    }

    /// Distance of the starts of neighbouring windows; `None` where it varies.
    #[must_use]
    pub const fn step_micros(&self) -> Option<i64> {
        match *self {
            Self::Tumble { size_micros, .. } => Some(size_micros),
            Self::Hop { slide_micros, .. } => Some(slide_micros),
            Self::Calendar { .. } => None,
        }
    }

    /// Whether some window closes when the watermark rises from `before` to `after`: whether an end
    /// lies in `(before, after]`. `before` is `None` when there was no watermark yet.
    #[must_use]
    pub fn closes_between(&self, before: Option<i64>, after: i64) -> bool {
        // Ends are starts shifted by a fixed distance, or the starts themselves (tumble, calendar),
        // because the size of a hop is a multiple of its slide.
        let Some(before) = before else { return true };
        after > before && self.last_start(before) != self.last_start(after)
    }
}

fn calendar_start(unit: CalendarUnit, time: i64) -> Option<i64> {
    let date = DateTime::from_timestamp_micros(time)?.date_naive();
    let (year, month) = match unit {
        CalendarUnit::Month => (date.year(), date.month()),
        CalendarUnit::Quarter => (date.year(), (date.month() - 1) / 3 * 3 + 1),
        CalendarUnit::Year => (date.year(), 1),
        CalendarUnit::Decade => (date.year().div_euclid(10) * 10, 1),
    };
    month_micros(year, month)
}

fn calendar_end(unit: CalendarUnit, start: i64) -> Option<i64> {
    let date = DateTime::from_timestamp_micros(start)?.date_naive();
    let months = match unit {
        CalendarUnit::Month => 1,
        CalendarUnit::Quarter => 3,
        CalendarUnit::Year => 12,
        CalendarUnit::Decade => 120,
    };
    let index = date.year() * 12 + date.month0() as i32 + months;
    month_micros(index.div_euclid(12), index.rem_euclid(12) as u32 + 1)
}

fn month_micros(year: i32, month: u32) -> Option<i64> {
    let midnight = NaiveDate::from_ymd_opt(year, month, 1)?.and_hms_opt(0, 0, 0)?;
    Some(midnight.and_utc().timestamp_micros())
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Tumble { size_micros, .. } => write!(f, "tumble {}", Span(size_micros)),
            Self::Hop { slide_micros, size_micros, .. } => {
                write!(f, "hop {} / {}", Span(size_micros), Span(slide_micros))
            }
            Self::Calendar { unit } => write!(f, "{}", format!("{unit:?}").to_lowercase()),
        }
    }
}

/// Microseconds, shown in the largest unit that divides them.
struct Span(i64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(i64, &str); 5] = [
            (86_400_000_000, "d"),
            (3_600_000_000, "h"),
            (60_000_000, "min"),
            (1_000_000, "s"),
            (1_000, "ms"),
        ];
        match UNITS.iter().find(|(micros, _)| self.0 % micros == 0) {
            Some((micros, unit)) => write!(f, "{} {unit}", self.0 / micros),
            None => write!(f, "{} us", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn tumble_before_the_epoch_and_with_offset() {
        let window = Window::Tumble { size_micros: 10, offset_micros: 3 };
        assert_eq!(window.last_start(-1), Some(-7));
        assert_eq!(window.last_start(3), Some(3));
        assert_eq!(window.end(3), Some(13));
    }

    #[test]
    fn hop_holds_a_time_in_size_over_slide_windows() {
        let window = Window::Hop { slide_micros: 2, size_micros: 10, offset_micros: 0 };
        assert_eq!((window.last_start(7), window.windows_per_time()), (Some(6), 5));
    }

    #[test]
    fn calendar_units_have_their_own_lengths() {
        let february = 31 * DAY;
        let month = Window::Calendar { unit: CalendarUnit::Month };
        assert_eq!(month.last_start(february + 5), Some(february));
        assert_eq!(month.end(february), Some(february + 28 * DAY));
        let decade = Window::Calendar { unit: CalendarUnit::Decade };
        assert_eq!(decade.end(0), Some(3653 * DAY - DAY));
    }

    #[test]
    fn a_window_closes_when_the_watermark_reaches_its_end() {
        let window = Window::Tumble { size_micros: 10, offset_micros: 0 };
        assert!(!window.closes_between(Some(3), 9));
        assert!(window.closes_between(Some(9), 10));
        assert!(!window.closes_between(Some(10), 19));
        assert!(!window.closes_between(Some(10), 10));
    }

    #[test]
    fn extremes_have_no_window_rather_than_a_wrong_one() {
        let window = Window::Tumble { size_micros: 10, offset_micros: 3 };
        assert_eq!(window.last_start(i64::MIN), None);
        assert_eq!(window.end(i64::MAX - 1), None);
    }
}
