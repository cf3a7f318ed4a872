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
