//! Hydration: brings a new version from nothing to the newest boundary, beside the live steps.
//!
//! ```text
//! wait until the views below are live
//! round 0   all history up to T0           (T0: the newest boundary then)
//! round k   what was committed in (Tk-1, Tk]
//! ready     little is missing: the coordinator adds it between two steps, and the version is live
//! ```
//! The one idea: CREATE MATERIALIZED VIEW on history, restart and REBUILD are this same code.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use kappa_log::Log;
use kappa_serving::{Pin, Store, ViewContents};
use kappa_types::{ColumnId, DeltaBatch, RelationId, Timestamp, VersionId};

use super::closing::{Closing, Cut, Watermarks};
use super::command::{Command, Mailbox, RelationDelta, RelationRows, Replay, ReplayReport};
use super::control::{Brake, Control};
use super::coordinator::Event;
use super::flow::Tick;
use super::history::{History, HistoryOptions};
use super::shared::Shared;
use crate::operator::Output;
use crate::{Error, Install, Phase, RuntimeOptions};

/// How often changes of views below are taken over, so that no old boundary must be kept for long.
const PIN_REFRESH: Duration = Duration::from_secs(10);

/// How long a hydration waits before it looks whether it was cancelled.
const LOOK_AROUND: Duration = Duration::from_millis(100);

/// A view that a version reads.
#[derive(Clone, Debug)]
pub(super) struct Upstream {
    /// The name by which the plan reads it.
    pub(super) relation: RelationId,
    /// Which version of it.
    pub(super) version: VersionId,
    /// The ids of its columns.
    pub(super) columns: Arc<Vec<ColumnId>>,
    /// Its contents.
    pub(super) contents: Arc<ViewContents>,
}

/// A hydration that is ready to join.
#[derive(Debug)]
pub(super) struct Ready {
    /// Whose.
    pub(super) version: VersionId,
    /// Up to where it has read everything.
    pub(super) at: Timestamp,
    /// Changes of views below that were taken over and not fed yet …
    pub(super) early: RelationRows,
    /// … and up to where; that boundary is kept readable.
    pub(super) pin: Pin,
    /// When its windows close.
    pub(super) closing: Option<Closing>,
}

/// What a hydration works with.
pub(super) struct Hydration {
    pub(super) install: Arc<Install>,
    pub(super) options: RuntimeOptions,
    pub(super) log: Log,
    pub(super) store: Arc<Store>,
    pub(super) shared: Arc<Shared>,
    pub(super) control: Arc<Control>,
    pub(super) mailboxes: Vec<Mailbox>,
    pub(super) reports: Receiver<ReplayReport>,
    pub(super) events: Sender<Event>,
    pub(super) contents: Arc<ViewContents>,
    pub(super) upstreams: Vec<Upstream>,
    pub(super) closing: Option<Closing>,
    /// The boundary at which the version was installed.
    pub(super) installed_at: Timestamp,
}

/// Where a hydration stands.
struct Run {
    hydration: Hydration,
    /// Ticks sent and not yet reported, per worker.
    in_flight: usize,
    /// Ticks that workers have reported, summed over workers.
    reported: usize,
    /// Bytes of operator state on each worker, as last reported.
    state_bytes: Vec<u64>,
    begin: Instant,
    brake: Brake,
    rows_done: u64,
    rows_total: u64,
    /// Errors and late rows of the round at hand.
    side: Output,
    /// Changes of views below, taken over early.
    early: RelationRows,
    /// Up to where they are taken over; pinned.
    early_until: Pin,
    refreshed_at: Instant,
}

/// Why a hydration ends early.
enum End {
    Cancelled,
    Failed(String),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
        Self::Failed(format!("{error}{}", source.unwrap_or_default()))
    }
}

impl From<kappa_serving::Error> for End {
    fn from(error: kappa_serving::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Hydration {
    /// Runs to the end; tells the coordinator how it went.
    pub(super) fn run(self) {
        let (version, events) = (self.install.version, self.events.clone());
        let event = match self.try_run() {
            Ok(ready) => Event::Ready(Box::new(ready)),
            Err(End::Cancelled) => return,
            Err(End::Failed(reason)) => Event::Failed(version, reason),
        };
        // A coordinator that has ended needs no news.
        let _ = events.send(event);
    }

    fn try_run(self) -> Result<Ready, End> {
        let pin = self.first_boundary()?;
        let mut run = Run::new(self, pin);
        let mut at = run.first_round()?;
        for round in 0.. {
            let newest = run.hydration.store.horizon().pin_newest();
            let last = round >= run.hydration.options.catch_up_round_count_max;
            if newest.time() == at || last || run.is_nearly_there(at, newest.time())? {
                break;
            }
            run.set_phase(Phase::CatchingUp);
            run.round(at, &newest)?;
            at = newest.time();
        }
        let Run { hydration, early, early_until, .. } = run;
        let version = hydration.install.version;
        Ok(Ready { version, at, early, pin: early_until, closing: hydration.closing })
    }

    /// Waits until everything below is live; holds the boundary to begin with.
    fn first_boundary(&self) -> Result<Pin, End> {
        while self.shared.wait_for_boundary(self.installed_at, LOOK_AROUND) < self.installed_at {
            self.check_cancelled()?;
        }
        for upstream in &self.upstreams {
            loop {
                self.check_cancelled()?;
                let done = |phase: &Phase| matches!(phase, Phase::Live | Phase::Failed(_));
                let progress = self
                    .shared
                    .wait_until(upstream.version, LOOK_AROUND, |progress| done(&progress.phase));
                match progress.map(|progress| progress.phase) {
                    Some(Phase::Live) => break,
                    Some(Phase::Failed(reason)) => {
                        return Err(End::Failed(format!("a view below failed: {reason}")));
                    }
                    Some(_) => {}
                    None => return Err(End::Failed("a view below was dropped".to_owned())),
                }
            }
        }
        Ok(self.store.horizon().pin_newest())
    }

    fn check_cancelled(&self) -> Result<(), End> {
        if self.control.is_cancelled() { Err(End::Cancelled) } else { Ok(()) }
    }
}

impl Run {
    fn new(hydration: Hydration, pin: Pin) -> Self {
        Self {
            state_bytes: vec![0; hydration.mailboxes.len()],
            hydration,
            in_flight: 0,
            reported: 0,
            begin: Instant::now(),
            brake: Brake::default(),
            rows_done: 0,
            rows_total: 0,
            side: Output::default(),
            early: RelationRows::new(),
            early_until: pin,
            refreshed_at: Instant::now(),
        }
    }

    /// Everything up to the pinned boundary; returns it.
    fn first_round(&mut self) -> Result<Timestamp, End> {
        let at = self.early_until.time();
        let cuts = self.cuts(Timestamp::MIN, at);
        let history = self.history(Timestamp::MIN, cuts)?;
        let mut rows = RelationRows::new();
        for upstream in &self.hydration.upstreams {
            let batches = upstream.contents.rows.scan(at, None, &[])?;
            for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
                let delta = DeltaBatch::insert(at, batch.clone());
                let columns = Arc::clone(&upstream.columns);
                rows.entry(upstream.relation).or_default().push(RelationDelta { columns, delta });
            }
        }
        self.feed(history, rows, at)?;
        Ok(at)
    }

    /// What was committed in `(after, until]`.
    fn round(&mut self, after: Timestamp, until: &Pin) -> Result<(), End> {
        self.take_over(until.clone())?;
        let cuts = self.cuts(after, until.time());
        let history = self.history(after, cuts)?;
        let mut rows = std::mem::take(&mut self.early);
        for batches in rows.values_mut().flatten() {
            batches.delta.time = until.time();
        }
        self.feed(history, rows, until.time())
    }

    fn cuts(&mut self, after: Timestamp, until: Timestamp) -> Vec<Cut> {
        let log = &self.hydration.log;
        match &mut self.hydration.closing {
            Some(closing) => closing.cuts(log, after, until),
            None => vec![Cut { time: until, watermarks: Watermarks::default() }],
        }
    }

    fn history(&self, after: Timestamp, cuts: Vec<Cut>) -> Result<History, End> {
        let Hydration { log, install, options, .. } = &self.hydration;
        let options = HistoryOptions {
            row_count: options.replay_row_count,
            batches_ahead_max: options.replay_batches_ahead_max,
        };
        Ok(History::open(log, install, after, cuts, options)?)
    }

    /// Gives `rows` of views, then `history`, to the workers and waits until they are done.
    fn feed(
        &mut self,
        mut history: History,
        rows: RelationRows,
        time: Timestamp,
    ) -> Result<(), End> {
        let view_rows = rows.values().flatten().map(|batch| batch.delta.row_count() as u64);
        self.rows_total += history.row_count + view_rows.sum::<u64>();
        // Known before the first row is admitted: one that is paused shows it, too.
        self.hydration.shared.update(self.hydration.install.version, |progress| {
            progress.rows_total = self.rows_total;
        });
        let tick = Tick { time, watermarks: Watermarks::default(), ends: false };
        for (relation, batches) in rows {
            for batch in batches {
                self.send(tick.clone(), [(relation, vec![batch])].into())?;
            }
        }
        while let Some((tick, rows)) = history.next_tick()? {
            self.send(tick, rows)?;
            self.refresh()?;
        }
        self.settle(0)?;
        self.apply_side(time)
    }

    /// Adds the errors and late rows of a round to the contents, at its end.
    fn apply_side(&mut self, time: Timestamp) -> Result<(), End> {
        let side = std::mem::take(&mut self.side);
        let contents = &self.hydration.contents;
        let (errors, late) = apply_side(contents, time, side.errors, side.late)?;
        self.hydration.shared.update(self.hydration.install.version, |progress| {
            progress.error_count += errors;
            progress.late_row_count += late;
            progress.state_bytes = self.state_bytes.iter().sum();
        });
        Ok(())
    }

    /// Sends a tick when there is room for it.
    fn send(&mut self, tick: Tick, rows: RelationRows) -> Result<(), End> {
        let counts = rows.values().flatten().map(|batch| batch.delta.row_count() as u64);
        let row_count: u64 = counts.sum();
        if self.hydration.control.is_paused() {
            self.set_phase(Phase::Paused);
        }
        if !self.hydration.control.admit(row_count, &mut self.brake) {
            return Err(End::Cancelled);
        }
        self.settle(self.hydration.options.replay_ticks_in_flight_max)?;
        let (version, time) = (self.hydration.install.version, tick.time);
        let replay = Arc::new(Replay { version, tick, rows });
        for mailbox in &self.hydration.mailboxes {
            mailbox.send(Command::Replay(Arc::clone(&replay)));
        }
        self.in_flight += 1;
        self.rows_done += row_count;
        self.show_progress(time);
        Ok(())
    }

    /// Waits until no more than `max` ticks are in flight on any worker.
    fn settle(&mut self, max: usize) -> Result<(), End> {
        // Workers report in any order, but never a tick before its predecessor; the slowest one has
        // reported at least what all have reported beyond the others' whole share.
        let worker_count = self.hydration.mailboxes.len();
        while self.in_flight * worker_count - self.reported > max * worker_count {
            match self.hydration.reports.recv_timeout(LOOK_AROUND) {
                Ok(report) => self.take_report(report)?,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    self.hydration.check_cancelled()?;
                }
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(End::Cancelled);
                }
            }
        }
        Ok(())
    }

    fn take_report(&mut self, done: ReplayReport) -> Result<(), End> {
        self.reported += done.done_count;
        let report = done.report;
        self.state_bytes[done.worker] = report.state_bytes.unwrap_or(0);
        if let Some(reason) = report.failure {
            return Err(End::Failed(reason));
        }
        self.side.errors.extend(report.errors);
        self.side.late.extend(report.late);
        Ok(())
    }

    fn set_phase(&self, phase: Phase) {
        self.hydration.shared.update(self.hydration.install.version, |progress| {
            progress.phase = phase;
        });
    }

    fn show_progress(&self, frontier: Timestamp) {
        let contents = &self.hydration.contents;
        let seconds = self.begin.elapsed().as_secs_f64().max(1e-6);
        self.hydration.shared.update(self.hydration.install.version, |progress| {
            if progress.phase == Phase::Paused {
                progress.phase = Phase::Hydrating;
            }
            progress.rows_done = self.rows_done;
            progress.rows_total = self.rows_total.max(self.rows_done);
            progress.rows_per_second = (self.rows_done as f64 / seconds) as u64;
            progress.frontier = frontier;
            progress.rows_in = contents.rows_in.load(std::sync::atomic::Ordering::Relaxed);
            progress.rows_out = contents.rows_out.load(std::sync::atomic::Ordering::Relaxed);
        });
    }

    /// Whether few enough rows are missing in `(at, newest]`.
    fn is_nearly_there(&self, at: Timestamp, newest: Timestamp) -> Result<bool, End> {
        let Hydration { log, install, .. } = &self.hydration;
        let missing = History::row_count_of(log, install, at, newest)?;
        Ok(missing <= self.hydration.options.join_row_count_max)
    }

    /// Takes over changes of views below once in a while.
    fn refresh(&mut self) -> Result<(), End> {
        if self.hydration.upstreams.is_empty() || self.refreshed_at.elapsed() < PIN_REFRESH {
            return Ok(());
        }
        let newest = self.hydration.store.horizon().pin_newest();
        self.take_over(newest)
    }

    /// Takes over changes of views below, up to `until`.
    fn take_over(&mut self, until: Pin) -> Result<(), End> {
        let after = self.early_until.time();
        self.refreshed_at = Instant::now();
        if until.time() <= after {
            return Ok(());
        }
        for upstream in &self.hydration.upstreams {
            let changes = upstream.contents.rows.changes_net(after, until.time())?;
            let batches = self.early.entry(upstream.relation).or_default();
            for delta in changes.into_iter().filter(|delta| !delta.is_empty()) {
                batches.push(RelationDelta { columns: Arc::clone(&upstream.columns), delta });
            }
        }
        self.early_until = until;
        Ok(())
    }
}

/// Adds errors and late rows to contents at `time`; returns how many errors there are more, and how
/// many late rows.
pub(super) fn apply_side(
    contents: &ViewContents,
    time: Timestamp,
    mut errors: Vec<DeltaBatch>,
    mut late: Vec<DeltaBatch>,
) -> Result<(i64, u64), kappa_serving::Error> {
    errors.iter_mut().chain(&mut late).for_each(|batch| batch.time = time);
    let diffs = errors.iter().flat_map(|batch| (0..batch.row_count()).map(|row| batch.diff(row)));
    let counts = (diffs.sum(), late.iter().map(|batch| batch.row_count() as u64).sum());
    if !errors.is_empty() {
        contents.errors.apply(0, &errors)?;
    }
    if !late.is_empty() {
        contents.late.apply(0, &late)?;
    }
    Ok(counts)
}
