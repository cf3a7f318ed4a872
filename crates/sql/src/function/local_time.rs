//! [`LocalTime`]: a day and a time of day as a clock somewhere shows them.
//!
//! The one idea: apart, they are in range wherever the instant is; only the way back is checked.

use chrono_tz::Tz;
use kappa_types::SqlError;
use kappa_types::text::{Zone, offset_at_local, offset_at_utc};

use super::datetime_range::timestamp_of;
use super::interval::DAY_MICROS;

const SECOND_MICROS: i64 = 1_000_000;

/// What a clock shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalTime {
    /// Days since 1970-01-01.
    pub(super) day: i64,
    /// Microseconds since midnight.
    pub(super) time: i64,
}

impl LocalTime {
    /// What the clock shows at an instant, so many seconds east of Greenwich.
    pub(super) fn at_offset(micros: i64, offset_seconds: i32) -> Self {
        let local = i128::from(micros) + i128::from(offset_seconds) * i128::from(SECOND_MICROS);
        let day = i128::from(DAY_MICROS);
        Self { day: local.div_euclid(day) as i64, time: local.rem_euclid(day) as i64 }
    }

    /// What the clock of `zone` shows at an instant.
    pub(super) fn at(micros: i64, zone: Tz) -> Self {
        Self::at_offset(micros, offset_at_utc(zone, micros))
    }

    /// The instant at which a clock so many seconds east of Greenwich shows this.
    pub(super) fn instant_at_offset(self, offset_seconds: i32) -> Result<i64, SqlError> {
        let offset = i128::from(offset_seconds) * i128::from(SECOND_MICROS);
        timestamp_of(self.micros() - offset)
    }

    /// The instant at which the clock of `zone` shows this.
    pub(super) fn instant(self, zone: Zone) -> Result<i64, SqlError> {
        // What does not fit is out of range with any offset.
        let micros = i64::try_from(self.micros()).unwrap_or(i64::MAX);
        let offset = match zone {
            Zone::Fixed(offset) => offset,
            Zone::Named(zone) => offset_at_local(zone, micros),
        };
        self.instant_at_offset(offset)
    }

    fn micros(self) -> i128 {
        i128::from(self.day) * i128::from(DAY_MICROS) + i128::from(self.time)
    }
}

/// Seconds east of Greenwich of a clock in `zone` at an instant.
pub(super) fn offset_at(zone: Zone, micros: i64) -> i32 {
    match zone {
        Zone::Fixed(offset) => offset,
        Zone::Named(zone) => offset_at_utc(zone, micros),
    }
}
