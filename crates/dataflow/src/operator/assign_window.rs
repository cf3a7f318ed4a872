//! AssignWindow: puts each row out once per window that holds its time.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray, UInt32Array};
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use kappa_plan::Window;
use kappa_types::DeltaBatch;

use super::failure::{ErrorRows, Reason};
use super::{Operator, Output};

/// The input's columns, then window_start and window_end. A row without a time is in no window; a
/// time whose windows cannot be represented is an error.
pub(crate) struct AssignWindow {
    /// Column with the time.
    time: usize,
    /// Which windows.
    window: Window,
    /// Output columns.
    schema: SchemaRef,
    /// Where errors say they happened.
    position: String,
}

impl AssignWindow {
    pub(crate) fn new(time: usize, window: Window, schema: SchemaRef, position: String) -> Self {
        Self { time, window, schema, position }
    }
}

/// The starts of the windows that hold `time`, newest first; `None` where one cannot be represented.
pub(crate) fn starts(window: &Window, time: i64) -> Option<impl Iterator<Item = i64> + use<>> {
    let last = window.last_start(time)?;
    window.end(last)?;
    let (step, count) = (window.step_micros().unwrap_or(0), window.windows_per_time());
    step.checked_mul(count - 1).and_then(|span| last.checked_sub(span))?;
    Some((0..count).map(move |number| last - number * step))
}

/// The error of a time without windows.
pub(crate) fn time_out_of_range() -> Reason {
    Reason("22008: timestamp out of range".into())
}

impl Operator for AssignWindow {
    fn push(&mut self, _port: usize, delta: DeltaBatch, out: &mut Output) {
        let column = delta.rows.column(self.time);
        let times = column.as_primitive::<TimestampMicrosecondType>();
        let capacity = delta.row_count() * self.window.windows_per_time() as usize;
        let mut indices = Vec::with_capacity(capacity);
        let (mut from, mut to) = (Vec::with_capacity(capacity), Vec::with_capacity(capacity));
        let mut errors = ErrorRows::default();
        for index in (0..times.len()).filter(|index| times.is_valid(*index)) {
            let Some(windows) = starts(&self.window, times.value(index)) else {
                let reason = time_out_of_range();
                errors.push(&self.position, &reason, &delta.rows, index, delta.diff(index));
                continue;
            };
            for start in windows {
                indices.push(index as u32);
                from.push(start);
                to.push(self.window.end(start).expect("an older window ends before the newest"));
            }
        }
        out.errors.extend(errors.finish(delta.time));
        let taken = delta.take(&UInt32Array::from(indices)).expect("indices are rows of the batch");
        let mut columns = taken.rows.columns().to_vec();
        columns.extend([from, to].map(|micros| {
            Arc::new(TimestampMicrosecondArray::from(micros).with_timezone_opt(times.timezone()))
                as ArrayRef
        }));
        let rows = RecordBatch::try_new(self.schema.clone(), columns)
            .expect("the node's schema is the input's and two times");
        out.delta(DeltaBatch { time: delta.time, rows, diffs: taken.diffs });
    }
}
