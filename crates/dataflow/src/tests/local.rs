//! [`Local`]: the stages of a plan on one thread, without timely.

use kappa_plan::ViewPlan;
use kappa_types::{DeltaBatch, RelationId};

use crate::build::{Place, Stage, build};
use crate::operator::{Output, TimeEnd};
use crate::state::State;

/// A running plan.
pub(crate) struct Local {
    stage: Stage,
}

impl Local {
    pub(crate) fn new(plan: &ViewPlan) -> Self {
        Self::at(plan, Place { worker: 0, worker_count: 1 })
    }

    /// As the worker at `place` runs it, but that all rows come here.
    pub(crate) fn at(plan: &ViewPlan, place: Place) -> Self {
        Self { stage: build(plan, place).unwrap() }
    }

    /// What runs.
    pub(crate) const fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Takes changes of a relation.
    pub(crate) fn push(&mut self, relation: RelationId, delta: &DeltaBatch, out: &mut Output) {
        let deltas = push(&mut self.stage, relation, delta, out);
        out.deltas.extend(deltas);
    }

    /// Ends a time.
    pub(crate) fn end(&mut self, end: &TimeEnd, out: &mut Output) {
        let deltas = finish(&mut self.stage, end, out);
        out.deltas.extend(deltas);
    }

    /// What its operators keep, outermost first.
    pub(crate) fn states(&mut self) -> Vec<&mut dyn State> {
        states(&mut self.stage)
    }
}

fn push(
    stage: &mut Stage,
    relation: RelationId,
    delta: &DeltaBatch,
    out: &mut Output,
) -> Vec<DeltaBatch> {
    match stage {
        Stage::Input(input, _) if input.relation == relation => vec![delta.clone()],
        Stage::Input(..) | Stage::Constant(_) => Vec::new(),
        Stage::Union(inputs) => {
            inputs.iter_mut().flat_map(|input| push(input, relation, delta, out)).collect()
        }
        Stage::Rows { input, operators } => {
            let mut deltas = push(input, relation, delta, out);
            for operator in operators {
                deltas =
                    deltas.into_iter().flat_map(|d| run(out, |o| operator.push(0, d, o))).collect();
            }
            deltas
        }
        Stage::Keyed { inputs, operator, .. } => {
            let mut deltas = Vec::new();
            for (port, (input, _)) in inputs.iter_mut().enumerate() {
                for delta in push(input, relation, delta, out) {
                    deltas.extend(run(out, |out| operator.push(port, delta, out)));
                }
            }
            deltas
        }
    }
}

fn finish(stage: &mut Stage, end: &TimeEnd, out: &mut Output) -> Vec<DeltaBatch> {
    match stage {
        Stage::Input(..) | Stage::Constant(_) => Vec::new(),
        Stage::Union(inputs) => {
            inputs.iter_mut().flat_map(|input| finish(input, end, out)).collect()
        }
        Stage::Rows { input, operators } => {
            let mut deltas = finish(input, end, out);
            for operator in operators {
                deltas =
                    deltas.into_iter().flat_map(|d| run(out, |o| operator.push(0, d, o))).collect();
            }
            deltas
        }
        Stage::Keyed { inputs, operator, .. } => {
            let mut deltas = Vec::new();
            for (port, (input, _)) in inputs.iter_mut().enumerate() {
                for delta in finish(input, end, out) {
                    deltas.extend(run(out, |out| operator.push(port, delta, out)));
                }
            }
            deltas.extend(run(out, |out| operator.end_of_time(end, out)));
            deltas
        }
    }
}

/// Runs an operator: its changes, apart from its errors and late rows.
fn run(out: &mut Output, body: impl FnOnce(&mut Output)) -> Vec<DeltaBatch> {
    let mut own = Output::default();
    body(&mut own);
    out.errors.append(&mut own.errors);
    out.late.append(&mut own.late);
    own.deltas
}

fn states(stage: &mut Stage) -> Vec<&mut dyn State> {
    match stage {
        Stage::Input(..) | Stage::Constant(_) => Vec::new(),
        Stage::Union(inputs) => inputs.iter_mut().flat_map(states).collect(),
        Stage::Rows { input, .. } => states(input),
        Stage::Keyed { inputs, operator, .. } => {
            let mut all = operator.states();
            all.extend(inputs.iter_mut().flat_map(|(input, _)| states(input)));
            all
        }
    }
}
