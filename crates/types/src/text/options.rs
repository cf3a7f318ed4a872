//! [`TextOptions`]: the session settings that text input and output depend on.

use chrono_tz::Tz;

/// How intervals are written (`IntervalStyle`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IntervalStyle {
    /// `1 year 2 mons 3 days 04:05:06`
    #[default]
    Postgres,
    /// `P1Y2M3DT4H5M6S`
    Iso8601,
}

/// In which order an ambiguous date is read (the second half of `DateStyle`). Dates are always
/// written as ISO 8601.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateOrder {
    /// `1/2/2003` is the second of January.
    #[default]
    Mdy,
    /// `1/2/2003` is the first of February.
    Dmy,
    /// `1/2/3` is the third of February 2001.
    Ymd,
}

/// How bytea is written (`bytea_output`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ByteaStyle {
    /// `\x00ff`
    #[default]
    Hex,
    /// `\000\377`
    Escape,
}

/// The session settings that text input and output depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextOptions {
    /// `TimeZone`: how timestamptz is written, and read where the text names no zone.
    pub time_zone: Tz,
    /// `extra_float_digits`: above 0 floats are written shortest and exact, else with
    /// `15 + extra_float_digits` (`6 +` for real) significant digits. From -15 to 3.
    pub extra_float_digits: i32,
    /// Microseconds since 1970-01-01 UTC that `now` and `today` stand for: the start of the
    /// transaction.
    pub now_micros: i64,
    /// `IntervalStyle`
    pub interval_style: IntervalStyle,
    /// The order part of `DateStyle`.
    pub date_order: DateOrder,
    /// `bytea_output`
    pub bytea_style: ByteaStyle,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self {
            time_zone: Tz::UTC,
            extra_float_digits: 1,
            now_micros: 0,
            interval_style: IntervalStyle::Postgres,
            date_order: DateOrder::Mdy,
            bytea_style: ByteaStyle::Hex,
        }
    }
}
