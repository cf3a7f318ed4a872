//! [`Closing`]: when the windows of an EMIT ON WINDOW CLOSE plan close. A function of the log alone,
//! so that live steps and replays are cut at the same commits.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use kappa_log::Log;
use kappa_plan::{Emit, Expression, Node, Operator, ViewPlan, WatermarkLineage, Window};
use kappa_types::{RelationId, Timestamp};

/// A point of the history at which operators are told that a time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// The last commit before it.
    pub(super) time: Timestamp,
    /// The view's watermark there.
    pub(super) watermark: Option<i64>,
}

/// The watermark of a plan and the windows it closes.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    lineage: Vec<WatermarkLineage>,
    windows: Vec<Window>,
    /// The watermark that operators were told last.
    told: Option<i64>,
}

impl Closing {
    /// What closes the windows of `plan`; `None` if it has none that close.
    pub(super) fn of(plan: &ViewPlan) -> Option<Self> {
        let Emit::OnWindowClose { lineage } = &plan.emit else { return None };
        let mut windows = Vec::new();
        collect_windows(&plan.root, &mut windows);
        Some(Self { lineage: lineage.clone(), windows, told: None })
    }

    /// The view's watermark where base relations have these.
    pub(super) fn watermark(&self, base: impl Fn(RelationId) -> Option<i64>) -> Option<i64> {
        let each = self.lineage.iter().map(|lineage| {
            let watermark = base(lineage.relation)?;
            map(lineage.mapping.as_ref(), &[watermark])[0]
        });
        each.reduce(least)?
    }

    /// Whether a window closes when the watermark rises to `watermark`.
    pub(super) fn closes_at(&self, watermark: Option<i64>) -> bool {
        let Some(after) = watermark else { return false };
        self.windows.iter().any(|window| window.closes_between(self.told, after))
    }

    /// Operators are told `watermark`.
    pub(super) fn tell(&mut self, watermark: Option<i64>) {
        self.told = watermark;
    }

    /// The points in `(after, until]` at which a window closes, and `until`. Operators will have been
    /// told the watermark of each.
    pub(super) fn cuts(&mut self, log: &Log, after: Timestamp, until: Timestamp) -> Vec<Cut> {
        // Per time, which lineages rise and to what.
        let mut rises: BTreeMap<Timestamp, Vec<(usize, Option<i64>)>> = BTreeMap::new();
        let mut current = Vec::new();
        for (index, lineage) in self.lineage.iter().enumerate() {
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
            let watermark = current.iter().copied().reduce(least).flatten();
            if self.closes_at(watermark) {
                self.told = watermark;
                cuts.push(Cut { time, watermark });
            }
        }
        if cuts.last().is_none_or(|cut| cut.time < until) {
            let watermark = current.into_iter().reduce(least).flatten();
            self.told = watermark;
            cuts.push(Cut { time: until, watermark });
        }
        cuts
    }
}

/// The lesser of two watermarks; without one there is none.
fn least(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    Some(a?.min(b?))
}

fn collect_windows(node: &Node, windows: &mut Vec<Window>) {
    if let Operator::Close { window, .. } = &node.operator {
        windows.push(*window);
    }
    node.children().into_iter().for_each(|child| collect_windows(child, windows));
}

/// The watermarks as the view's time column has them; `None` where the function gives none.
fn map(mapping: Option<&Expression>, watermarks: &[i64]) -> Vec<Option<i64>> {
    let Some(mapping) = mapping else { return watermarks.iter().copied().map(Some).collect() };
    // The expression was planned over timestamp or timestamptz; the plan does not say which.
    for zone in [None, Some("UTC")] {
        let kind = DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
        let schema = Arc::new(Schema::new(vec![Field::new("watermark", kind, true)]));
        let column = TimestampMicrosecondArray::from(watermarks.to_vec()).with_timezone_opt(zone);
        let batch = RecordBatch::try_new(schema, vec![Arc::new(column)])
            .expect("the column has the type of the field");
        let values =
            mapping.physical.evaluate(&batch).and_then(|value| value.into_array(watermarks.len()));
        if let Ok(values) = values
            && let Some(values) = values.as_primitive_opt::<TimestampMicrosecondType>()
        {
            return (0..values.len())
                .map(|index| values.is_valid(index).then(|| values.value(index)))
                .collect();
        }
    }
    vec![None; watermarks.len()]
}
