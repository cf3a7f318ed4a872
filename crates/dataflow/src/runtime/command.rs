//! What the coordinator and hydrations tell the workers, and what these answer.
//!
//! Every worker gets the same commands in the same order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::Thread;

use kappa_plan::ViewPlan;
use kappa_serving::ViewContents;
use kappa_types::{ColumnId, DeltaBatch, RelationId, Timestamp, VersionId};

use super::closing::Watermarks;
use super::flow::Tick;

/// What a worker shall do.
#[derive(Clone, Debug)]
pub(super) enum Command {
    /// Make the flow of a version.
    Install(Arc<WorkerInstall>),
    /// Drop it, if it is there.
    Remove(VersionId),
    /// Take a step.
    Step(Arc<Step>),
    /// One tick of a hydration; waits for live steps.
    Replay(Arc<Replay>),
    /// End.
    Stop,
}

/// A flow to make.
#[derive(Debug)]
pub(super) struct WorkerInstall {
    /// Which version.
    pub(super) version: VersionId,
    /// What it computes.
    pub(super) plan: Arc<ViewPlan>,
    /// Where its output goes.
    pub(super) contents: Arc<ViewContents>,
    /// Who is told of finished replay ticks.
    pub(super) replay_reports: Sender<ReplayReport>,
}

/// Changes of a relation, to be dealt out to the workers.
#[derive(Clone, Debug)]
pub(super) struct RelationDelta {
    /// Which columns the rows have.
    pub(super) columns: Arc<Vec<ColumnId>>,
    /// The rows.
    pub(super) delta: DeltaBatch,
}

/// Batches of fewer rows per worker are not divided.
const DEAL_ROW_COUNT_MIN: usize = 256;

impl RelationDelta {
    /// The part of batch number `number` that `worker` takes.
    pub(super) fn deal(&self, number: usize, worker: usize, worker_count: usize) -> Option<Self> {
        let count = self.delta.row_count();
        if count < DEAL_ROW_COUNT_MIN * worker_count || worker_count == 1 {
            return (number % worker_count == worker && count > 0).then(|| self.clone());
        }
        let from = count * worker / worker_count;
        let length = count * (worker + 1) / worker_count - from;
        let delta = DeltaBatch {
            time: self.delta.time,
            rows: self.delta.rows.slice(from, length),
            diffs: self.delta.diffs.as_ref().map(|diffs| diffs.slice(from, length)),
        };
        Some(Self { columns: Arc::clone(&self.columns), delta })
    }
}

/// Rows by relation.
pub(super) type RelationRows = BTreeMap<RelationId, Vec<RelationDelta>>;

/// One step of live flows.
#[derive(Debug)]
pub(super) struct Step {
    /// Counts up; named in the report.
    pub(super) number: u64,
    /// The log time of its rows.
    pub(super) time: Timestamp,
    /// Changes of base relations.
    pub(super) rows: RelationRows,
    /// What to run, level by level: a view after the views it reads.
    pub(super) levels: Vec<Vec<Work>>,
    /// Whether operators shall count their bytes.
    pub(super) count_bytes: bool,
}

/// One flow's part in a step.
#[derive(Debug)]
pub(super) struct Work {
    /// Whose flow.
    pub(super) version: VersionId,
    /// The plan's watermarks at the time.
    pub(super) watermarks: Watermarks,
    /// Whether the time is over with this step.
    pub(super) ends: bool,
    /// Whether live views read it.
    pub(super) is_followed: bool,
    /// Where the rows of its relations come from.
    pub(super) feeds: Vec<(RelationId, WorkFeed)>,
}

/// Rows for one relation of a flow.
#[derive(Clone, Debug)]
pub(super) enum WorkFeed {
    /// The step's rows of that relation.
    Step,
    /// What this version puts out in this step on the same worker, and the ids of its columns.
    Version(VersionId, Arc<Vec<ColumnId>>),
    /// These, dealt out.
    Rows(Vec<RelationDelta>),
}

/// One tick of a hydration.
#[derive(Debug)]
pub(super) struct Replay {
    /// Whose hydration.
    pub(super) version: VersionId,
    /// What the tick means.
    pub(super) tick: Tick,
    /// Its rows.
    pub(super) rows: RelationRows,
}

/// What one worker did in a step.
#[derive(Debug)]
pub(super) struct StepReport {
    /// Which step.
    pub(super) number: u64,
    /// By flow that ran.
    pub(super) versions: Vec<VersionReport>,
}

/// What one worker did for one version.
#[derive(Debug)]
pub(super) struct VersionReport {
    /// Which version.
    pub(super) version: VersionId,
    /// Changes of the multiset of errors.
    pub(super) errors: Vec<DeltaBatch>,
    /// Late rows.
    pub(super) late: Vec<DeltaBatch>,
    /// Why it cannot go on.
    pub(super) failure: Option<String>,
    /// Bytes of state, if they were counted.
    pub(super) state_bytes: Option<u64>,
}

/// Ticks of a hydration that are done on one worker.
#[derive(Debug)]
pub(super) struct ReplayReport {
    /// Which worker.
    pub(super) worker: usize,
    /// How many more are done on this worker.
    pub(super) done_count: usize,
    /// What they brought.
    pub(super) report: VersionReport,
}

/// The way to one worker.
#[derive(Clone, Debug)]
pub(super) struct Mailbox {
    /// Where commands go.
    pub(super) commands: Sender<Command>,
    /// The worker's thread, to be woken.
    pub(super) thread: Thread,
}

impl Mailbox {
    /// Sends a command. A worker that has ended takes none.
    pub(super) fn send(&self, command: Command) {
        if self.commands.send(command).is_ok() {
            self.thread.unpark();
        }
    }
}
