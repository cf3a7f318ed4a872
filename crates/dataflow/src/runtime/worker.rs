//! One worker: runs commands in order, replays in between.
//!
//! ```text
//! commands ----> live: run at once, all levels, report
//!          \---> replay queue: one tick at a time, when nothing live waits or its share is due
//! ```
//! A worker parks when it has nothing to do; commands and other workers' messages wake it.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use kappa_types::{DeltaBatch, VersionId};
use timely::worker::Worker;

use super::command::{
    Command, RelationDelta, Replay, ReplayReport, Step, StepReport, VersionReport, Work, WorkFeed,
    WorkerInstall,
};
use super::flow::{Flow, Tick};
use super::render::render;
use super::shelf::ContentsShelf;
use crate::build::{Place, build, build_placed};
use crate::operator::{Output, Shelf};

/// A parked worker looks around at least this often.
const PARK_MAX: Duration = Duration::from_millis(500);

/// Times of live and replay work are halved when they reach this, so that the share is that of the
/// last few seconds.
const SHARE_MEMORY: Duration = Duration::from_secs(2);

/// What a worker is given at its start.
pub(super) struct WorkerOptions {
    /// What to do.
    pub(super) commands: Receiver<Command>,
    /// Who is told of steps done.
    pub(super) reports: Sender<StepReport>,
    /// Called after each report, to wake the coordinator.
    pub(super) replay_share_percent: u32,
    /// Replay ticks of one version begun and not done.
    pub(super) replay_ticks_in_flight_max: usize,
}

/// Runs until [`Command::Stop`], or until the other end of the commands is gone.
pub(super) fn run(worker: &mut Worker, options: WorkerOptions) {
    let mut state = WorkerLoop {
        index: worker.index(),
        count: worker.peers(),
        worker,
        options,
        flows: BTreeMap::new(),
        reports_of: BTreeMap::new(),
        replays: VecDeque::new(),
        live_time: Duration::ZERO,
        replay_time: Duration::ZERO,
    };
    while state.turn() {}
    let versions: Vec<VersionId> = state.flows.keys().copied().collect();
    for version in versions {
        state.remove(version);
    }
}

struct WorkerLoop<'a> {
    worker: &'a mut Worker,
    index: usize,
    count: usize,
    options: WorkerOptions,
    flows: BTreeMap<VersionId, Flow>,
    /// Who is told of a version's replay ticks.
    reports_of: BTreeMap<VersionId, Sender<ReplayReport>>,
    /// Replay ticks that wait.
    replays: VecDeque<Arc<Replay>>,
    /// Time spent in live steps, lately.
    live_time: Duration,
    /// Time spent in replay ticks, lately.
    replay_time: Duration,
}

impl WorkerLoop<'_> {
    /// Does one thing; whether to go on.
    fn turn(&mut self) -> bool {
        if self.replay_is_due() && self.replay_once() {
            self.report_replays();
        }
        match self.options.commands.try_recv() {
            Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return false,
            Ok(Command::Install(install)) => self.install(&install),
            Ok(Command::Remove(version)) => self.remove(version),
            Ok(Command::Replay(replay)) => self.replays.push_back(replay),
            Ok(Command::Step(step)) => {
                let begin = Instant::now();
                self.step(&step);
                self.live_time += begin.elapsed();
            }
            Err(TryRecvError::Empty) => {
                let began = self.replay_once();
                if began || self.replays_run() {
                    let begin = Instant::now();
                    let park = if began { Duration::ZERO } else { PARK_MAX };
                    self.worker.step_or_park(Some(park));
                    self.replay_time += begin.elapsed();
                    self.report_replays();
                } else {
                    self.worker.step_or_park(Some(PARK_MAX));
                }
            }
        }
        if self.live_time + self.replay_time > SHARE_MEMORY {
            self.live_time /= 2;
            self.replay_time /= 2;
        }
        true
    }

    /// Whether replays have had less than their share.
    fn replay_is_due(&self) -> bool {
        let all = self.live_time + self.replay_time;
        !self.replays.is_empty() && self.replay_time * 100 < all * self.options.replay_share_percent
    }

    /// Whether replay ticks are begun and not done.
    fn replays_run(&self) -> bool {
        self.reports_of.keys().any(|version| {
            self.flows.get(version).is_some_and(|flow| flow.shared.ticks.borrow().len() > 0)
        })
    }

    fn install(&mut self, install: &WorkerInstall) {
        let place = Place { worker: self.index, worker_count: self.count };
        let followed = Rc::new(Cell::new(false));
        let shelf = |columns| -> Box<dyn Shelf> {
            let contents = Arc::clone(&install.contents);
            let followed = Rc::clone(&followed);
            Box::new(ContentsShelf { contents, shard: self.index, columns, followed })
        };
        let placed =
            build_placed(&install.plan, place, shelf).expect("the plan was checked before");
        let (stage, followed) = match placed {
            Some(stage) => (stage, Some(followed)),
            None => (build(&install.plan, place).expect("the plan was checked before"), None),
        };
        let contents = Arc::clone(&install.contents);
        let flow = render(self.worker, install.version, stage, contents, followed);
        self.flows.insert(install.version, flow);
        self.reports_of.insert(install.version, install.replay_reports.clone());
    }

    fn remove(&mut self, version: VersionId) {
        if let Some(flow) = self.flows.remove(&version) {
            let index = flow.index;
            drop(flow);
            self.worker.drop_dataflow(index);
        }
        self.reports_of.remove(&version);
        self.replays.retain(|replay| replay.version != version);
    }

    /// Runs a step to its end and reports.
    fn step(&mut self, step: &Step) {
        let mut reports = Vec::new();
        let mut outputs: BTreeMap<VersionId, Vec<DeltaBatch>> = BTreeMap::new();
        for level in &step.levels {
            let mut running = Vec::new();
            for work in level {
                if let Some(number) = self.begin(step, work, &outputs) {
                    running.push((work.version, number));
                }
            }
            for (version, number) in &running {
                while !self.flows[version].is_done(*number) {
                    self.worker.step_or_park(Some(PARK_MAX));
                }
            }
            for (version, _) in running {
                let flow = &self.flows[&version];
                flow.forget_done();
                let output = flow.collect(self.index);
                let mut report = version_report(version, flow, output);
                if step.count_bytes {
                    flow.shared.count_bytes.set(false);
                    report.1.state_bytes = Some(flow.shared.state_bytes.borrow().iter().sum());
                }
                outputs.insert(version, report.0);
                reports.push(report.1);
            }
        }
        // A coordinator that is gone needs no report.
        let _ = self.options.reports.send(StepReport { number: step.number, versions: reports });
    }

    fn begin(
        &mut self,
        step: &Step,
        work: &Work,
        outputs: &BTreeMap<VersionId, Vec<DeltaBatch>>,
    ) -> Option<u64> {
        let (index, count) = (self.index, self.count);
        let flow = self.flows.get_mut(&work.version)?;
        flow.shared.count_bytes.set(step.count_bytes);
        if let Some(followed) = &flow.followed {
            followed.set(work.is_followed);
        }
        let watermarks = Arc::clone(&work.watermarks);
        let tick = Tick { time: step.time, watermarks, ends: work.ends };
        let number = flow.begin(tick);
        let mut row_count = 0;
        for (relation, feed) in &work.feeds {
            let mut deal = |rows: &[RelationDelta]| {
                for (number, rows) in rows.iter().enumerate() {
                    if let Some(rows) = rows.deal(number, index, count) {
                        row_count += flow.send(*relation, &rows);
                    }
                }
            };
            match feed {
                WorkFeed::Step => deal(step.rows.get(relation).map_or(&[], Vec::as_slice)),
                WorkFeed::Rows(rows) => deal(rows),
                WorkFeed::Version(version, columns) => {
                    for delta in outputs.get(version).into_iter().flatten() {
                        let columns = Arc::clone(columns);
                        let rows = RelationDelta { columns, delta: delta.clone() };
                        row_count += flow.send(*relation, &rows);
                    }
                }
            }
        }
        flow.contents.rows_in.fetch_add(row_count, Ordering::Relaxed);
        flow.end(number);
        Some(number)
    }

    /// Begins a waiting replay tick whose flow has room for it; whether there was one.
    fn replay_once(&mut self) -> bool {
        let in_flight_max = self.options.replay_ticks_in_flight_max;
        let Some(place) = self.replays.iter().position(|replay| {
            self.flows
                .get(&replay.version)
                .is_none_or(|flow| flow.shared.ticks.borrow().len() < in_flight_max)
        }) else {
            return false;
        };
        let replay = self.replays.remove(place).expect("the place was just found");
        let Some(flow) = self.flows.get_mut(&replay.version) else { return true };
        let begin = Instant::now();
        // A history ends its time seldom: it is counted whenever it does.
        flow.shared.count_bytes.set(true);
        let number = flow.begin(replay.tick.clone());
        let mut row_count = 0;
        for (relation, batches) in &replay.rows {
            for (number, rows) in batches.iter().enumerate() {
                if let Some(rows) = rows.deal(number, self.index, self.count) {
                    row_count += flow.send(*relation, &rows);
                }
            }
        }
        flow.contents.rows_in.fetch_add(row_count, Ordering::Relaxed);
        flow.end(number);
        self.worker.step();
        self.replay_time += begin.elapsed();
        true
    }

    /// Tells of replay ticks that are done.
    fn report_replays(&mut self) {
        for (version, reports) in &self.reports_of {
            let Some(flow) = self.flows.get(version) else { continue };
            let done_count = flow.forget_done();
            if done_count == 0 {
                continue;
            }
            let (_, mut report) = version_report(*version, flow, flow.collect(self.index));
            report.state_bytes = Some(flow.shared.state_bytes.borrow().iter().sum());
            // A hydration that was cancelled needs no report.
            let _ = reports.send(ReplayReport { worker: self.index, done_count, report });
        }
    }
}

/// What a flow put out: its changes apart from the rest.
fn version_report(
    version: VersionId,
    flow: &Flow,
    output: Output,
) -> (Vec<DeltaBatch>, VersionReport) {
    let report = VersionReport {
        version,
        errors: output.errors,
        late: output.late,
        failure: flow.shared.failure.borrow().clone(),
        state_bytes: None,
    };
    (output.deltas, report)
}
