//! Sources on their threads, through the public interface: a sink that fails, stops, retries and
//! panics. Threads tell the test what they did through channels; the test never sleeps.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests and examples fail by panicking, and tell their story in one place"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use kappa_connect::{
    ConnectorSpec, Format, RowSink, Running, Shutdown, SourceBatch, SourceState, start, validate,
};
use kappa_types::{
    Column, ColumnId, ManualClock, RelationId, Schema, SchemaVersionId, SqlError, SqlState, SqlType,
};

/// How long a test waits for a thread before it gives up.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// What a sink answers to one batch.
type Answer = Result<(), SqlError>;

/// Sends each batch to the test and answers what the test says.
struct AskingSink {
    batches: SyncSender<SourceBatch>,
    answers: Receiver<Answer>,
}

impl RowSink for AskingSink {
    fn append(&mut self, batch: SourceBatch) -> Answer {
        self.batches.send(batch).expect("the test listens");
        self.answers.recv_timeout(ANSWER_TIME_MAX).expect("the test answers")
    }
}

struct Source {
    running: Running,
    shutdown: Shutdown,
    batches: Receiver<SourceBatch>,
    answers: SyncSender<Answer>,
    clock: Arc<ManualClock>,
}

impl Source {
    /// A generator of clicks.
    fn start(options: &str) -> Self {
        let options = options.split(", ").filter_map(|pair| pair.split_once('='));
        let column = |name: &str| Column {
            id: ColumnId(1),
            name: name.into(),
            sql_type: SqlType::BigInt,
            nullable: false,
        };
        let spec = ConnectorSpec {
            name: "generator".into(),
            options: options.map(|(a, b)| (a.to_owned(), b.to_owned())).collect(),
            format: Format::None,
            schema: Schema { version: SchemaVersionId(1), columns: vec![column("user_id")] },
            relation: RelationId(7),
        };
        validate(&spec).expect("a good spec");
        let (batches_tx, batches) = sync_channel(0);
        let (answers, answers_rx) = sync_channel(1);
        let sink = Box::new(AskingSink { batches: batches_tx, answers: answers_rx });
        let (clock, shutdown) = (Arc::new(ManualClock::new(0)), Shutdown::new());
        let running = start(spec, &BTreeMap::new(), sink, clock.clone(), shutdown.clone())
            .expect("it starts");
        Self { running, shutdown, batches, answers, clock }
    }

    /// The next batch, answered with `answer`.
    fn take(&self, answer: Answer) -> SourceBatch {
        let batch = self.batches.recv_timeout(ANSWER_TIME_MAX).expect("a batch");
        self.answers.send(answer).expect("the source listens");
        batch
    }
}

fn error(state: SqlState) -> SqlError {
    SqlError::new(state, "no")
}

#[test]
fn a_source_ends_by_itself() {
    let source = Source::start("kind=clicks, rate=0, rows=3");
    assert_eq!(source.take(Ok(())).rows.num_rows(), 3);
    let status = source.running.join();
    assert_eq!((status.state, status.row_count), (SourceState::Ended, 3));
}

#[test]
fn a_lack_of_resources_is_tried_again_with_the_same_rows() {
    let source = Source::start("kind=clicks, rate=0, rows=3");
    let first = source.take(Err(error(SqlState::DiskFull)));
    let second = source.take(Ok(()));
    assert_eq!((first.rows, first.offsets), (second.rows, second.offsets));
    assert_eq!(source.running.join().row_count, 3);
}

#[test]
fn another_error_ends_the_source() {
    let source = Source::start("kind=clicks, rate=0");
    source.take(Err(error(SqlState::UndefinedTable)));
    let status = source.running.join();
    assert_eq!(status.state, SourceState::Failed(error(SqlState::UndefinedTable)));
    assert_eq!(status.row_count, 0);
}

#[test]
fn a_stopped_source_gives_nothing_more() {
    let source = Source::start("kind=clicks, rate=0");
    source.take(Ok(()));
    let last = source.batches.recv_timeout(ANSWER_TIME_MAX).unwrap();
    source.shutdown.request();
    source.answers.send(Ok(())).unwrap();
    let Source { running, batches, .. } = source;
    let status = running.stop();
    assert_eq!(status.state, SourceState::Stopped);
    assert_eq!(status.row_count, 2 * last.rows.num_rows() as u64);
    assert!(batches.recv().is_err(), "the sink is gone");
}

#[test]
fn rows_wait_for_the_clock() {
    let source = Source::start("kind=clicks, rate=10");
    assert_eq!(source.take(Ok(())).rows.num_rows(), 1);
    source.clock.set_micros(1_000_000);
    assert_eq!(source.take(Ok(())).rows.num_rows(), 10);
    source.shutdown.request();
    assert_eq!(source.running.stop().row_count, 11);
}

#[test]
fn a_panic_is_a_failure_of_the_source_alone() {
    struct PanickingSink;
    impl RowSink for PanickingSink {
        fn append(&mut self, _: SourceBatch) -> Answer {
            panic!("a bug in the sink");
        }
    }
    let spec = ConnectorSpec {
        name: "generator".into(),
        options: [("kind".to_owned(), "clicks".to_owned())].into(),
        format: Format::None,
        schema: Schema { version: SchemaVersionId(1), columns: Vec::new() },
        relation: RelationId(7),
    };
    let clock = Arc::new(ManualClock::new(0));
    let running =
        start(spec, &BTreeMap::new(), Box::new(PanickingSink), clock, Shutdown::new()).unwrap();
    let SourceState::Failed(error) = running.join().state else { panic!("it should have failed") };
    assert_eq!(error.state, SqlState::InternalError);
}

#[test]
fn an_unknown_connector_names_the_known_ones() {
    let spec = ConnectorSpec {
        name: "nosuch".into(),
        options: BTreeMap::new(),
        format: Format::Json,
        schema: Schema { version: SchemaVersionId(1), columns: Vec::new() },
        relation: RelationId(7),
    };
    let error = validate(&spec).unwrap_err();
    assert_eq!(error.state, SqlState::InvalidParameterValue);
    assert_eq!(error.hint.as_deref(), Some("Connectors are: file, generator."));
    for name in ["generator", "kafka"] {
        let error = validate(&ConnectorSpec { name: name.into(), ..spec.clone() }).unwrap_err();
        assert_eq!(error.state, SqlState::FeatureNotSupported, "{name}");
        assert!(error.hint.is_some());
    }
}
