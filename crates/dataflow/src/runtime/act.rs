//! What the coordinator does for each [`Action`], always between two steps.

use std::sync::Arc;
use std::sync::mpsc::channel;

use arrow::record_batch::RecordBatch;
use kappa_serving::{HEAD, ViewOptions, difference};
use kappa_types::{Timestamp, VersionId};

use super::closing::{Closing, Cut, Watermarks};
use super::command::{Command, RelationDelta, RelationRows, Work, WorkFeed, WorkerInstall};
use super::control::Control;
use super::coordinator::{Coordinator, Fed};
use super::history::{History, HistoryOptions};
use super::hydration::{Hydration, Ready, Upstream};
use super::schema::{error_schema, late_schema};
use super::version::{State, Version};
use crate::build::{Place, build};
use crate::{Action, Error, Flip, InputSource, Install, Phase, Progress};

impl Coordinator {
    /// Carries out actions in order at boundary `at`.
    ///
    /// # Errors
    /// The first that fails; the later ones are still carried out.
    pub(super) fn act(&mut self, actions: Vec<Action>, at: Timestamp) -> Result<(), Error> {
        let mut result = Ok(());
        for action in actions {
            let outcome = match action {
                Action::Install(install) => self.install(*install, at),
                Action::Remove { version } => self.remove(version),
                Action::Flip { pairs } => self.flip(&pairs, at),
                Action::Schema { relation, schema } => {
                    self.schemas.insert(relation, &schema);
                    Ok(())
                }
                Action::Pause { version } => self.control(version, |control| control.pause(true)),
                Action::Resume { version } => self.control(version, |control| control.pause(false)),
                Action::RateLimit { version, rows_per_second } => {
                    self.control(version, |control| control.limit(rows_per_second))
                }
            };
            result = result.and(outcome);
        }
        result
    }

    fn control(&self, version: VersionId, change: impl FnOnce(&Control)) -> Result<(), Error> {
        let version = self.versions.get(&version).ok_or(Error::UnknownVersion(version))?;
        if let State::Hydrating { control, .. } = &version.state {
            change(control);
        }
        Ok(())
    }

    #[expect(clippy::too_many_lines, reason = "one installation, step by step")]
    fn install(&mut self, install: Install, at: Timestamp) -> Result<(), Error> {
        let id = install.version;
        if self.versions.contains_key(&id) {
            return Err(Error::UnknownVersion(id));
        }
        build(&install.plan, Place { worker: 0, worker_count: 1 })?;
        let mut upstreams = Vec::new();
        for (relation, input) in &install.inputs {
            match input {
                InputSource::Log { schemas } => {
                    schemas.iter().for_each(|schema| self.schemas.insert(*relation, schema));
                    self.follow_watermark(*relation);
                }
                InputSource::View { version } => {
                    let below = self.versions.get(version);
                    let below = below.ok_or(Error::UnknownVersion(*version))?;
                    upstreams.push(Upstream {
                        relation: *relation,
                        version: *version,
                        columns: Arc::clone(&below.columns),
                        contents: Arc::clone(&below.contents),
                    });
                }
            }
        }
        let contents = self.parts.store.create(
            id,
            &ViewOptions {
                rows: install.plan.root.schema.clone(),
                errors: error_schema(),
                late: late_schema(),
                key: install.plan.key().map(<[usize]>::to_vec),
                shard_count: self.parts.options.worker_count,
            },
        );
        let phase = if install.paused { Phase::Paused } else { Phase::Hydrating };
        self.parts.shared.insert(id, Progress::new(phase, Timestamp::MIN));
        let (replay_reports, reports) = channel();
        let worker_install = Arc::new(WorkerInstall {
            version: id,
            plan: Arc::clone(&install.plan),
            contents: Arc::clone(&contents),
            replay_reports,
        });
        for mailbox in &self.parts.mailboxes {
            mailbox.send(Command::Install(Arc::clone(&worker_install)));
        }
        drop(worker_install);
        let control = Arc::new(Control::new(install.paused, install.rate_limit));
        let closing = Closing::of(&install.plan);
        let hydration = Hydration {
            install: Arc::new(install.clone()),
            options: self.parts.options.clone(),
            log: self.parts.log.clone(),
            store: Arc::clone(&self.parts.store),
            shared: Arc::clone(&self.parts.shared),
            control: Arc::clone(&control),
            mailboxes: self.parts.mailboxes.clone(),
            reports,
            events: self.parts.own_events.clone(),
            contents: Arc::clone(&contents),
            upstreams,
            closing: closing.clone(),
            installed_at: at,
        };
        let thread = std::thread::Builder::new()
            .name(format!("kappa-hydrate-{id}"))
            .spawn(move || hydration.run())
            .map_err(|error| Error::Start(error.to_string()))?;
        let columns = Arc::new(install.columns.clone());
        let state = State::Hydrating { control, thread };
        self.versions.insert(id, {
            let bytes_were_counted = false;
            Version { install, columns, contents, closing, state, bytes_were_counted }
        });
        Ok(())
    }

    fn remove(&mut self, id: VersionId) -> Result<(), Error> {
        let version = self.versions.remove(&id).ok_or(Error::UnknownVersion(id))?;
        version.cancel();
        for mailbox in &self.parts.mailboxes {
            mailbox.send(Command::Remove(id));
        }
        self.parts.store.remove(id);
        self.parts.shared.remove(id);
        Ok(())
    }

    /// Feeds a version what it still lacks, between two steps, and makes it live. False if a worker
    /// has died.
    pub(super) fn join(&mut self, ready: Ready) -> bool {
        let Ready { version: id, at, mut early, pin, mut closing } = ready;
        let until = self.boundary;
        // A version that was dropped or failed meanwhile is not in this state any more.
        let Some(version) = self.versions.get(&id) else { return true };
        if !matches!(version.state, State::Hydrating { .. }) {
            return true;
        }
        let fed = self.missing_view_rows(id, pin.time(), until, &mut early);
        let cuts = match &mut closing {
            Some(closing) => closing.cuts(&self.parts.log, at, until),
            None => vec![Cut { time: until, watermarks: Watermarks::default() }],
        };
        let options = HistoryOptions {
            row_count: self.parts.options.replay_row_count,
            batches_ahead_max: self.parts.options.replay_batches_ahead_max,
        };
        let install = &self.versions[&id].install;
        let history = History::open(&self.parts.log, install, at, cuts, options);
        let mut history = match (fed, history) {
            (Ok(()), Ok(history)) => history,
            (Err(reason), _) => {
                self.fail(id, &reason);
                return true;
            }
            (_, Err(error)) => {
                self.fail(id, &error.to_string());
                return true;
            }
        };
        if at < until {
            loop {
                let (tick, mut rows) = match history.next_tick() {
                    Ok(Some(next)) => next,
                    Ok(None) => break,
                    Err(error) => {
                        self.fail(id, &error.to_string());
                        return true;
                    }
                };
                rows.append(&mut early);
                let feeds = rows.into_iter().map(|(r, rows)| (r, WorkFeed::Rows(rows))).collect();
                let work = Work {
                    version: id,
                    watermarks: tick.watermarks,
                    ends: tick.ends,
                    is_followed: false,
                    feeds,
                };
                if !self.run_step(tick.time, RelationRows::new(), vec![vec![work]]) {
                    return false;
                }
            }
        }
        let Some(version) = self.versions.get_mut(&id) else { return true };
        if !matches!(version.state, State::Failed) {
            version.closing = closing;
            version.state = State::Live;
            let order = std::sync::atomic::Ordering::Relaxed;
            let rows_in = version.contents.rows_in.load(order);
            let rows_out = version.contents.rows_out.load(order);
            self.parts.shared.update(id, |progress| {
                progress.phase = Phase::Live;
                progress.live_from = Some(until);
                progress.frontier = until;
                progress.rows_total = progress.rows_done;
                progress.rows_in = rows_in;
                progress.rows_out = rows_out;
            });
        }
        true
    }

    /// Adds to `rows` what changed in the views below a version in `(after, until]`.
    fn missing_view_rows(
        &self,
        id: VersionId,
        after: Timestamp,
        until: Timestamp,
        rows: &mut RelationRows,
    ) -> Result<(), String> {
        for (relation, input) in &self.versions[&id].install.inputs {
            let InputSource::View { version } = input else { continue };
            let below = self.versions.get(version).filter(|below| below.is_live());
            let below = below.ok_or_else(|| format!("version {version} below it is gone"))?;
            let changes = below.contents.rows.changes_net(after, until);
            let changes = changes.map_err(|error| error.to_string())?;
            let batches = rows.entry(*relation).or_default();
            for delta in changes.into_iter().filter(|delta| !delta.is_empty()) {
                batches.push(RelationDelta { columns: Arc::clone(&below.columns), delta });
            }
        }
        for batch in rows.values_mut().flatten() {
            batch.delta.time = until;
        }
        Ok(())
    }

    /// Feeds the views above flipped relations the difference, all in one step, and has them follow
    /// the new versions.
    fn flip(&mut self, pairs: &[Flip], at: Timestamp) -> Result<(), Error> {
        for pair in pairs {
            for version in [pair.old, pair.new] {
                if !self.versions.get(&version).is_some_and(Version::is_live) {
                    return Err(Error::UnknownVersion(version));
                }
            }
        }
        let replaced = |id: &VersionId| pairs.iter().any(|pair| pair.old == *id);
        let mut fed = Fed::new();
        for pair in pairs {
            let above: Vec<VersionId> = self
                .versions
                .iter()
                .filter(|(id, version)| {
                    !replaced(id)
                        && version.is_live()
                        && version.upstream_versions().any(|upstream| upstream == pair.old)
                })
                .map(|(id, _)| *id)
                .collect();
            if above.is_empty() {
                continue;
            }
            let rows = self.difference(pair, at)?;
            for id in above {
                let version = self.versions.get_mut(&id).expect("it was found above");
                let feeds = fed.entry(id).or_default();
                for (relation, input) in &mut version.install.inputs {
                    if matches!(input, InputSource::View { version } if *version == pair.old) {
                        *input = InputSource::View { version: pair.new };
                        feeds.push((*relation, WorkFeed::Rows(rows.clone())));
                    }
                }
            }
        }
        let levels = self.levels(&[], true, &mut fed);
        if !levels.is_empty() && !self.run_step(at, RelationRows::new(), levels) {
            return Err(Error::Stopped);
        }
        Ok(())
    }

    /// What turns the old version's rows into the new one's, by the new one's columns.
    fn difference(&self, pair: &Flip, at: Timestamp) -> Result<Vec<RelationDelta>, Error> {
        let (old, new) = (&self.versions[&pair.old], &self.versions[&pair.new]);
        let count = old.contents.rows.schema().fields().len();
        let same = old.columns == new.columns && count == new.contents.rows.schema().fields().len();
        let mut batches = if same {
            difference(&old.contents.rows, HEAD, &new.contents.rows, HEAD)
                .map_err(|error| Error::Unsupported(error.to_string()))?
                .into_iter()
                .map(|delta| RelationDelta { columns: Arc::clone(&new.columns), delta })
                .collect::<Vec<_>>()
        } else {
            // Other columns: everything goes and everything comes; views above cancel what is equal.
            let mut batches = Vec::new();
            for (version, diff) in [(old, -1), (new, 1)] {
                let rows = version.contents.rows.scan(HEAD, None, &[]);
                let rows = rows.map_err(|error| Error::Unsupported(error.to_string()))?;
                batches.extend(rows.into_iter().map(|rows| whole(version, rows, diff)));
            }
            batches
        };
        batches.retain(|batch| !batch.delta.is_empty());
        batches.iter_mut().for_each(|batch| batch.delta.time = at);
        Ok(batches)
    }
}

/// All of `rows`, `diff` times.
fn whole(version: &Version, rows: RecordBatch, diff: i64) -> RelationDelta {
    let diffs = arrow::array::Int64Array::from(vec![diff; rows.num_rows()]);
    let delta = kappa_types::DeltaBatch::new(Timestamp::MIN, rows, Some(diffs));
    RelationDelta { columns: Arc::clone(&version.columns), delta }
}
