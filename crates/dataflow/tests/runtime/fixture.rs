//! A log, a store and a runtime in a temporary directory, driven from one thread.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use kappa_dataflow::{Action, InputSource, Install, Phase, Runtime, RuntimeOptions};
use kappa_log::{Commit, Log, LogOptions, RealFs, RelationRows, RowKind};
use kappa_plan::ViewPlan;
use kappa_serving::{HEAD, Store};
use kappa_types::{
    Column, ColumnId, ManualClock, RelationId, Schema, SchemaVersionId, SqlType, Timestamp,
    VersionId,
};

/// Nothing in these tests takes this long unless it hangs.
const LONG: Duration = Duration::from_secs(60);

/// Everything a test needs.
pub(crate) struct Fixture {
    pub(crate) runtime: Option<Runtime>,
    pub(crate) store: Arc<Store>,
    pub(crate) log: Log,
    relations: Vec<(RelationId, Schema)>,
    pub(crate) worker_count: usize,
    /// Last, since fields go in this order: a log that loses its files ends the process.
    _dir: tempfile::TempDir,
}

impl Fixture {
    /// A running system without views.
    pub(crate) fn new(worker_count: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(1_000_000));
        let options = LogOptions::default();
        let log = Log::open(Arc::new(RealFs), &dir.path().join("log"), clock, options).unwrap();
        let store = Arc::new(Store::default());
        let mut fixture =
            Self { _dir: dir, log, store, runtime: None, relations: Vec::new(), worker_count };
        fixture.start(Vec::new());
        fixture
    }

    /// Starts a runtime at the newest durable time.
    pub(crate) fn start(&mut self, initial: Vec<Action>) {
        self.stop();
        let options = RuntimeOptions {
            worker_count: self.worker_count,
            start: self.log.durable_time(),
            replay_row_count: 100,
            join_row_count_max: 50,
            ..RuntimeOptions::default()
        };
        let (log, store) = (self.log.clone(), Arc::clone(&self.store));
        let on_ddl = Box::new(|_, bytes: &bytes::Bytes| crate::ddl::actions(bytes));
        self.runtime = Some(Runtime::start(options, log, store, initial, on_ddl).unwrap());
    }

    pub(crate) fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.stop();
        }
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().unwrap()
    }

    /// Makes a base relation known.
    pub(crate) fn relation(&mut self, id: u32, columns: &[(&str, SqlType)]) {
        let columns = columns.iter().enumerate().map(|(index, (name, sql_type))| Column {
            id: ColumnId(id * 100 + index as u32),
            name: (*name).to_owned(),
            sql_type: sql_type.clone(),
            nullable: true,
        });
        let schema = Schema { version: SchemaVersionId(id), columns: columns.collect() };
        let relation = RelationId(id);
        let commit = Commit { schemas: vec![(relation, schema.clone())], ..Commit::default() };
        self.log.commit(commit).unwrap();
        self.relations.push((relation, schema));
    }

    pub(crate) fn schema(&self, id: u32) -> SchemaRef {
        self.of(id).arrow()
    }

    fn of(&self, id: u32) -> &Schema {
        &self.relations.iter().find(|(relation, _)| relation.0 == id).unwrap().1
    }

    /// Commits rows of a relation.
    pub(crate) fn commit(
        &self,
        id: u32,
        columns: Vec<ArrayRef>,
        diffs: Option<Vec<i64>>,
        watermark: Option<i64>,
    ) -> Timestamp {
        let schema = self.of(id);
        let rows = RelationRows {
            relation: RelationId(id),
            schema_version: schema.version,
            kind: RowKind::Rows,
            rows: RecordBatch::try_new(schema.arrow(), columns).unwrap(),
            diffs: diffs.map(Int64Array::from),
            watermark,
        };
        self.log.commit(Commit { rows: vec![rows], ..Commit::default() }).unwrap()
    }

    /// An installation of `plan`; relations below 100 are in the log, others are versions of views.
    pub(crate) fn install_of(&self, version: u32, plan: ViewPlan) -> Install {
        let inputs = plan.relations().into_iter().map(|relation| {
            let source = if relation.0 < 100 {
                InputSource::Log { schemas: vec![self.of(relation.0).clone()] }
            } else {
                InputSource::View { version: VersionId(relation.0) }
            };
            (relation, source)
        });
        let count = plan.root.schema.fields().len() as u32;
        Install {
            version: VersionId(version),
            relation: RelationId(version),
            inputs: inputs.collect(),
            columns: (0..count).map(|index| ColumnId(version * 100 + index)).collect(),
            plan: Arc::new(plan),
            rate_limit: None,
            paused: false,
        }
    }

    /// Installs `plan` and waits until it is live.
    pub(crate) fn install(&self, version: u32, plan: ViewPlan) {
        let install = self.install_of(version, plan);
        self.runtime().execute(vec![Action::Install(Box::new(install))]).unwrap();
        self.wait_live(version);
    }

    pub(crate) fn wait_live(&self, version: u32) {
        let ended = |phase: &Phase| matches!(phase, Phase::Live | Phase::Failed(_));
        let progress = self
            .runtime()
            .wait_until(VersionId(version), LONG, |progress| ended(&progress.phase))
            .unwrap();
        assert_eq!(progress.phase, Phase::Live);
    }

    /// Waits until everything committed is in the views.
    pub(crate) fn settle(&self) -> Timestamp {
        let durable = self.log.durable_time();
        assert!(self.runtime().wait_for_boundary(durable, LONG) >= durable, "steps stand still");
        durable
    }

    /// The rows of a version at the newest boundary, sorted, as text.
    pub(crate) fn rows(&self, version: u32) -> Vec<String> {
        self.settle();
        let contents = self.store.get(VersionId(version)).unwrap();
        sorted(&contents.rows.scan(HEAD, None, &[]).unwrap())
    }

    pub(crate) fn errors(&self, version: u32) -> Vec<String> {
        self.settle();
        let contents = self.store.get(VersionId(version)).unwrap();
        sorted(&contents.errors.scan(HEAD, None, &[]).unwrap())
    }

    pub(crate) fn late(&self, version: u32) -> Vec<String> {
        self.settle();
        let contents = self.store.get(VersionId(version)).unwrap();
        let batches = contents.late.scan(HEAD, None, &[]).unwrap();
        // `at_time` depends on the clock.
        let columns: Vec<_> = batches.iter().map(|b| b.project(&[0, 2, 3]).unwrap()).collect();
        sorted(&columns)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Rows as text, sorted.
pub(crate) fn sorted(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let values: Vec<String> = columns.iter().map(|c| c.value(row).to_string()).collect();
            rows.push(values.join(" "));
        }
    }
    rows.sort();
    rows
}
