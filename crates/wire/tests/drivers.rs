//! Real clients: tokio-postgres, and psql where it is installed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod toy;

use std::process::Stdio;

use kappa_wire::ServerOptions;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls};
use toy::{Running, start};

async fn connect(running: &Running) -> Client {
    let address = running.address;
    let config = format!("host={} port={} user=u dbname=kappa", address.ip(), address.port());
    let (client, connection) = tokio_postgres::connect(&config, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn tokio_postgres_queries_with_parameters() {
    let running = start(ServerOptions::default()).await;
    let mut client = connect(&running).await;
    let row = client
        .query_one(
            "SELECT $1::int4, $2::text, $3::float8, $4::bool, $5::int8[], $6::bytea, NULL::int4",
            &[
                &42_i32,
                &"ä",
                &f64::NEG_INFINITY,
                &true,
                &vec![Some(1_i64), None],
                &&[0_u8, 255][..],
            ],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, i32>(0), 42);
    assert_eq!(row.get::<_, &str>(1), "ä");
    assert_eq!(row.get::<_, f64>(2), f64::NEG_INFINITY);
    assert!(row.get::<_, bool>(3));
    assert_eq!(row.get::<_, Vec<Option<i64>>>(4), vec![Some(1), None]);
    assert_eq!(row.get::<_, &[u8]>(5), [0, 255]);
    assert_eq!(row.get::<_, Option<i32>>(6), None);

    let statement = client.prepare("SELECT $1::timestamptz, $2::uuid, $3::jsonb").await.unwrap();
    assert_eq!(statement.params(), [Type::TIMESTAMPTZ, Type::UUID, Type::JSONB]);

    let error = client.query("SELECT 1/0", &[]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "22012");

    let rows = client.query("SELECT n FROM generate_series(1,2500) AS n", &[]).await.unwrap();
    assert_eq!(rows.len(), 2500);
    assert_eq!(rows[2499].get::<_, i64>(0), 2500);

    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind("SELECT n FROM generate_series(1,5) AS n", &[]).await.unwrap();
    let counts = [2, 2, 2].map(|max| transaction.query_portal(&portal, max));
    let mut found = Vec::new();
    for rows in counts {
        found.push(rows.await.unwrap().len());
    }
    assert_eq!(found, [2, 2, 1]);
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tokio_postgres_copies_and_cancels() {
    use futures::{SinkExt, TryStreamExt};

    let running = start(ServerOptions::default()).await;
    let client = connect(&running).await;
    let sink = client.copy_in::<_, bytes::Bytes>("COPY t FROM STDIN (FORMAT csv)").await.unwrap();
    futures::pin_mut!(sink);
    for number in 0..5000 {
        let line = format!("{number},\"row {number}\",2024-01-01 00:00:00\n");
        sink.send(bytes::Bytes::from(line)).await.unwrap();
    }
    assert_eq!(sink.finish().await.unwrap(), 5000);
    let stream = client.copy_out("COPY t TO STDOUT").await.unwrap();
    let chunks: Vec<bytes::Bytes> = stream.try_collect().await.unwrap();
    assert_eq!(chunks.len(), 5000);
    assert_eq!(&chunks[4999][..], b"4999\trow 4999\t2024-01-01 00:00:00\n");

    let token = client.cancel_token();
    let waiting = client.batch_execute("WAIT");
    let cancelling = async {
        while running.toy.alive.load(std::sync::atomic::Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        token.cancel_query(NoTls).await.unwrap();
    };
    let (waited, ()) = futures::join!(waiting, cancelling);
    assert_eq!(waited.unwrap_err().code().unwrap().code(), "57014");
    client.batch_execute("SELECT 1").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_shows_rows_errors_and_copies() {
    let psql = || tokio::process::Command::new("psql");
    let installed = psql().arg("--version").stdout(Stdio::null()).status().await;
    if !installed.is_ok_and(|status| status.success()) {
        return;
    }
    let running = start(ServerOptions::default()).await;
    let run = async |input: &str| {
        let mut child = psql()
            .args(["-X", "-h", "127.0.0.1", "-U", "u", "-d", "kappa", "-p"])
            .arg(running.address.port().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stdin, input.as_bytes()).await.unwrap();
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(
        run("SELECT 1 AS one, 'x'::text AS two;").await,
        " one | two \n-----+-----\n   1 | x\n(1 row)\n\n"
    );
    assert_eq!(
        run("SELEC 1;").await,
        "ERROR:  syntax error at or near \"SELEC\"\nLINE 1: SELEC 1;\n        ^\n"
    );
    assert_eq!(
        run("COPY t FROM STDIN;\n1\tone\t2024-01-02 03:04:05\n2\t\\N\t\\N\n\\.\nTABLE t;\n").await,
        "COPY 2\n a |  b  |          c          \n---+-----+---------------------\n 1 | one | 2024-01-02 03:04:05\n 2 |     | \n(2 rows)\n\n"
    );
    assert_eq!(run("\\copy t TO STDOUT (FORMAT csv)\n").await, "1,one,2024-01-02 03:04:05\n2,,\n");
}
