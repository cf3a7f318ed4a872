//! [`WatermarkLineage`]: how the watermark of a column follows from that of a base relation.
//!
//! ```text
//! base watermark -> step -> step -> ...   the column does not fall below it any more
//! ```
//! The one idea: each step never falls when the time rises, so the least of some watermarks may be
//! taken before or after it.

use kappa_types::RelationId;

use crate::{Expression, Window};

/// One base relation whose watermark bounds a column.
#[derive(Clone, Debug)]
pub struct WatermarkLineage {
    /// The relation with a WATERMARK clause.
    pub relation: RelationId,
    /// The monotone function from the relation's watermark column to the column; `None` where it is
    /// the column itself.
    pub mapping: Option<WatermarkMapping>,
}

impl WatermarkLineage {
    /// The lineage of what follows from the column by further steps.
    #[must_use]
    pub fn then(mut self, steps: &[WatermarkStep]) -> Self {
        if !steps.is_empty() {
            self.mapping.get_or_insert_default().steps.extend_from_slice(steps);
        }
        self
    }
}

/// A monotone function of a watermark.
#[derive(Clone, Debug, Default)]
pub struct WatermarkMapping {
    /// One after another, first step first.
    pub steps: Vec<WatermarkStep>,
}

/// A monotone function of a time, as part of a mapping.
#[derive(Clone, Debug)]
pub enum WatermarkStep {
    /// The expression, over a batch with one timestamp column.
    Expression(Expression),
    /// So many microseconds later.
    Shift(i64),
    /// The start of the oldest window that holds the time.
    OldestStart(Window),
    /// The end of the window that starts at the time.
    End(Window),
    /// The time at which the windows that start before this one are closed, and no others.
    Closing(Window),
}

impl WatermarkStep {
    /// The value for a time; `None` where it cannot be represented, and for expressions, which need
    /// a batch.
    #[must_use]
    pub fn of_time(&self, time: i64) -> Option<i64> {
        match self {
            Self::Expression(_) => None,
            Self::Shift(micros) => time.checked_add(*micros),
            Self::OldestStart(window) => window.oldest_start(time),
            Self::End(window) => window.end(time),
            Self::Closing(window) => window.end(window.last_start(time.checked_sub(1)?)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CalendarUnit;

    const HOP: Window = Window::Hop { slide_micros: 5, size_micros: 20, offset_micros: 0 };

    #[test]
    fn windows_that_start_before_a_bound_are_closed_and_no_others() {
        // Those at 5 and before end by 25; the one at 10 ends at 30.
        assert_eq!(WatermarkStep::Closing(HOP).of_time(10), Some(25));
        assert_eq!(WatermarkStep::Closing(HOP).of_time(11), Some(30));
        let month = Window::Calendar { unit: CalendarUnit::Month };
        assert_eq!(WatermarkStep::Closing(month).of_time(0), Some(0));
    }

    #[test]
    fn closing_by_the_oldest_start_is_closing_by_the_time() {
        for time in -50..50 {
            let start = WatermarkStep::OldestStart(HOP).of_time(time).unwrap();
            let closed = WatermarkStep::Closing(HOP).of_time(start).unwrap();
            assert_eq!(HOP.last_start(time), Some(closed));
        }
    }
}
