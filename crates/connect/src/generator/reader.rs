//! [`GeneratorReader`]: rows at a steady pace.
//!
//! The one idea: times of rows and pace are two things. The time of a row is a function of its number,
//! fixed once for all when the first row is made. The pace counts from when the source was (re)started,
//! so a server that was down for a day does not make up for the day in one flood.

use std::collections::BTreeMap;
use std::time::Duration;

use kappa_types::{SqlError, SqlState};

use super::columns::Columns;
use super::kind::{Kind, Timing};
use super::options::GeneratorOptions;
use crate::reader::{Reader, Step};
use crate::{ConnectorSpec, Offset, SourceBatch};

/// Rows in a batch.
const BATCH_ROW_COUNT_MAX: u64 = 16 * 1024;

/// Rows that are due soon wait for each other so long, so that a fast pace makes few commits.
const PACE_INTERVAL_MICROS: u64 = 20_000;

/// Events per second of their own time when rows are made as fast as possible.
const FREE_EVENT_RATE: u64 = 10_000;

/// Microseconds of a second.
const SECOND_MICROS: u64 = 1_000_000;

/// Checks options and columns.
///
/// # Errors
/// As [`crate::validate`].
pub(crate) fn validate(spec: &ConnectorSpec) -> Result<(), SqlError> {
    let options = GeneratorOptions::new(spec)?;
    Columns::new(&spec.schema, options.kind.columns()).map(|_| ())
}

/// Whether a number of rows is made as fast as possible.
pub(crate) fn is_load(spec: &ConnectorSpec) -> bool {
    GeneratorOptions::new(spec).is_ok_and(|options| options.rate == 0 && options.row_count > 0)
}

/// Makes the rows of a source.
#[derive(Debug)]
pub(crate) struct GeneratorReader {
    options: GeneratorOptions,
    columns: Columns,
    /// Rows made.
    rows: u64,
    /// The time of row 0, once known.
    start: Option<i64>,
    /// The wall clock and the rows made when this reader began.
    pace: Option<(i64, u64)>,
    batch_row_count_max: u64,
}

impl GeneratorReader {
    /// A reader that goes on at the committed position.
    ///
    /// # Errors
    /// As [`validate`], and XX000 for a position that is none.
    pub(crate) fn new(
        spec: &ConnectorSpec,
        offsets: &BTreeMap<String, String>,
    ) -> Result<Self, SqlError> {
        let options = GeneratorOptions::new(spec)?;
        let (rows, start) = match offsets.get("") {
            None => (0, options.start),
            Some(text) => parse_position(text).map(|(rows, start)| (rows, Some(start)))?,
        };
        let columns = Columns::new(&spec.schema, options.kind.columns())?;
        let batch_row_count_max = BATCH_ROW_COUNT_MAX;
        Ok(Self { options, columns, rows, start, pace: None, batch_row_count_max })
    }

    /// The same with smaller batches.
    #[cfg(test)]
    pub(super) const fn with_batch_row_count_max(mut self, count: u64) -> Self {
        self.batch_row_count_max = count;
        self
    }

    /// How many rows are due and not made yet, or how long to wait for one.
    fn due_count(&mut self, now: i64) -> Result<u64, Duration> {
        if self.options.rate == 0 {
            return Ok(u64::MAX);
        }
        let (began, before) = *self.pace.get_or_insert((now, self.rows));
        let micros = u128::from(u64::try_from(now.saturating_sub(began)).unwrap_or(0));
        let (rate, second) = (u128::from(self.options.rate), u128::from(SECOND_MICROS));
        // The first row is due at once.
        let due = u128::from(before) + micros * rate / second + 1;
        let made = u128::from(self.rows);
        if due > made {
            return Ok(u64::try_from(due - made).unwrap_or(u64::MAX));
        }
        let next = (made - u128::from(before)) * second / rate;
        let wait = u64::try_from(next.saturating_sub(micros)).unwrap_or(u64::MAX);
        Err(Duration::from_micros(wait.max(PACE_INTERVAL_MICROS)))
    }

    /// Makes one row.
    fn make(&mut self, start: i64) {
        let GeneratorOptions { kind, rate, seed, late_share, late_delay, .. } = self.options;
        let event = kind.event(self.rows);
        let mut dice = kind.dice(seed, self.rows);
        let is_late = dice.f64() < late_share;
        let delay = if is_late { late_delay } else { 0 };
        let time = start.saturating_add_unsigned(event_micros(kind, rate, event)) - delay;
        let timing = Timing { event, time, event_micros: event_micros(kind, rate, 1).max(1) };
        kind.make(&timing, &mut dice, &mut self.columns);
        self.rows += 1;
    }
}

/// How long after the first event `event` happens.
fn event_micros(kind: Kind, rate: u64, event: u64) -> u64 {
    let (share, all) = kind.ratio();
    // Events per second, times `share`: rates of one kind become rates of all kinds together.
    let rate = if rate == 0 { FREE_EVENT_RATE * share } else { rate.saturating_mul(all) };
    let micros = u128::from(event) * u128::from(SECOND_MICROS) * u128::from(share);
    u64::try_from(micros / u128::from(rate)).unwrap_or(u64::MAX)
}

impl Reader for GeneratorReader {
    fn next(&mut self, now_micros: i64) -> Result<Step, SqlError> {
        let left = match self.options.row_count {
            0 => u64::MAX,
            count => count.saturating_sub(self.rows),
        };
        if left == 0 {
            return Ok(Step::End);
        }
        let count = match self.due_count(now_micros) {
            Ok(due) => due.min(left).min(self.batch_row_count_max),
            Err(wait) => return Ok(Step::Wait(wait)),
        };
        let start = *self.start.get_or_insert(now_micros);
        for _ in 0..count {
            self.make(start);
        }
        let rows = self.columns.finish(usize::try_from(count).unwrap_or(usize::MAX));
        let rows =
            rows.map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))?;
        let position = format!("rows={} start={start}", self.rows);
        let offsets = vec![Offset { partition: String::new(), position }];
        Ok(Step::Batch(SourceBatch { rows, rejects: Vec::new(), offsets }))
    }
}

/// Reads the position that [`GeneratorReader`] writes: rows made, and the time of row 0.
fn parse_position(text: &str) -> Result<(u64, i64), SqlError> {
    let parts = text.strip_prefix("rows=").and_then(|rest| rest.split_once(" start="));
    let parsed = parts.and_then(|(rows, start)| Some((rows.parse().ok()?, start.parse().ok()?)));
    parsed.ok_or_else(|| {
        let message = format!("\"{text}\" is not a position of connector \"generator\"");
        SqlError::new(SqlState::InternalError, message)
    })
}
