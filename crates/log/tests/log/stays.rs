//! What is committed is there after closing, sealing, merging and opening again.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringViewArray};
use arrow::record_batch::RecordBatch;
use kappa_log::*;
use kappa_types::*;

fn schema() -> Schema {
    let column = |id, name: &str, sql_type| Column {
        id: ColumnId(id),
        name: name.to_owned(),
        sql_type,
        nullable: true,
    };
    Schema {
        version: SchemaVersionId(1),
        columns: vec![column(1, "id", SqlType::BigInt), column(2, "name", SqlType::Text)],
    }
}

fn rows(from: i64, count: i64) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + count));
    let names: ArrayRef = Arc::new(StringViewArray::from_iter_values(
        (from..from + count).map(|id| format!("n{id}")),
    ));
    RecordBatch::try_new(schema().arrow(), vec![ids, names]).unwrap()
}

fn commit_of(from: i64, count: i64) -> Commit {
    Commit {
        rows: vec![RelationRows {
            relation: RelationId(1),
            schema_version: SchemaVersionId(1),
            kind: RowKind::Rows,
            rows: rows(from, count),
            diffs: None,
            watermark: Some(from),
        }],
        ..Commit::default()
    }
}

fn ids(log: &Log) -> Vec<i64> {
    let scan = Scan {
        relation: RelationId(1),
        kind: RowKind::Rows,
        columns: vec![ColumnId(1)],
        schema: schema(),
        after: Timestamp::MIN,
        until: Timestamp::MAX,
        ranges: vec![],
        batch_row_count_max: 1000,
    };
    let mut ids = Vec::new();
    let mut last = (0, 0);
    for part in log.scan(&scan).unwrap() {
        for batch in part.open().unwrap() {
            let batch = batch.unwrap();
            let column = batch.rows.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
            ids.extend(column.values());
            for at in 0..batch.times.len() {
                let place = (batch.times.value(at), batch.seqs.value(at));
                assert!(place > last || last == (0, 0));
                last = place;
            }
        }
    }
    ids
}

#[test]
fn rows_stay() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let open = || {
        Log::open(Arc::new(RealFs), &path, Arc::new(SystemClock), LogOptions::default()).unwrap()
    };
    let log = open();
    log.commit(Commit { schemas: vec![(RelationId(1), schema())], ..Commit::default() }).unwrap();
    for from in 0..10 {
        log.commit(commit_of(from * 10, 10)).unwrap();
    }
    assert_eq!(ids(&log), (0..100).collect::<Vec<_>>());
    drop(log);
    let log = open();
    assert_eq!(ids(&log), (0..100).collect::<Vec<_>>());
    for from in 10..30 {
        log.commit(commit_of(from * 10, 10)).unwrap();
        log.seal().unwrap();
    }
    log.merge().unwrap();
    let mut spool = log.spool(RelationId(1), &schema()).unwrap();
    spool.append(&rows(300, 100)).unwrap();
    let attachment = spool.finish().unwrap();
    log.commit(Commit { attachments: vec![attachment], ..Commit::default() }).unwrap();
    log.commit(commit_of(400, 10)).unwrap();
    assert_eq!(ids(&log), (0..410).collect::<Vec<_>>());
    assert_eq!(log.watermark(RelationId(1), Timestamp::MAX), Some(400));
    log.close().unwrap();
    let log = open();
    assert_eq!(ids(&log), (0..410).collect::<Vec<_>>());
    let groups = log.groups(Timestamp::MIN, usize::MAX).unwrap();
    assert_eq!(groups.iter().map(|group| group.row_count()).sum::<u64>(), 410);
}

/// Wakes a thread that stands for a task.
struct Unpark(std::thread::Thread);

impl std::task::Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a commit as a task does, and gives its time.
fn wait_as_task(log: &Log, placed: &Placed) -> Timestamp {
    let waker = Arc::new(Unpark(std::thread::current())).into();
    loop {
        match log.poll_durable(placed, &waker).unwrap() {
            Turn::Durable(time) => return time,
            Turn::Wait => std::thread::park(),
            Turn::Write => log.write_next(),
        }
    }
}

#[test]
fn tasks_and_threads_wait_for_commits_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let log =
        Log::open(Arc::new(RealFs), &path, Arc::new(SystemClock), LogOptions::default()).unwrap();
    log.commit(Commit { schemas: vec![(RelationId(1), schema())], ..Commit::default() }).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let log = log.clone();
            scope.spawn(move || {
                for number in 0..100 {
                    let placed = log.place(commit_of(thread * 100 + number, 1)).unwrap();
                    let time = if thread % 4 == 0 {
                        log.wait(&placed).unwrap()
                    } else {
                        wait_as_task(&log, &placed)
                    };
                    assert!(time <= log.durable_time(), "an answer before it is durable");
                }
            });
        }
    });
    let mut found = ids(&log);
    found.sort_unstable();
    assert_eq!(found, (0..800).collect::<Vec<_>>());
}
