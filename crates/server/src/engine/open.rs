//! [`Engine`]: opening and closing everything in the right order, and writing commits.
//!
//! ```text
//! open:  log -> catalogue (from its DDL) -> tables (from its rows) -> observer -> dataflow -> connectors
//! close: connectors -> dataflow -> log
//! ```
//! Does not know sessions or SQL text beyond the definitions of views.

use std::path::Path;
use std::sync::Arc;
use std::task::Poll;

use anyhow::{Context, Result};
use kappa_catalog::{Catalog, Definition, RelationKind, Snapshot};
use kappa_dataflow::{Phase, Progress, Runtime, RuntimeOptions};
use kappa_log::{Commit, Log, LogOptions, Placed, RealFs, Turn};
use kappa_plan::ViewPlan;
use kappa_serving::{Store, ViewContents};
use kappa_types::{Clock, ManualClock, SqlError, SqlState, SystemClock, Timestamp, VersionId};
use parking_lot::{Mutex, RwLock};

use super::{Applier, Connectors, Plans, Retired, Tables};
use crate::config::{ClockKind, Config};
use crate::metrics::Counters;
use crate::session::error::log_error;
use crate::session::planner::plan_definition;
use crate::session::replace::after_flip;

/// Everything that lives as long as the process.
#[derive(Debug)]
pub struct Engine {
    /// The truth.
    pub log: Log,
    /// What exists.
    pub catalog: Arc<Catalog>,
    /// Contents of views.
    pub store: Arc<Store>,
    /// Contents of views that have ended and that somebody still reads.
    pub retired: Retired,
    /// Contents of tables.
    pub tables: Arc<Tables>,
    /// Plans of running versions.
    pub plans: Arc<Plans>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// The same clock where it is set by hand.
    pub manual_clock: Option<Arc<ManualClock>>,
    /// Held from binding a change of the catalogue until it has happened.
    pub ddl: Arc<tokio::sync::Mutex<()>>,
    /// What sessions count.
    pub counters: Counters,
    /// The materialized views that were there at the start: they come back beside the first
    /// statements.
    pub returning: Vec<VersionId>,
    /// Sources that are fed from outside.
    pub connectors: Mutex<Connectors>,
    /// The running views. `None` only while closing.
    runtime: RwLock<Option<Runtime>>,
    /// Where background work is spawned.
    pub tasks: tokio::runtime::Handle,
}

impl Engine {
    /// Opens the data directory and starts everything.
    ///
    /// # Errors
    /// If the directory is in use, damaged or written by a newer program.
    pub fn open(config: &Config, tasks: tokio::runtime::Handle) -> Result<Arc<Self>> {
        let manual_clock = (config.clock == ClockKind::Manual).then(|| {
            // Far from the epoch, so that intervals can be taken off.
            Arc::new(ManualClock::new(MANUAL_CLOCK_START_MICROS))
        });
        let clock: Arc<dyn Clock> = match &manual_clock {
            Some(manual) => Arc::<ManualClock>::clone(manual),
            None => Arc::new(SystemClock),
        };
        let log = open_log(&config.data_dir, &clock)?;
        let ddl = log.ddl(Timestamp::MIN)?;
        let index = config.data_dir.join("catalog.sled");
        let catalog = Arc::new(Catalog::open(Some(&index), ddl.into_iter())?);
        let snapshot = catalog.snapshot();
        let start = log.durable_time();
        let store = Arc::new(Store::default());
        let tables = Arc::new(Tables::open(&store, &log, &snapshot, start)?);
        let observed = Arc::clone(&tables);
        log.set_observer(Arc::new(move |placed| observed.apply(placed)));
        let plans = Arc::new(Plans::default());
        insert_plans(&plans, &snapshot, &*clock)?;
        let applier = Applier {
            catalog: Arc::clone(&catalog),
            tables: Arc::clone(&tables),
            plans: Arc::clone(&plans),
        };
        let options =
            RuntimeOptions { worker_count: config.workers, start, ..RuntimeOptions::default() };
        let initial = applier.initial_actions(&snapshot);
        let on_ddl = Box::new(move |time, bytes: &bytes::Bytes| applier.apply(time, bytes));
        let runtime = Runtime::start(options, log.clone(), Arc::clone(&store), initial, on_ddl)?;
        let engine = Arc::new(Self {
            log,
            catalog,
            store,
            retired: Retired::default(),
            tables,
            plans,
            clock,
            manual_clock,
            ddl: Arc::default(),
            counters: Counters::default(),
            returning: materialized_versions(&snapshot),
            connectors: Mutex::default(),
            runtime: RwLock::new(Some(runtime)),
            tasks,
        });
        Connectors::start_all(&engine, &snapshot);
        crate::session::rebuild::resume_all(&engine, &snapshot);
        Ok(engine)
    }

    /// Stops everything. What was acknowledged is durable already; closing makes the next start
    /// quicker.
    ///
    /// # Errors
    /// If the log cannot be closed cleanly.
    pub fn close(engine: Arc<Self>) -> Result<()> {
        engine.connectors.lock().stop_all();
        if let Some(runtime) = engine.runtime.write().take() {
            runtime.stop();
        }
        engine.catalog.sync();
        engine.log.clone().close().context("cannot close the log")
    }

    /// Writes a commit and returns its time once it is durable.
    ///
    /// # Errors
    /// Of the log: 53100 when there is no room.
    pub async fn commit(&self, commit: Commit) -> Result<Timestamp, SqlError> {
        let placed = self.log.place(commit).map_err(log_error)?;
        self.durable(&placed).await
    }

    /// Waits until a placed commit is durable. If the log is idle, the calling thread does the writing
    /// itself: that is quickest, and only one thread at a time can be held up by it.
    ///
    /// # Errors
    /// Of the log.
    pub async fn durable(&self, placed: &Placed) -> Result<Timestamp, SqlError> {
        let durable = std::future::poll_fn(|context| {
            loop {
                match self.log.poll_durable(placed, context.waker()) {
                    Ok(Turn::Durable(time)) => return Poll::Ready(Ok(time)),
                    Ok(Turn::Wait) => return Poll::Pending,
                    Ok(Turn::Write) => self.log.write_next(),
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
        });
        durable.await.map_err(log_error)
    }

    /// Where a version of a view stands.
    #[must_use]
    pub fn progress(&self, version: VersionId) -> Option<Progress> {
        self.runtime.read().as_ref()?.progress(version)
    }

    /// Whether the dataflow can keep a plan.
    ///
    /// # Errors
    /// 0A000.
    pub fn check_plan(plan: &ViewPlan) -> Result<(), SqlError> {
        Runtime::check(plan).map_err(|error| {
            SqlError::unsupported(error.to_string(), "Run the query as a SELECT instead.")
        })
    }

    /// What a version shows, which can be read at `at`; also one that has ended since.
    ///
    /// # Errors
    /// 55000 with its progress, if it is not complete; 72000 if it has ended and was kept for nobody.
    pub fn readable(
        &self,
        name: &str,
        version: VersionId,
        at: Timestamp,
    ) -> Result<Arc<ViewContents>, SqlError> {
        // In this order: what leaves the store and the dataflow has been kept before.
        let present = self.store.get(version).zip(self.progress(version));
        let found = present.or_else(|| {
            let retired = self.retired.get(version)?;
            Some((retired.contents, retired.progress))
        });
        let Some((contents, progress)) = found else {
            let oldest = self.store.horizon().oldest();
            return Err(match at < oldest {
                true => kappa_serving::Error::TooOld { at, oldest }.into(),
                false => not_readable(format!("materialized view \"{name}\" is not running")),
            });
        };
        if let Phase::Failed(reason) = progress.phase {
            return Err(not_readable(format!("materialized view \"{name}\" has failed"))
                .with_detail(reason)
                .with_hint(format!("ALTER VIEW {name} REBUILD makes it again.")));
        }
        if progress.live_from.is_some_and(|from| from <= at) {
            return Ok(contents);
        }
        Err(not_readable(format!("materialized view \"{name}\" is not complete yet"))
            .with_detail(format!(
                "{} of {} rows of history read.",
                progress.rows_done, progress.rows_total
            ))
            .with_hint("Try again later; SELECT * FROM kappa_views shows the progress."))
    }
}

fn not_readable(what: String) -> SqlError {
    SqlError::new(SqlState::ObjectNotInPrerequisiteState, what)
}

/// 2030-01-01 00:00:00 UTC.
const MANUAL_CLOCK_START_MICROS: i64 = 1_893_456_000_000_000;

fn open_log(dir: &Path, clock: &Arc<dyn Clock>) -> Result<Log> {
    let fs = Arc::new(RealFs);
    Log::open(fs, dir, Arc::clone(clock), LogOptions::default())
        .with_context(|| format!("cannot open the data directory {}", dir.display()))
}

/// The present versions of all materialized views.
pub(crate) fn materialized_versions(snapshot: &Snapshot) -> Vec<VersionId> {
    snapshot
        .relations()
        .filter(|relation| matches!(relation.kind, RelationKind::MaterializedView { .. }))
        .map(|relation| relation.version)
        .collect()
}

/// Plans every version that will run: of materialized views, and of rebuilds under way.
fn insert_plans(plans: &Plans, snapshot: &Arc<Snapshot>, clock: &dyn Clock) -> Result<()> {
    for relation in snapshot.relations_in_dependency_order() {
        insert_plan(plans, snapshot, &relation.name, &relation.definition(), clock)?;
    }
    for rebuild in snapshot.rebuilds_active() {
        let after = after_flip(snapshot, &rebuild.definitions);
        for definition in &rebuild.definitions {
            insert_plan(plans, &after, &rebuild.relation_name, definition, clock)?;
        }
    }
    Ok(())
}

fn insert_plan(
    plans: &Plans,
    snapshot: &Arc<Snapshot>,
    name: &str,
    definition: &Definition,
    clock: &dyn Clock,
) -> Result<()> {
    if !matches!(definition.kind, RelationKind::MaterializedView { .. }) {
        return Ok(());
    }
    let plan = plan_definition(snapshot, definition, &plans.all(), clock)
        .with_context(|| format!("cannot plan materialized view {name} again"))?;
    plans.insert(definition.version, Arc::new(plan));
    Ok(())
}
