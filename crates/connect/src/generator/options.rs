//! [`GeneratorOptions`]: the options of the connector `generator`, read and checked.

use arrow::array::AsArray;
use arrow::datatypes::{IntervalMonthDayNanoType, TimestampMicrosecondType};
use kappa_types::text::{TextOptions, parse_value};
use kappa_types::{SqlError, SqlState, SqlType};

use super::info::INFO;
use super::kind::Kind;
use crate::ConnectorSpec;
use crate::option::{Options, invalid_value};

/// Microseconds of a day, as far as a delay is concerned.
const DAY_MICROS: i64 = 86_400_000_000;

/// The options.
#[derive(Clone, Copy, Debug)]
pub(super) struct GeneratorOptions {
    /// What to make.
    pub(super) kind: Kind,
    /// Rows per second; 0 is as fast as possible.
    pub(super) rate: u64,
    /// Rows in all; 0 is without end.
    pub(super) row_count: u64,
    /// Other seeds give other rows.
    pub(super) seed: u64,
    /// The time of the first row, in microseconds since 1970 UTC, if given.
    pub(super) start: Option<i64>,
    /// The share of late rows, 0 to 1.
    pub(super) late_share: f64,
    /// How much older late rows are, in microseconds.
    pub(super) late_delay: i64,
}

impl GeneratorOptions {
    /// Reads the options of a spec.
    pub(super) fn new(spec: &ConnectorSpec) -> Result<Self, SqlError> {
        let options = Options::new(INFO.options, &spec.options);
        let whole = |name| options.number::<u64>(name, |_| true, "a whole number, 0 or more");
        let is_share = |share: &f64| (0.0..=1.0).contains(share);
        Ok(Self {
            kind: kind(&options)?,
            rate: whole("rate")?.unwrap_or_default(),
            row_count: whole("rows")?.unwrap_or_default(),
            seed: whole("seed")?.unwrap_or_default(),
            start: options.text("start").map(parse_start).transpose()?,
            late_share: options
                .number("late.share", is_share, "a number from 0 to 1")?
                .unwrap_or_default(),
            late_delay: options.text("late.delay").map_or(Ok(0), parse_delay)?,
        })
    }
}

/// The kind that `kind` and `type` name together.
fn kind(options: &Options<'_>) -> Result<Kind, SqlError> {
    options.required("kind")?;
    let is_nexmark = options.choice("kind", &[("clicks", false), ("nexmark", true)])?;
    if is_nexmark == Some(false) {
        return match options.text("type") {
            None => Ok(Kind::Clicks),
            Some(_) => {
                let message = "option \"type\" belongs to kind 'nexmark'";
                Err(SqlError::new(SqlState::InvalidParameterValue, message))
            }
        };
    }
    options.required("type")?;
    let types = [("person", Kind::Person), ("auction", Kind::Auction), ("bid", Kind::Bid)];
    Ok(options.choice("type", &types)?.expect("it was just there"))
}

fn parse_start(text: &str) -> Result<i64, SqlError> {
    let array = parse_value(&SqlType::Timestamptz, text, &TextOptions::default())
        .map_err(|_| invalid_value("start", text, "a timestamp"))?;
    Ok(array.as_primitive::<TimestampMicrosecondType>().value(0))
}

fn parse_delay(text: &str) -> Result<i64, SqlError> {
    let refuse = || invalid_value("late.delay", text, "an interval of days or less, 0 or more");
    let array = parse_value(&SqlType::Interval, text, &TextOptions::default());
    let array = array.map_err(|_| refuse())?;
    let delay = array.as_primitive::<IntervalMonthDayNanoType>().value(0);
    let micros =
        i64::from(delay.days).checked_mul(DAY_MICROS).map(|days| days + delay.nanoseconds / 1000);
    micros.filter(|micros| *micros >= 0 && delay.months == 0).ok_or_else(refuse)
}
