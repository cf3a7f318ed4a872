//! [`Closing`]: when the windows of an EMIT ON WINDOW CLOSE plan close. A function of the log alone,
//! so that live steps and replays are cut at the same commits.
//!
//! Each Close of the plan has a watermark of its own: a view that closes windows may stand on another.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use kappa_log::Log;
use kappa_plan::{Expression, ViewPlan, WatermarkLineage, WatermarkMapping, WatermarkStep, Window};
use kappa_types::{RelationId, Timestamp};

/// The watermark of each Close of a plan, those of views below included, in the order of [`ViewPlan::closings`]; empty where
/// none is told.
pub(super) type Watermarks = Arc<[Option<i64>]>;

/// A point of the history at which operators are told that a time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// The last commit before it.
    pub(super) time: Timestamp,
    /// The watermarks there.
    pub(super) watermarks: Watermarks,
}

/// The watermarks of a plan and the windows they close.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    /// Where watermarks come from, with the number of the Close they are for.
    lineage: Vec<(usize, WatermarkLineage)>,
    /// The windows of each Close.
    windows: Vec<Window>,
    /// The watermarks that operators were told last.
    told: Watermarks,
}

impl Closing {
    /// What closes the windows of `plan`; `None` if it has none that close.
    pub(super) fn of(plan: &ViewPlan) -> Option<Self> {
        let (mut lineages, mut windows) = (Vec::new(), Vec::new());
        for (number, closing) in plan.closings().into_iter().enumerate() {
            lineages.extend(closing.lineage.iter().map(|lineage| (number, lineage.clone())));
            windows.push(closing.window);
        }
        let told = vec![None; windows.len()].into();
        (!windows.is_empty()).then_some(Self { lineage: lineages, windows, told })
    }

    /// The watermarks where base relations have these.
    pub(super) fn watermarks(&self, base: impl Fn(RelationId) -> Option<i64>) -> Watermarks {
        let of_lineage = |(_, lineage): &(usize, WatermarkLineage)| {
            base(lineage.relation).and_then(|now| map(lineage.mapping.as_ref(), &[now])[0])
        };
        self.least(&self.lineage.iter().map(of_lineage).collect::<Vec<_>>())
    }

    /// For each Close the least over its lineage, from the watermark of each lineage.
    fn least(&self, of_lineage: &[Option<i64>]) -> Watermarks {
        let each = |close: usize| {
            let own =
                self.lineage.iter().zip(of_lineage).filter(|((number, _), _)| *number == close);
            own.map(|(_, watermark)| *watermark).reduce(least).flatten()
        };
        (0..self.windows.len()).map(each).collect()
    }

    /// Whether a window closes when the watermarks rise to these.
    pub(super) fn closes_at(&self, watermarks: &Watermarks) -> bool {
        let mut rises = self.told.iter().zip(watermarks.iter()).zip(&self.windows);
        rises.any(|((before, after), window)| {
            after.is_some_and(|after| window.closes_between(*before, after))
        })
    }

    /// Operators are told `watermarks`.
    pub(super) fn tell(&mut self, watermarks: Watermarks) {
        self.told = watermarks;
    }

    /// The points in `(after, until]` at which a window closes, and `until`. Operators will have been
    /// told the watermarks of each.
    pub(super) fn cuts(&mut self, log: &Log, after: Timestamp, until: Timestamp) -> Vec<Cut> {
        // Per time, which lineages rise and to what.
        let mut rises: BTreeMap<Timestamp, Vec<(usize, Option<i64>)>> = BTreeMap::new();
        let mut current = Vec::new();
        for (index, (_, lineage)) in self.lineage.iter().enumerate() {
            let mut steps = log.watermark_steps(lineage.relation, after);
            steps.retain(|(time, _)| *time <= until);
            let values: Vec<i64> = steps.iter().map(|(_, watermark)| *watermark).collect();
            let mapped = map(lineage.mapping.as_ref(), &values);
            for ((time, _), watermark) in steps.iter().zip(mapped) {
                rises.entry(*time).or_default().push((index, watermark));
            }
            let before = log.watermark(lineage.relation, after);
            current.push(before.and_then(|now| map(lineage.mapping.as_ref(), &[now])[0]));
        }
        let mut cuts = Vec::new();
        for (time, changes) in rises {
            for (index, watermark) in changes {
                current[index] = watermark;
            }
            let watermarks = self.least(&current);
            if self.closes_at(&watermarks) {
                self.told = Arc::clone(&watermarks);
                cuts.push(Cut { time, watermarks });
            }
        }
        if cuts.last().is_none_or(|cut| cut.time < until) {
            let watermarks = self.least(&current);
            self.told = Arc::clone(&watermarks);
            cuts.push(Cut { time: until, watermarks });
        }
        cuts
    }
}

/// The lesser of two watermarks; without one there is none.
fn least(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    Some(a?.min(b?))
}

/// The watermarks as a column has them; `None` where a function gives none.
fn map(mapping: Option<&WatermarkMapping>, watermarks: &[i64]) -> Vec<Option<i64>> {
    let mut mapped: Vec<Option<i64>> = watermarks.iter().copied().map(Some).collect();
    for step in mapping.map_or(&[][..], |mapping| &mapping.steps) {
        mapped = match step {
            WatermarkStep::Expression(expression) => evaluate(expression, &mapped),
            step => mapped.into_iter().map(|time| step.of_time(time?)).collect(),
        };
    }
    mapped
}

/// The expression's values for times.
fn evaluate(expression: &Expression, times: &[Option<i64>]) -> Vec<Option<i64>> {
    let count = times.len();
    // The expression was planned over timestamp or timestamptz; the plan does not say which.
    for zone in [None, Some("UTC")] {
        let kind = DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
        let schema = Arc::new(Schema::new(vec![Field::new("watermark", kind, true)]));
        let column = TimestampMicrosecondArray::from(times.to_vec()).with_timezone_opt(zone);
        let batch = RecordBatch::try_new(schema, vec![Arc::new(column)])
            .expect("the column has the type of the field");
        let values = expression.physical.evaluate(&batch).and_then(|value| value.into_array(count));
        // A day stands for its midnight.
        let plain = DataType::Timestamp(TimeUnit::Microsecond, None);
        if let Ok(values) = values
            && let Ok(values) = cast(&values, &plain)
            && let Some(values) = values.as_primitive_opt::<TimestampMicrosecondType>()
        {
            return values.iter().collect();
        }
    }
    vec![None; count]
}
