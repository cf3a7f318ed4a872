//! What views cost per row, from log batches to readable contents, in process.
//!
//! `kcargo bench -p kappa-dataflow --bench views -- [rows] [workers] [names...]`
//!
//! Limits to read the figures against: a tumbling count touches one table entry and one accumulator
//! row per input row (about 20 ns while the window's table is in cache) and puts out two rows per
//! group and step; contents take those at about 50 ns each.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests and examples fail by panicking, and tell their story in one place"
)]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int64Array, TimestampMicrosecondArray};
use arrow::datatypes::{Field, SchemaRef};
use arrow::record_batch::RecordBatch;
use kappa_dataflow::{Action, InputSource, Install, Phase, Runtime, RuntimeOptions};
use kappa_log::{Commit, Log, LogOptions, RealFs, RelationRows, RowKind};
use kappa_plan::{
    Aggregate, AggregateFunction as F, Emit, Input, JoinKind, Node, NullTime, Operator, Properties,
    ViewPlan, WatermarkLineage, Window,
};
use kappa_serving::{HEAD, Store};
use kappa_types::{
    Column, ColumnId, RelationId, Schema, SchemaVersionId, SqlType, SystemClock, Timestamp,
    VersionId,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BIDS: u32 = 1;
const AUCTIONS: u32 = 2;
const BATCH_ROW_COUNT: usize = 8192;
const AUCTION_COUNT: u64 = 100_000;
const ROWS_PER_SECOND: i64 = 10_000;
const SECOND: i64 = 1_000_000;
const LONG: Duration = Duration::from_secs(600);

fn schema(id: u32, columns: &[(&str, SqlType)]) -> Schema {
    let columns = columns.iter().enumerate().map(|(index, (name, sql_type))| Column {
        id: ColumnId(id * 100 + index as u32),
        name: (*name).to_owned(),
        sql_type: sql_type.clone(),
        nullable: true,
    });
    Schema { version: SchemaVersionId(id), columns: columns.collect() }
}

fn bid_schema() -> Schema {
    schema(
        BIDS,
        &[
            ("auction", SqlType::BigInt),
            ("bidder", SqlType::BigInt),
            ("price", SqlType::BigInt),
            ("at", SqlType::Timestamp),
        ],
    )
}

fn auction_schema() -> Schema {
    schema(AUCTIONS, &[("id", SqlType::BigInt), ("category", SqlType::BigInt)])
}

/// Half of the bids go to 128 hot auctions; 0.1 % are 20 s late.
fn bids(row_count: usize) -> Vec<RecordBatch> {
    let mut rng = fastrand::Rng::with_seed(7);
    let schema = bid_schema().arrow();
    let mut row = 0;
    let mut batches = Vec::new();
    while (row as usize) < row_count {
        let count = BATCH_ROW_COUNT.min(row_count - row as usize);
        let mut columns = [(); 4].map(|()| Vec::with_capacity(count));
        for _ in 0..count {
            let auction = if rng.bool() { rng.u64(0..128) } else { rng.u64(0..AUCTION_COUNT) };
            let late = if rng.u32(0..1000) == 0 { 20 * SECOND } else { 0 };
            let at = row * SECOND / ROWS_PER_SECOND - late;
            for (column, value) in columns.iter_mut().zip([
                auction as i64,
                rng.i64(0..1000),
                rng.i64(1..10_000_000),
                at,
            ]) {
                column.push(value);
            }
            row += 1;
        }
        let [auction, bidder, price, at] = columns;
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for values in [auction, bidder, price] {
            arrays.push(Arc::new(Int64Array::from(values)));
        }
        arrays.push(Arc::new(TimestampMicrosecondArray::from(at)));
        batches.push(RecordBatch::try_new(schema.clone(), arrays).expect("columns fit"));
    }
    batches
}

fn auctions(count: u64) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count as i64));
    let categories: ArrayRef =
        Arc::new(Int64Array::from_iter_values((0..count as i64).map(|id| id % 100)));
    RecordBatch::try_new(auction_schema().arrow(), vec![ids, categories]).expect("columns fit")
}

fn input(id: u32, schema: &Schema, columns: &[usize]) -> Node {
    let arrow = schema.arrow().project(columns).expect("columns are there");
    let columns = columns.iter().map(|index| schema.columns[*index].id).collect();
    Node {
        operator: Operator::Input(Input { relation: RelationId(id), name: "bids".into(), columns }),
        schema: Arc::new(arrow),
        properties: Properties { append_only: true, unique_keys: Vec::new() },
    }
}

fn call(function: F, argument: Option<usize>, sql_type: SqlType) -> Aggregate {
    let name = function.name().to_owned();
    Aggregate { function, argument, distinct: false, filter: None, name, sql_type }
}

fn fields_of(input: &Node, keys: &[usize]) -> Vec<Field> {
    keys.iter().map(|key| input.schema.field(*key).clone()).collect()
}

fn schema_of(mut fields: Vec<Field>, calls: &[Aggregate]) -> SchemaRef {
    fields.extend(calls.iter().map(|call| call.sql_type.field(&call.name, true)));
    Arc::new(arrow::datatypes::Schema::new(fields))
}

fn properties(key_count: usize, append_only: bool) -> Properties {
    Properties { append_only, unique_keys: vec![(0..key_count).collect()] }
}

/// auction, price, at -> count, sum, max or only count, by auction and window.
fn windowed(window: Window, only_count: bool) -> Node {
    let input = input(BIDS, &bid_schema(), &[0, 2, 3]);
    let mut aggregates = vec![call(F::CountRows, None, SqlType::BigInt)];
    if !only_count {
        aggregates.push(call(F::Sum, Some(1), SqlType::Numeric(None)));
        aggregates.push(call(F::Max, Some(1), SqlType::BigInt));
    }
    let mut fields = fields_of(&input, &[0]);
    fields.push(SqlType::Timestamp.field("window_start", true));
    fields.push(SqlType::Timestamp.field("window_end", true));
    Node {
        schema: schema_of(fields, &aggregates),
        properties: properties(3, false),
        operator: Operator::WindowAggregate {
            input: Box::new(input),
            time: 2,
            window,
            null_time: NullTime::Drop,
            keys: vec![0],
            aggregates,
        },
    }
}

fn on_close(root: Node, window: Window) -> ViewPlan {
    let root = Node {
        schema: root.schema.clone(),
        properties: properties(3, true),
        operator: Operator::Close { input: Box::new(root), window_start: 1, window },
    };
    let lineage = vec![WatermarkLineage { relation: RelationId(BIDS), mapping: None }];
    ViewPlan { root, emit: Emit::OnWindowClose { lineage } }
}

fn grouped(input: Node, keys: Vec<usize>) -> Node {
    let aggregates = vec![call(F::CountRows, None, SqlType::BigInt)];
    Node {
        schema: schema_of(fields_of(&input, &keys), &aggregates),
        properties: properties(keys.len(), false),
        operator: Operator::Aggregate { input: Box::new(input), keys, aggregates },
    }
}

fn joined() -> Node {
    let arrange = |input: Node| Node {
        schema: input.schema.clone(),
        properties: input.properties.clone(),
        operator: Operator::Arrange { input: Box::new(input), key: vec![0] },
    };
    let left = arrange(input(BIDS, &bid_schema(), &[0]));
    let right = arrange(input(AUCTIONS, &auction_schema(), &[0, 1]));
    let fields: Vec<_> =
        left.schema.fields().iter().chain(right.schema.fields()).cloned().collect();
    Node {
        schema: Arc::new(arrow::datatypes::Schema::new(fields)),
        properties: Properties { append_only: true, unique_keys: Vec::new() },
        operator: Operator::Join {
            left: Box::new(left),
            right: Box::new(right),
            kind: JoinKind::Inner,
            residual: None,
        },
    }
}

fn plan_of(name: &str) -> Option<ViewPlan> {
    let tumble = Window::Tumble { size_micros: 10 * SECOND, offset_micros: 0 };
    let hop = Window::Hop { slide_micros: 2 * SECOND, size_micros: 10 * SECOND, offset_micros: 0 };
    let update = |root| ViewPlan { root, emit: Emit::OnUpdate };
    Some(match name {
        "w1" => update(windowed(tumble, false)),
        "w1_close" => on_close(windowed(tumble, false), tumble),
        "w2" => update(windowed(hop, true)),
        "w2_close" => on_close(windowed(hop, true), hop),
        "group" => update(grouped(input(BIDS, &bid_schema(), &[0]), vec![0])),
        "join_count" => update(grouped(joined(), vec![2])),
        "join" => update(joined()),
        _ => return None,
    })
}

struct Bench {
    log: Log,
    store: Arc<Store>,
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let clock = Arc::new(SystemClock);
        let path = dir.path().join("log");
        let log = Log::open(Arc::new(RealFs), &path, clock, LogOptions::default()).expect("a log");
        let schemas =
            vec![(RelationId(BIDS), bid_schema()), (RelationId(AUCTIONS), auction_schema())];
        log.commit(Commit { schemas, ..Commit::default() }).expect("a commit");
        Self { log, store: Arc::new(Store::default()), dir }
    }

    fn runtime(&self, worker_count: usize) -> Runtime {
        let start = self.log.durable_time();
        let options = RuntimeOptions { worker_count, start, ..RuntimeOptions::default() };
        let (log, store) = (self.log.clone(), Arc::clone(&self.store));
        Runtime::start(options, log, store, Vec::new(), Box::new(|_, _| Vec::new()))
            .expect("a runtime")
    }

    fn commit(&self, id: u32, rows: &RecordBatch, watermark: Option<i64>) -> Timestamp {
        let rows = RelationRows {
            relation: RelationId(id),
            schema_version: SchemaVersionId(id),
            kind: RowKind::Rows,
            rows: rows.clone(),
            diffs: None,
            watermark,
        };
        self.log.commit(Commit { rows: vec![rows], ..Commit::default() }).expect("a commit")
    }

    fn commit_all(&self, batches: &[RecordBatch]) -> Timestamp {
        let mut newest = Timestamp::MIN;
        for batch in batches {
            let times = batch.column(3).as_any().downcast_ref::<TimestampMicrosecondArray>();
            let watermark = times.and_then(|times| times.values().iter().max().copied());
            newest = self.commit(BIDS, batch, watermark);
        }
        newest
    }
}

fn install(runtime: &Runtime, plan: ViewPlan) {
    let inputs = plan.relations().into_iter().map(|relation| {
        let schema = if relation.0 == BIDS { bid_schema() } else { auction_schema() };
        (relation, InputSource::Log { schemas: vec![schema] })
    });
    let version = VersionId(1);
    let install = Install {
        version,
        relation: RelationId(10),
        inputs: inputs.collect(),
        columns: (0..plan.root.schema.fields().len() as u32).map(ColumnId).collect(),
        plan: Arc::new(plan),
        rate_limit: None,
        paused: false,
    };
    runtime.execute(vec![Action::Install(Box::new(install))]).expect("the plan is supported");
    let ended = |phase: &Phase| matches!(phase, Phase::Live | Phase::Failed(_));
    let progress = runtime.wait_until(version, LONG, |progress| ended(&progress.phase));
    assert_eq!(progress.expect("it was installed").phase, Phase::Live);
}

/// User and system time of the process, seconds.
fn cpu_seconds() -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: the call fills the structure it is given.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

fn row_count(store: &Store) -> usize {
    let contents = store.get(VersionId(1)).expect("it was installed");
    let batches = contents.rows.scan(HEAD, None, &[]).expect("the newest state is readable");
    batches.iter().map(RecordBatch::num_rows).sum()
}

fn run(name: &str, batches: &[RecordBatch], worker_count: usize) {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let millions = rows as f64 / 1e6;
    let bench = Bench::new();
    bench.commit(AUCTIONS, &auctions(AUCTION_COUNT), None);
    let runtime = bench.runtime(worker_count);
    let mut shown = 0;
    let plan = plan_of(name);
    if let Some(plan) = plan.clone() {
        install(&runtime, plan);
    }
    let (cpu, begin) = (cpu_seconds(), Instant::now());
    let newest = bench.commit_all(batches);
    assert!(runtime.wait_for_boundary(newest, LONG) >= newest, "steps stand still");
    if plan.is_some() {
        shown = row_count(&bench.store);
    }
    let (cpu, wall) = (cpu_seconds() - cpu, begin.elapsed().as_secs_f64());
    println!(
        "{name:12} live   w{worker_count} {:7.2} M rows/cpu-s {:7.2} M rows/s  {shown} rows shown",
        millions / cpu,
        millions / wall
    );
    runtime.stop();
    let Some(plan) = plan else { return };
    bench.log.seal().expect("the log can be sealed");
    let runtime = bench.runtime(worker_count);
    let (cpu, begin) = (cpu_seconds(), Instant::now());
    install(&runtime, plan);
    let shown = row_count(&bench.store);
    let (cpu, wall) = (cpu_seconds() - cpu, begin.elapsed().as_secs_f64());
    println!(
        "{name:12} replay w{worker_count} {:7.2} M rows/cpu-s {:7.2} M rows/s  {shown} rows shown",
        millions / cpu,
        millions / wall
    );
    drop(bench.dir);
}

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let rows = arguments.first().and_then(|rows| rows.parse().ok()).unwrap_or(2_000_000);
    let workers = arguments.get(1).and_then(|count| count.parse().ok()).unwrap_or(1);
    let names: Vec<&str> = arguments.iter().skip(2).map(String::as_str).collect();
    let all = ["none", "w1", "w1_close", "w2", "w2_close", "group", "join_count", "join"];
    let batches = bids(rows);
    for name in if names.is_empty() { all.to_vec() } else { names } {
        run(name, &batches, workers);
    }
}
