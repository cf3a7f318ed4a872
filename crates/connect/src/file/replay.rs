//! [`Replay`]: rows held back until they are due, their times shifted to now.
//!
//! ```text
//!   time in the file:   first ─────────────── t          shifted: start + (t - first)
//!   fed at:             start ───── due                  due:     start + (t - first) / speed
//! ```
//! The one idea: `first` and `start` are fixed by the first row and committed with it, so a restart
//! goes on with the same shift; what became due while the server was down is fed at once.

use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use arrow::record_batch::RecordBatch;
use kappa_types::{SqlError, SqlState};

use super::chunk::Chunk;
use super::options::ReplayOptions;
use crate::reader::Step;
use crate::{Offset, SourceBatch};

/// Rows that are due soon wait for each other so long, so that a fast replay makes few commits.
const PACE_INTERVAL_MICROS: i64 = 20_000;

/// Rows waiting until they are due.
#[derive(Debug)]
pub(super) struct Replay {
    options: ReplayOptions,
    anchor: Option<Anchor>,
    /// Whether the anchor was handed over.
    is_anchor_sent: bool,
    waiting: Option<Chunk>,
}

/// Where the times of the file and of the wall clock meet; microseconds since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    /// The first time in the file.
    first: i64,
    /// When it was fed.
    start: i64,
}

impl Anchor {
    /// Reads what [`Anchor::text`] writes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (first, start) = text.strip_prefix("replay first=")?.split_once(" start=")?;
        Some(Self { first: first.parse().ok()?, start: start.parse().ok()? })
    }

    fn text(self) -> String {
        format!("replay first={} start={}", self.first, self.start)
    }

    fn shifted(self, time: i64) -> i64 {
        self.start.saturating_add(time.saturating_sub(self.first))
    }

    fn due(self, time: i64, speed: f64) -> i64 {
        let distance = time.saturating_sub(self.first) as f64 / speed;
        self.start.saturating_add(distance as i64)
    }
}

impl Replay {
    /// A replay that begins, or goes on at a committed anchor.
    pub(super) const fn new(options: ReplayOptions, anchor: Option<Anchor>) -> Self {
        Self { options, anchor, is_anchor_sent: anchor.is_some(), waiting: None }
    }

    /// Whether there are rows waiting; only then [`Replay::next`] may be called.
    pub(super) const fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Takes rows to hold back.
    pub(super) fn push(&mut self, chunk: Chunk) {
        debug_assert!(self.waiting.is_none(), "one chunk at a time");
        self.waiting = Some(chunk);
    }

    /// The rows that are due at `now`, or how long to wait for one.
    pub(super) fn next(&mut self, now: i64) -> Result<Step, SqlError> {
        let Some(chunk) = &mut self.waiting else { return Ok(Step::Wait(Duration::ZERO)) };
        let times = chunk.rows.column(self.options.column).clone();
        let times = times.as_primitive::<TimestampMicrosecondType>();
        if self.anchor.is_none() {
            let first = times.iter().flatten().next();
            self.anchor = first.map(|first| Anchor { first, start: now });
        }
        let count = times.len();
        let due_count = self.anchor.map_or(count, |anchor| {
            let is_due = |time: Option<i64>| {
                time.is_none_or(|time| anchor.due(time, self.options.speed) <= now)
            };
            times.iter().position(|time| !is_due(time)).unwrap_or(count)
        });
        if due_count == 0 && count > 0 {
            let anchor = self.anchor.expect("without an anchor every row is due");
            let wait = anchor.due(times.value(0), self.options.speed).saturating_sub(now);
            let micros = u64::try_from(wait.max(PACE_INTERVAL_MICROS)).unwrap_or(0);
            return Ok(Step::Wait(Duration::from_micros(micros)));
        }
        let mut batch = chunk.take(due_count);
        if due_count >= count {
            self.waiting = None;
        }
        self.shift(&mut batch)?;
        if let Some(anchor) = self.anchor.filter(|_| !self.is_anchor_sent) {
            let offset = Offset { partition: String::new(), position: anchor.text() };
            batch.offsets.push(offset);
            self.is_anchor_sent = true;
        }
        Ok(Step::Batch(batch))
    }

    /// Moves the times of a batch to when they are fed.
    fn shift(&self, batch: &mut SourceBatch) -> Result<(), SqlError> {
        let Some(anchor) = self.anchor else { return Ok(()) };
        let mut columns = batch.rows.columns().to_vec();
        let times = columns[self.options.column].as_primitive::<TimestampMicrosecondType>();
        let data_type = times.data_type().clone();
        let shifted = times.unary::<_, TimestampMicrosecondType>(|time| anchor.shifted(time));
        columns[self.options.column] =
            std::sync::Arc::new(shifted.with_data_type(data_type)) as ArrayRef;
        batch.rows = RecordBatch::try_new(batch.rows.schema(), columns)
            .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))?;
        Ok(())
    }
}
