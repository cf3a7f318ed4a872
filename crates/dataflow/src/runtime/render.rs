//! Stages as timely operators.
//!
//! The one idea: there are two kinds of timely operator here. *Rows* runs operators that look at one
//! row at a time as batches pass. *Keyed* receives rows by key, gives them to its operator tick by
//! tick, and tells it when a time is over. A panic inside an operator is caught, noted, and turns the
//! flow's operators into ones that only let time pass.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use kappa_serving::ViewContents;
use kappa_types::{DeltaBatch, VersionId};
use timely::container::NoopBuilder;
use timely::dataflow::channels::pact::{DistributorPact, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::core::{Concatenate, Input as _};
use timely::dataflow::operators::generic::Operator as _;
use timely::dataflow::operators::probe::{Handle as Probe, Probe as _};
use timely::dataflow::{InputHandle, Scope, Stream};
use timely::progress::frontier::MutableAntichain;
use timely::worker::Worker;

use super::container::{Changes, KeyDistributor};
use super::flow::{Feed, Flow, FlowColumns, FlowInput, FlowShared};
use crate::build::{Place, Route, Stage};
use crate::operator::{Operator, Output, TimeEnd};

type Rows<'s> = Stream<'s, u64, Changes>;
type Builder = NoopBuilder<Changes>;

/// Makes a running flow of `stage` on this worker. All workers must do so in the same order.
pub(super) fn render(
    worker: &mut Worker,
    version: VersionId,
    stage: Stage,
    contents: Arc<ViewContents>,
    followed: Option<Rc<Cell<bool>>>,
) -> Flow {
    let place = Place { worker: worker.index(), worker_count: worker.peers() };
    let index = worker.next_dataflow_index();
    let shared = Rc::new(FlowShared::default());
    let mut inputs = Vec::new();
    let probe = Probe::new();
    worker.dataflow_named::<u64, _, _>(&format!("version {version}"), |scope| {
        let mut rendering = Rendering { place, shared: Rc::clone(&shared), inputs: &mut inputs };
        let rows = rendering.stage(&scope, stage);
        let shared = Rc::clone(&shared);
        rows.unary::<Builder, _, _, _>(Pipeline, "Sink", move |_capability, _info| {
            move |input, _output| {
                input.for_each(|capability, changes| {
                    let mut rows = shared.rows.borrow_mut();
                    rows.entry(*capability.time()).or_default().extend(changes.take());
                });
            }
        })
        .probe_with(&probe);
    });
    Flow { index, inputs, probe, shared, contents, followed }
}

struct Rendering<'a> {
    place: Place,
    shared: Rc<FlowShared>,
    inputs: &'a mut Vec<FlowInput>,
}

impl Rendering<'_> {
    fn stage<'s>(&mut self, scope: &Scope<'s, u64>, stage: Stage) -> Rows<'s> {
        match stage {
            Stage::Input(input, schema) => {
                let feed = Feed::Relation(input.relation);
                self.input(scope, FlowColumns { feed, columns: input.columns, schema }, None)
            }
            Stage::Constant(rows) => {
                let here = self.place.owns_empty_key();
                let schema = rows.schema();
                let columns = FlowColumns { feed: Feed::Constant, columns: Vec::new(), schema };
                self.input(scope, columns, here.then_some(rows))
            }
            Stage::Rows { input, operators } => {
                let rows = self.stage(scope, *input);
                self.rows(rows, operators)
            }
            Stage::Keyed { inputs, operator, name, close } => {
                let mut streams = Vec::new();
                for (input, route) in inputs {
                    let columns = match route {
                        Route::Key(columns) if self.place.worker_count > 1 => Some(columns),
                        _ => None,
                    };
                    streams.push((self.stage(scope, input), columns));
                }
                self.keyed(streams, (operator, close), name)
            }
            Stage::Union(inputs) => {
                let streams: Vec<_> =
                    inputs.into_iter().map(|input| self.stage(scope, input)).collect();
                scope.concatenate(streams)
            }
        }
    }

    fn input<'s>(
        &mut self,
        scope: &Scope<'s, u64>,
        columns: FlowColumns,
        constant: Option<RecordBatch>,
    ) -> Rows<'s> {
        let mut handle = InputHandle::<u64, Builder>::new_with_builder();
        let rows = scope.input_from(&mut handle);
        self.inputs.push(FlowInput { columns, handle, constant });
        rows
    }

    fn rows<'s>(&self, rows: Rows<'s>, mut operators: Vec<Box<dyn Operator>>) -> Rows<'s> {
        let shared = Rc::clone(&self.shared);
        rows.unary::<Builder, _, _, _>(Pipeline, "Rows", move |_capability, _info| {
            move |input, output| {
                input.for_each(|capability, changes| {
                    let Some(delta) = changes.take() else { return };
                    let mut session = output.session_with_builder(&capability);
                    for delta in shared.guard(|out| run_rows(&mut operators, delta, out)) {
                        session.give_container(&mut Changes::from(delta));
                    }
                });
            }
        })
    }

    fn keyed<'s>(
        &self,
        mut inputs: Vec<(Rows<'s>, Option<Vec<usize>>)>,
        (operator, close): (Box<dyn Operator>, Option<usize>),
        name: &str,
    ) -> Rows<'s> {
        let key = |columns: Vec<usize>| {
            DistributorPact(move |worker_count| KeyDistributor::new(columns, worker_count))
        };
        let shared = Rc::clone(&self.shared);
        let second = (inputs.len() > 1).then(|| inputs.pop()).flatten();
        let (first, first_key) = inputs.pop().expect("a keyed operator has inputs");
        assert!(inputs.is_empty(), "a keyed operator has one or two inputs");
        macro_rules! unary {
            ($pact:expr) => {
                first.unary_frontier::<Builder, _, _, _>($pact, name, move |capability, _info| {
                    let mut keyed = Keyed::new((operator, close), shared, capability);
                    move |(input, frontier), output| {
                        input.for_each(|capability, changes| {
                            keyed.stash(*capability.time(), 0, changes.take());
                        });
                        keyed.run(&[frontier], |capability, delta| {
                            let mut session = output.session_with_builder(capability);
                            session.give_container(&mut Changes::from(delta));
                        });
                    }
                })
            };
        }
        macro_rules! binary {
            ($second:expr, $pact:expr, $second_pact:expr) => {
                first.binary_frontier::<Changes, Builder, _, _, _, _>(
                    $second,
                    $pact,
                    $second_pact,
                    name,
                    move |capability, _info| {
                        let mut keyed = Keyed::new((operator, close), shared, capability);
                        move |(left, left_frontier), (right, right_frontier), output| {
                            left.for_each(|capability, changes| {
                                keyed.stash(*capability.time(), 0, changes.take());
                            });
                            right.for_each(|capability, changes| {
                                keyed.stash(*capability.time(), 1, changes.take());
                            });
                            keyed.run(&[left_frontier, right_frontier], |capability, delta| {
                                let mut session = output.session_with_builder(capability);
                                session.give_container(&mut Changes::from(delta));
                            });
                        }
                    },
                )
            };
        }
        match (second, first_key) {
            (None, None) => unary!(Pipeline),
            (None, Some(columns)) => unary!(key(columns)),
            (Some((second, Some(right))), Some(left)) => binary!(second, key(left), key(right)),
            (Some((second, _)), _) => binary!(second, Pipeline, Pipeline),
        }
    }
}

/// Runs `delta` through operators that look at one row at a time.
fn run_rows(operators: &mut [Box<dyn Operator>], delta: DeltaBatch, out: &mut Output) {
    let Some((first, rest)) = operators.split_first_mut() else {
        out.deltas.push(delta);
        return;
    };
    let before = out.deltas.len();
    first.push(0, delta, out);
    if !rest.is_empty() {
        for delta in out.deltas.split_off(before) {
            run_rows(rest, delta, out);
        }
    }
}

/// A keyed operator with what timely must be told of it.
struct Keyed {
    operator: Box<dyn Operator>,
    /// Number of the Close whose watermark it is told.
    close: Option<usize>,
    shared: Rc<FlowShared>,
    /// For the tick at hand; holds the flow's progress back until the tick is over.
    capability: Option<Capability<u64>>,
    /// Rows of the tick at hand and later ones, with their port.
    stash: BTreeMap<u64, Vec<(usize, DeltaBatch)>>,
    /// The place of this operator's bytes in the flow's figures.
    bytes_index: usize,
}

impl Keyed {
    fn new(
        (operator, close): (Box<dyn Operator>, Option<usize>),
        shared: Rc<FlowShared>,
        capability: Capability<u64>,
    ) -> Self {
        let bytes_index = shared.state_bytes.borrow().len();
        shared.state_bytes.borrow_mut().push(0);
        let capability = Some(capability);
        Self { operator, close, shared, capability, stash: BTreeMap::new(), bytes_index }
    }

    fn stash(&mut self, tick: u64, port: usize, delta: Option<DeltaBatch>) {
        self.stash.entry(tick).or_default().extend(delta.map(|delta| (port, delta)));
    }

    /// Gives the operator the rows of the tick at hand, and of the next ones as far as ticks are
    /// over on all inputs.
    fn run(
        &mut self,
        frontiers: &[&MutableAntichain<u64>],
        mut give: impl FnMut(&Capability<u64>, DeltaBatch),
    ) {
        while let Some(mut capability) = self.capability.take() {
            let number = *capability.time();
            let has_ended = !frontiers.iter().any(|frontier| frontier.less_equal(&number));
            if !has_ended && !self.shared.ticks.borrow().knows(number) {
                // Another worker has begun the tick. Here it is not known yet what it means, such as
                // whether old results are wanted; the operator runs again when it has begun here.
                self.capability = Some(capability);
                return;
            }
            for (port, delta) in self.stash.remove(&number).unwrap_or_default() {
                let operator = &mut self.operator;
                for delta in self.shared.guard(|out| operator.push(port, delta, out)) {
                    give(&capability, delta);
                }
            }
            if !has_ended {
                self.capability = Some(capability);
                return;
            }
            if self.shared.ticks.borrow().knows(number) {
                let tick = self.shared.ticks.borrow().get(number);
                if tick.ends {
                    let own = self.close.and_then(|close| tick.watermarks.get(close));
                    let end = TimeEnd { time: tick.time, watermark: own.copied().flatten() };
                    let operator = &mut self.operator;
                    for delta in self.shared.guard(|out| operator.end_of_time(&end, out)) {
                        give(&capability, delta);
                    }
                    self.count_bytes();
                }
                capability.downgrade(&(number + 1));
                self.capability = Some(capability);
            }
            // Else the inputs are closed: the flow is being dropped.
        }
    }

    fn count_bytes(&mut self) {
        if self.shared.count_bytes.get() && self.shared.failure.borrow().is_none() {
            let bytes: usize = self.operator.states().iter().map(|s| s.size_bytes()).sum();
            self.shared.state_bytes.borrow_mut()[self.bytes_index] = bytes as u64;
        }
    }
}

impl FlowShared {
    /// Runs an operator; returns its changes and keeps its errors and late rows. After a panic,
    /// now or before, there is nothing.
    fn guard(&self, run: impl FnOnce(&mut Output)) -> Vec<DeltaBatch> {
        if self.failure.borrow().is_some() {
            return Vec::new();
        }
        let mut out = Output::default();
        match catch_unwind(AssertUnwindSafe(|| run(&mut out))) {
            Ok(()) => {
                if !out.errors.is_empty() || !out.late.is_empty() {
                    let mut output = self.output.borrow_mut();
                    output.errors.append(&mut out.errors);
                    output.late.append(&mut out.late);
                }
                out.deltas
            }
            Err(panic) => {
                let text = panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                    .unwrap_or_else(|| "unknown panic".to_owned());
                *self.failure.borrow_mut() = Some(text);
                Vec::new()
            }
        }
    }
}
