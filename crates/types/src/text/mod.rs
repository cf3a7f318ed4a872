//! The textual form of SQL values: what PostgreSQL 15 reads and writes, to and from Arrow.
//!
//! One file per type (or family), each with `parse` and `write` by hand over bytes;
//! [`ColumnParser`] and [`ColumnFormatter`] choose among them once per column, not per value.
//!
//! This folder does not know statements, casts between types, or the wire's binary form.

mod abbreviation;
mod array;
mod boolean;
mod bytea;
mod calendar;
mod datetime;
mod datetime_token;
mod datetime_words;
mod decimal;
mod float;
mod formatter;
mod integer;
mod interval;
mod interval_iso;
mod interval_token;
mod invalid;
mod json;
mod options;
mod parser;
mod time_of_day;
mod uuid;
mod zone;

pub use calendar::{Civil, civil_from_days, days_from_civil, days_in_month, is_leap_year};
pub use datetime::{DAYS_END, DAYS_MIN, MICROS_MIN};
pub use formatter::{ColumnFormatter, canonical};
pub use invalid::utf8;
pub use json::{normalize_jsonb, validate_json};
pub use options::{ByteaStyle, DateOrder, IntervalStyle, TextOptions};
pub use parser::{ColumnParser, parse_value};
pub use zone::{Zone, named as named_zone, offset_at_local, offset_at_utc};
