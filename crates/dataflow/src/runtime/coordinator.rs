//! The coordinator: takes what is durable in the log, step by step, through all live flows, and makes
//! each step's time a boundary when every worker has done it.
//!
//! ```text
//! groups g1 g2 | g3 | g4(ddl) | g5 ...      | ends a step: rows enough, a window closes, DDL
//! step: rows -> workers, level by level -> errors and late rows -> actions of DDL -> publish
//! ```
//! The one idea: one thread, one step at a time. Commands, hydrations that are ready and failures are
//! taken between steps, so that everything happens at a boundary.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use kappa_log::{Group, Log};
use kappa_serving::Store;
use kappa_types::{RelationId, Timestamp, VersionId};

use super::closing::Watermarks;
use super::command::{
    Command, Mailbox, RelationRows, Step, StepReport, VersionReport, Work, WorkFeed,
};
use super::follow::Gate;
use super::handle::OnDdl;
use super::hydration::{Ready, apply_side};
use super::shared::Shared;
use super::step_rows::{Schemas, StepRows};
use super::version::{State, Version};
use crate::{Action, Error, InputSource, Phase, RuntimeOptions};

/// How often operators count their bytes while steps are taken.
const COUNT_BYTES_EVERY: Duration = Duration::from_secs(1);

/// Groups that may close a window are looked at one by one; this bounds how many merge otherwise.
const STEP_GROUP_COUNT_MAX: usize = 16 << 10;

/// What happens to the coordinator.
pub(super) enum Event {
    /// Groups became durable.
    Groups(Vec<Arc<Group>>),
    /// Actions from outside the log, and who wants to know the boundary.
    Execute(Vec<Action>, Sender<Result<Timestamp, Error>>),
    /// A hydration can join.
    Ready(Box<Ready>),
    /// A version cannot go on.
    Failed(VersionId, String),
    /// The log cannot be read any more.
    LogLost(kappa_log::Error),
    /// End.
    Stop,
}

/// Rows for flows beside those of the log: what turns a view below into its new definition.
pub(super) type Fed = BTreeMap<VersionId, Vec<(RelationId, WorkFeed)>>;

/// What the coordinator is made from.
pub(super) struct CoordinatorParts {
    pub(super) options: RuntimeOptions,
    pub(super) log: Log,
    pub(super) store: Arc<Store>,
    pub(super) shared: Arc<Shared>,
    pub(super) mailboxes: Vec<Mailbox>,
    pub(super) reports: Receiver<StepReport>,
    pub(super) events: Receiver<Event>,
    pub(super) own_events: Sender<Event>,
    pub(super) gate: Arc<Gate>,
    pub(super) on_ddl: OnDdl,
}

/// The state of the coordinator's thread.
pub(super) struct Coordinator {
    pub(super) parts: CoordinatorParts,
    pub(super) versions: BTreeMap<VersionId, Version>,
    pub(super) schemas: Schemas,
    /// Watermark of each base relation at the newest boundary, as far as known.
    watermarks: BTreeMap<RelationId, Option<i64>>,
    /// Groups that are not in a step yet.
    pending: VecDeque<Arc<Group>>,
    /// The newest boundary.
    pub(super) boundary: Timestamp,
    step_number: u64,
    /// The last step in which operators counted their bytes, and when that was.
    counted_step: u64,
    bytes_counted_at: Instant,
}

impl Coordinator {
    pub(super) fn new(parts: CoordinatorParts) -> Self {
        Self {
            boundary: parts.options.start,
            parts,
            versions: BTreeMap::new(),
            schemas: Schemas::default(),
            watermarks: BTreeMap::new(),
            pending: VecDeque::new(),
            step_number: 0,
            counted_step: 0,
            bytes_counted_at: Instant::now(),
        }
    }

    /// Runs until it is told to stop or cannot go on; then ends hydrations and workers.
    pub(super) fn run(mut self) {
        while self.turn() {}
        self.end();
    }

    /// Ends hydrations, workers and the thread that follows the log.
    pub(super) fn end(&mut self) {
        for version in self.versions.values() {
            version.cancel();
        }
        for mailbox in &self.parts.mailboxes {
            mailbox.send(Command::Stop);
        }
        self.parts.gate.close();
        self.parts.shared.set_stopped();
    }

    /// Takes all that has happened and then one step; whether to go on.
    fn turn(&mut self) -> bool {
        if self.pending.is_empty() {
            let event = if self.counted_step == self.step_number {
                self.parts.events.recv().map_err(RecvTimeoutError::from)
            } else {
                self.parts.events.recv_timeout(COUNT_BYTES_EVERY)
            };
            let goes_on = match event {
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Disconnected) => false,
                Err(RecvTimeoutError::Timeout) => return self.count_bytes(),
            };
            if !goes_on {
                return false;
            }
        }
        while let Ok(event) = self.parts.events.try_recv() {
            if !self.take(event) {
                return false;
            }
        }
        self.pending.is_empty() || self.take_step()
    }

    fn take(&mut self, event: Event) -> bool {
        match event {
            Event::Groups(groups) => self.pending.extend(groups),
            Event::Execute(actions, reply) => {
                let flips = actions.iter().any(|action| matches!(action, Action::Flip { .. }));
                let result = if flips {
                    Err(Error::Unsupported("a flip that is not in the log".to_owned()))
                } else {
                    self.act(actions, self.boundary).map(|()| self.boundary)
                };
                // Whoever asked may have gone.
                let _ = reply.send(result);
            }
            Event::Ready(ready) => {
                if !self.join(*ready) {
                    return false;
                }
            }
            Event::Failed(version, reason) => self.fail(version, &reason),
            Event::LogLost(error) => {
                tracing::error!(%error, "the log cannot be read, dataflow ends");
                return false;
            }
            Event::Stop => return false,
        }
        true
    }

    /// Takes the next groups through all live flows. False if a worker has died.
    fn take_step(&mut self) -> bool {
        let groups = self.next_groups();
        let Some(last) = groups.last() else { return true };
        let time = last.time;
        let rows = StepRows::of(&groups, time, &self.schemas, |relation| {
            self.versions.values().any(|version| version.reads_live(relation))
        });
        if !self.take_rows(time, rows) {
            return false;
        }
        if let Some(ddl) = &last.ddl {
            let actions = (self.parts.on_ddl)(time, ddl);
            if let Err(error) = self.act(actions, time) {
                tracing::error!(%error, %time, "an action of a logged statement failed");
            }
        }
        self.publish(time);
        self.parts.gate.done(groups.len());
        true
    }

    /// The groups of the next step.
    fn next_groups(&mut self) -> Vec<Arc<Group>> {
        let mut groups = Vec::new();
        let mut row_count = 0;
        while let Some(group) = self.pending.front() {
            row_count += group.row_count() as usize;
            let full = row_count > self.parts.options.step_row_count_max
                || groups.len() == STEP_GROUP_COUNT_MAX;
            // DDL stands in a step of its own, so that it acts at a boundary that is its time.
            if !groups.is_empty() && (full || group.ddl.is_some()) {
                break;
            }
            let group = self.pending.pop_front().expect("it is at the front");
            let closes = self.note_watermarks(&group);
            let ddl = group.ddl.is_some();
            groups.push(group);
            if closes || ddl {
                break;
            }
        }
        groups
    }

    /// Takes the watermarks of a group in; whether a window of a live flow closes.
    fn note_watermarks(&mut self, group: &Group) -> bool {
        let mut rose = false;
        for entry in &group.entries {
            if let (Some(new), Some(known)) =
                (entry.watermark, self.watermarks.get_mut(&entry.relation))
                && known.is_none_or(|known| new > known)
            {
                *known = Some(new);
                rose = true;
            }
        }
        rose && self.versions.values().any(|version| {
            version.is_live()
                && version.closing.as_ref().is_some_and(|closing| {
                    closing.closes_at(&closing.watermarks(|relation| self.watermark(relation)))
                })
        })
    }

    fn watermark(&self, relation: RelationId) -> Option<i64> {
        self.watermarks.get(&relation).copied().flatten()
    }

    /// Follows the watermark of `relation` from the newest boundary on.
    pub(super) fn follow_watermark(&mut self, relation: RelationId) {
        let (log, boundary) = (&self.parts.log, self.boundary);
        self.watermarks.entry(relation).or_insert_with(|| log.watermark(relation, boundary));
    }

    /// Runs the flows that rows or closing windows concern. False if a worker has died.
    fn take_rows(&mut self, time: Timestamp, rows: StepRows) -> bool {
        let touched: Vec<RelationId> = rows
            .rows
            .keys()
            .copied()
            .chain(rows.parts.iter().map(|(relation, ..)| *relation))
            .collect();
        if self.levels(&touched, true, &mut Fed::new()).is_empty() {
            return true;
        }
        // Rows in files come first, piece by piece; the time ends with the rows in memory.
        for (relation, columns, part) in rows.parts {
            let reader = match part.open() {
                Ok(reader) => reader,
                Err(error) => return self.take(Event::LogLost(error)),
            };
            for batch in reader {
                let batch = match batch {
                    Ok(batch) => batch,
                    Err(error) => return self.take(Event::LogLost(error)),
                };
                let delta = kappa_types::DeltaBatch::new(time, batch.rows, batch.diffs);
                let columns = Arc::clone(&columns);
                let rows = [(relation, vec![super::command::RelationDelta { columns, delta }])];
                let levels = self.levels(&[relation], false, &mut Fed::new());
                if !self.run_step(time, rows.into(), levels) {
                    return false;
                }
            }
        }
        let levels = self.levels(&touched, true, &mut Fed::new());
        self.run_step(time, rows.rows, levels)
    }

    /// The flows that changes of `touched` and the rows of `fed` reach, level by level.
    pub(super) fn levels(
        &self,
        touched: &[RelationId],
        ends: bool,
        fed: &mut Fed,
    ) -> Vec<Vec<Work>> {
        let mut levels: Vec<Vec<Work>> = Vec::new();
        let mut runs: BTreeSet<VersionId> = BTreeSet::new();
        let live = self.versions.values().filter(|version| version.is_live());
        let followed: BTreeSet<VersionId> = live.flat_map(Version::upstream_versions).collect();
        for (level, versions) in self.by_level().into_iter().enumerate() {
            let mut works = Vec::new();
            for id in versions {
                let version = &self.versions[&id];
                let mut feeds = fed.remove(&id).unwrap_or_default();
                for (relation, input) in &version.install.inputs {
                    match input {
                        InputSource::Log { .. } if touched.contains(relation) => {
                            feeds.push((*relation, WorkFeed::Step));
                        }
                        InputSource::View { version } if runs.contains(version) => {
                            let columns = Arc::clone(&self.versions[version].columns);
                            feeds.push((*relation, WorkFeed::Version(*version, columns)));
                        }
                        _ => {}
                    }
                }
                let closing = version.closing.as_ref().filter(|_| ends);
                let watermarks = closing.map_or_else(Watermarks::default, |closing| {
                    closing.watermarks(|relation| self.watermark(relation))
                });
                let closes = closing.is_some_and(|closing| closing.closes_at(&watermarks));
                if feeds.is_empty() && !closes {
                    continue;
                }
                let is_followed = followed.contains(&id);
                works.push(Work { version: id, watermarks, ends, is_followed, feeds });
                runs.insert(id);
            }
            if !works.is_empty() {
                debug_assert!(levels.len() <= level, "levels only grow");
                levels.push(works);
            }
        }
        levels
    }

    /// The live versions, each after those it reads.
    fn by_level(&self) -> Vec<Vec<VersionId>> {
        let mut levels: Vec<Vec<VersionId>> = Vec::new();
        let mut level_of: BTreeMap<VersionId, usize> = BTreeMap::new();
        let live = || self.versions.iter().filter(|(_, version)| version.is_live());
        while level_of.len() < live().count() {
            let mut next = Vec::new();
            for (id, version) in live().filter(|(id, _)| !level_of.contains_key(*id)) {
                if version.upstream_versions().all(|upstream| {
                    level_of.contains_key(&upstream)
                        || !self.versions.get(&upstream).is_some_and(Version::is_live)
                }) {
                    next.push(*id);
                }
            }
            assert!(!next.is_empty(), "views never read each other in a circle");
            for id in &next {
                level_of.insert(*id, levels.len());
            }
            levels.push(next);
        }
        levels
    }

    /// Has all workers take a step and waits for them. False if one has died.
    pub(super) fn run_step(
        &mut self,
        time: Timestamp,
        rows: RelationRows,
        levels: Vec<Vec<Work>>,
    ) -> bool {
        for work in levels.iter().flatten().filter(|work| work.ends) {
            if let Some(closing) =
                self.versions.get_mut(&work.version).and_then(|version| version.closing.as_mut())
            {
                closing.tell(Arc::clone(&work.watermarks));
            }
        }
        self.step_number += 1;
        let count_bytes = self.shall_count_bytes(&levels);
        let number = self.step_number;
        if count_bytes {
            self.counted_step = number;
        }
        let step = Arc::new(Step { number, time, rows, levels, count_bytes });
        for mailbox in &self.parts.mailboxes {
            mailbox.send(Command::Step(Arc::clone(&step)));
        }
        let mut reports: BTreeMap<VersionId, Vec<VersionReport>> = BTreeMap::new();
        for _ in 0..self.parts.mailboxes.len() {
            match self.parts.reports.recv() {
                Ok(report) if report.number == number => {
                    for report in report.versions {
                        reports.entry(report.version).or_default().push(report);
                    }
                }
                _ => {
                    tracing::error!("a worker has died, dataflow ends");
                    return false;
                }
            }
        }
        for (version, reports) in reports {
            self.take_reports(version, time, reports);
        }
        true
    }

    /// A step without rows in which operators count their bytes, so that what is shown while nothing
    /// happens is what is there. False if a worker has died.
    fn count_bytes(&mut self) -> bool {
        let live = self.versions.values().filter(|version| version.is_live());
        let followed: BTreeSet<VersionId> = live.flat_map(Version::upstream_versions).collect();
        let work = |version: VersionId| {
            let closing = self.versions[&version].closing.as_ref();
            let watermarks = closing.map_or_else(Watermarks::default, |closing| {
                closing.watermarks(|of| self.watermark(of))
            });
            let is_followed = followed.contains(&version);
            Work { version, watermarks, ends: true, is_followed, feeds: Vec::new() }
        };
        let levels = self.by_level().into_iter();
        let levels = levels.map(|level| level.into_iter().map(work).collect()).collect();
        self.run_step(self.boundary, RelationRows::new(), levels)
    }

    /// Whether operators count their bytes in this step: now and then, and for a version that has
    /// nothing to show yet.
    fn shall_count_bytes(&mut self, levels: &[Vec<Work>]) -> bool {
        if self.bytes_counted_at.elapsed() >= COUNT_BYTES_EVERY {
            self.bytes_counted_at = Instant::now();
            return true;
        }
        let mut ending = levels.iter().flatten().filter(|work| work.ends);
        ending.any(|work| {
            self.versions.get(&work.version).is_some_and(|version| !version.bytes_were_counted)
        })
    }

    fn take_reports(&mut self, id: VersionId, time: Timestamp, reports: Vec<VersionReport>) {
        let Some(version) = self.versions.get_mut(&id) else { return };
        let (mut errors, mut late, mut failure) = (Vec::new(), Vec::new(), None);
        let mut state_bytes = None;
        for report in reports {
            errors.extend(report.errors);
            late.extend(report.late);
            failure = failure.or(report.failure);
            if let Some(bytes) = report.state_bytes {
                *state_bytes.get_or_insert(0) += bytes;
            }
        }
        version.bytes_were_counted |= state_bytes.is_some();
        let counts = match apply_side(&version.contents, time, errors, late) {
            Ok(counts) => counts,
            Err(error) => {
                failure = failure.or_else(|| Some(error.to_string()));
                (0, 0)
            }
        };
        let contents = &version.contents;
        let order = std::sync::atomic::Ordering::Relaxed;
        let (rows_in, rows_out) = (contents.rows_in.load(order), contents.rows_out.load(order));
        self.parts.shared.update(id, |progress| {
            progress.rows_in = rows_in;
            progress.rows_out = rows_out;
            progress.error_count += counts.0;
            progress.late_row_count += counts.1;
            progress.state_bytes = state_bytes.unwrap_or(progress.state_bytes);
        });
        if let Some(reason) = failure {
            self.fail(id, &reason);
        }
    }

    /// Makes `time` the newest boundary.
    fn publish(&mut self, time: Timestamp) {
        self.boundary = time;
        self.parts.store.publish(time);
        self.parts.shared.set_boundary(time);
    }

    /// Ends a version for ever, and all that read it.
    pub(super) fn fail(&mut self, id: VersionId, reason: &str) {
        let Some(version) = self.versions.get_mut(&id) else { return };
        if matches!(version.state, State::Failed) {
            return;
        }
        tracing::error!(version = %id, reason, "a view has failed");
        version.cancel();
        version.state = State::Failed;
        for mailbox in &self.parts.mailboxes {
            mailbox.send(Command::Remove(id));
        }
        self.parts.shared.update(id, |progress| progress.phase = Phase::Failed(reason.to_owned()));
        let above: Vec<VersionId> = self
            .versions
            .iter()
            .filter(|(_, version)| {
                version.is_live() && version.upstream_versions().any(|v| v == id)
            })
            .map(|(above, _)| *above)
            .collect();
        for above in above {
            self.fail(above, &format!("version {id} below it failed: {reason}"));
        }
    }
}
