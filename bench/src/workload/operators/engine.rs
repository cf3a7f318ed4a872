//! [`Engine`]: a log and a dataflow without a server around them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arrow::array::TimestampMicrosecondArray;
use arrow::record_batch::RecordBatch;
use kappa_dataflow::{Action, InputSource, Install, Phase, Runtime, RuntimeOptions};
use kappa_log::{Commit, Log, LogOptions, RealFs, RelationRows, RowKind};
use kappa_plan::ViewPlan;
use kappa_serving::{HEAD, Store};
use kappa_types::{ColumnId, RelationId, SchemaVersionId, SystemClock, Timestamp, VersionId};
use tempfile::TempDir;

use super::plan::{AUCTIONS, BIDS, auction_schema, bid_schema};

/// Longer than any run.
const LONG: Duration = Duration::from_secs(600);
/// The only view.
const VIEW: VersionId = VersionId(1);

/// A log with bids and auctions.
pub(super) struct Engine {
    /// The log; its directory goes with this.
    pub(super) log: Log,
    store: Arc<Store>,
    _dir: TempDir,
}

impl Engine {
    /// An empty log on disk.
    pub(super) fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("log");
        let clock = Arc::new(SystemClock);
        let log = Log::open(Arc::new(RealFs), &path, clock, LogOptions::default())?;
        let schemas =
            vec![(RelationId(BIDS), bid_schema()), (RelationId(AUCTIONS), auction_schema())];
        log.commit(Commit { schemas, ..Commit::default() })?;
        Ok(Self { log, store: Arc::new(Store::default()), _dir: dir })
    }

    /// Starts a dataflow without views at the end of the log, whose replays read so many batches
    /// ahead, by default as many as in a server.
    pub(super) fn runtime(
        &self,
        worker_count: usize,
        read_ahead_max: Option<usize>,
    ) -> Result<Runtime> {
        let start = self.log.durable_time();
        let mut options = RuntimeOptions { worker_count, start, ..RuntimeOptions::default() };
        options.replay_batches_ahead_max =
            read_ahead_max.unwrap_or(options.replay_batches_ahead_max);
        let (log, store) = (self.log.clone(), Arc::clone(&self.store));
        Ok(Runtime::start(options, log, store, Vec::new(), Box::new(|_, _| Vec::new()))?)
    }

    /// Commits rows of a relation, with the watermark that they bring.
    pub(super) fn commit(
        &self,
        id: u32,
        rows: &RecordBatch,
        watermark: Option<i64>,
    ) -> Result<Timestamp> {
        let rows = RelationRows {
            relation: RelationId(id),
            schema_version: SchemaVersionId(id),
            kind: RowKind::Rows,
            rows: rows.clone(),
            diffs: None,
            watermark,
        };
        Ok(self.log.commit(Commit { rows: vec![rows], ..Commit::default() })?)
    }

    /// Commits bids, a commit per batch; gives the time of the last.
    pub(super) fn commit_bids(&self, batches: &[RecordBatch]) -> Result<Timestamp> {
        let mut newest = Timestamp::MIN;
        for batch in batches {
            let times = batch.column(3).as_any().downcast_ref::<TimestampMicrosecondArray>();
            let watermark = times.and_then(|times| times.values().iter().max().copied());
            newest = self.commit(BIDS, batch, watermark)?;
        }
        Ok(newest)
    }

    /// Waits until a time is readable.
    pub(super) fn wait(runtime: &Runtime, at: Timestamp) -> Result<()> {
        ensure!(runtime.wait_for_boundary(at, LONG) >= at, "steps stand still");
        Ok(())
    }

    /// Makes the view; one that is paused reads ahead and does nothing else.
    pub(super) fn install(runtime: &Runtime, plan: ViewPlan, paused: bool) -> Result<()> {
        let inputs = plan.relations().into_iter().map(|relation| {
            let schema = if relation.0 == BIDS { bid_schema() } else { auction_schema() };
            (relation, InputSource::Log { schemas: vec![schema] })
        });
        let install = Install {
            version: VIEW,
            relation: RelationId(10),
            inputs: inputs.collect(),
            columns: (0u32..).take(plan.root.schema.fields().len()).map(ColumnId).collect(),
            plan: Arc::new(plan),
            rate_limit: None,
            paused,
        };
        runtime.execute(vec![Action::Install(Box::new(install))])?;
        Ok(())
    }

    /// Lets a paused view go on.
    pub(super) fn resume(runtime: &Runtime) -> Result<()> {
        runtime.execute(vec![Action::Resume { version: VIEW }])?;
        Ok(())
    }

    /// Waits until the view is readable.
    pub(super) fn wait_live(runtime: &Runtime) -> Result<()> {
        let ended = |phase: &Phase| matches!(phase, Phase::Live | Phase::Failed(_));
        let progress = runtime.wait_until(VIEW, LONG, |progress| ended(&progress.phase));
        let phase = progress.context("the view was not installed")?.phase;
        ensure!(phase == Phase::Live, "the view is {phase:?}");
        Ok(())
    }

    /// Reads the view; gives its rows' number.
    pub(super) fn row_count(&self) -> Result<usize> {
        let contents = self.store.get(VIEW).context("the view was not installed")?;
        let batches = contents.rows.scan(HEAD, None, &[])?;
        Ok(batches.iter().map(RecordBatch::num_rows).sum())
    }
}
