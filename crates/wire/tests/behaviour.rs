//! What only shows in time: cancel, timeouts, flushing, back-pressure, disconnects, shutdown.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod toy;

use std::sync::atomic::Ordering;
use std::time::Duration;

use client::{Client, render};
use kappa_wire::ServerOptions;
use tokio::sync::mpsc;
use toy::{Running, counter_batch, start};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

async fn server() -> Running {
    start(ServerOptions::default()).await
}

/// Runs blocking client code beside the server.
async fn client<T: Send + 'static>(
    running: &Running,
    work: impl FnOnce(String) -> T + Send + 'static,
) -> T {
    let address = running.address.to_string();
    tokio::task::spawn_blocking(move || work(address)).await.unwrap()
}

/// Waits until nothing of any statement is alive.
async fn until_idle(running: &Running) {
    let idle = async {
        while running.toy.alive.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, idle).await.expect("the statement is dropped");
}

async fn until_alive(running: &Running) {
    let alive = async {
        while running.toy.alive.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, alive).await.expect("the statement starts");
}

const CANCELLED: &str = "Error ERROR 57014 canceling statement due to user request\n";
const TIMED_OUT: &str = "Error ERROR 57014 canceling statement due to statement timeout\n";

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_sent_when_no_more_are_ready() {
    let running = server().await;
    let (rows, receiver) = mpsc::channel(10);
    *running.toy.tail.lock().unwrap() = Some(receiver);
    let mut tail = client(&running, |address| {
        let mut client = Client::connect(&address);
        client.query("TAIL");
        assert_eq!(client.read().unwrap().kind, b'T', "the description comes before any row");
        client
    })
    .await;
    for round in 0..5 {
        rows.send(counter_batch(vec![round, round + 1])).await.unwrap();
        tail = client(&running, move |_| {
            let expected = [round, round + 1].map(|n| format!("DataRow \"{n}\""));
            for row in expected {
                assert_eq!(tail.read().unwrap().render(), row);
            }
            tail
        })
        .await;
    }
    drop(rows);
    let end = client(&running, move |_| render(&tail.until(b'Z'))).await;
    assert_eq!(end, "CommandComplete SELECT 10\nReadyForQuery I\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_ends_what_runs_and_nothing_else() {
    let running = server().await;
    for statement in ["WAIT", "TAIL", "FLOOD"] {
        let (_rows, receiver) = mpsc::channel(1);
        *running.toy.tail.lock().unwrap() = Some(receiver);
        let (mut waiting, key) = client(&running, move |address| {
            let mut client = Client::connect(&address);
            // A request between statements means nothing.
            Client::cancel(&address, client.key);
            assert!(client.ask("SELECT 1").contains("SELECT 1"));
            client.query(statement);
            let key = client.key;
            (client, key)
        })
        .await;
        until_alive(&running).await;
        let answer = client(&running, move |address| {
            // A wrong secret means nothing.
            Client::cancel(&address, (key.0, key.1 ^ 1));
            Client::cancel(&address, key);
            let messages = waiting.until(b'Z');
            let tail = &messages[messages.len() - 2..];
            let answer = render(tail);
            assert!(waiting.ask("SELECT 1").contains("SELECT 1"), "the next one runs");
            answer
        })
        .await;
        assert_eq!(answer, format!("{CANCELLED}ReadyForQuery I\n"), "{statement}");
        until_idle(&running).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_works_while_the_client_reads_nothing() {
    let running = server().await;
    let (mut flooded, key) = client(&running, |address| {
        let mut client = Client::connect(&address);
        client.query("BEGIN");
        client.until(b'Z');
        client.query("FLOOD");
        let key = client.key;
        (client, key)
    })
    .await;
    until_alive(&running).await;
    settled(&running).await;
    client(&running, move |address| Client::cancel(&address, key)).await;
    until_idle(&running).await;
    let end = client(&running, move |_| {
        let messages = flooded.until(b'Z');
        render(&messages[messages.len() - 2..])
    })
    .await;
    assert_eq!(end, format!("{CANCELLED}ReadyForQuery E\n"));
}

/// Waits until the flood stands still because the client does not read; returns its batches.
async fn settled(running: &Running) -> usize {
    let still = async {
        let mut last = (usize::MAX, 0);
        loop {
            let count = running.toy.flood_count.load(Ordering::SeqCst);
            last = if count == last.0 { (count, last.1 + 1) } else { (count, 0) };
            if last.1 > 2000 && count > 0 {
                return count;
            }
            std::thread::yield_now();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, still).await.expect("the flood stands still")
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_made_only_as_fast_as_they_are_read() {
    let running = server().await;
    let flooded = client(&running, |address| {
        let mut client = Client::connect(&address);
        client.query("FLOOD");
        client
    })
    .await;
    until_alive(&running).await;
    let count = settled(&running).await;
    // A batch is about 14 kB on the wire; sockets hold a few megabytes on either side.
    assert!(count < 2000, "{count} batches were made for nobody");
    drop(flooded);
    until_idle(&running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_takes_its_statement_along() {
    let running = server().await;
    for statement in ["WAIT", "TAIL"] {
        let (_rows, receiver) = mpsc::channel(1);
        *running.toy.tail.lock().unwrap() = Some(receiver);
        let gone = client(&running, move |address| {
            let mut client = Client::connect(&address);
            client.query(statement);
            client
        })
        .await;
        until_alive(&running).await;
        drop(gone);
        until_idle(&running).await;
    }
    let gone = client(&running, |address| {
        let mut client = Client::connect(&address);
        client.query("COPY t FROM STDIN");
        client.until(b'G');
        client.send(&client::frame(b'd', b"1\tx\t\\N\n"));
        client
    })
    .await;
    drop(gone);
    let aborted = async {
        while running.toy.aborted.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, aborted).await.unwrap();
    assert!(running.toy.rows.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn statement_timeout_covers_running_streaming_and_copying() {
    let running = server().await;
    for statement in ["WAIT", "TAIL", "COPY t FROM STDIN"] {
        let (_rows, receiver) = mpsc::channel(1);
        *running.toy.tail.lock().unwrap() = Some(receiver);
        let answer = client(&running, move |address| {
            let mut client = Client::connect(&address);
            client.ask("SET statement_timeout = 20");
            client.query(statement);
            let messages = client.until(b'Z');
            client.ask("SET statement_timeout = 0");
            assert!(client.ask("SELECT 1").contains("SELECT 1"));
            render(&messages[messages.len() - 2..])
        })
        .await;
        assert_eq!(answer, format!("{TIMED_OUT}ReadyForQuery I\n"), "{statement}");
        until_idle(&running).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_sessions_are_ended_when_they_ask_for_it() {
    let running = server().await;
    let ends = client(&running, |address| {
        let mut idle = Client::connect(&address);
        idle.ask("SET idle_session_timeout = 20");
        let first = render(&idle.until(0));
        let mut open = Client::connect(&address);
        open.ask("SET idle_in_transaction_session_timeout = 20");
        open.ask("BEGIN");
        (first, render(&open.until(0)))
    })
    .await;
    assert_eq!(ends.0, "Error FATAL 57P05 terminating connection due to idle-session timeout\n");
    assert_eq!(
        ends.1,
        "Error FATAL 25P03 terminating connection due to idle-in-transaction timeout\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_ends_idle_and_running_connections() {
    let running = server().await;
    let (mut idle, mut busy) = client(&running, |address| {
        let idle = Client::connect(&address);
        let mut busy = Client::connect(&address);
        busy.query("WAIT");
        (idle, busy)
    })
    .await;
    until_alive(&running).await;
    running.shutdown.send(true).unwrap();
    tokio::time::timeout(PATIENCE, running.task).await.unwrap().unwrap().unwrap();
    let expected = "Error FATAL 57P01 terminating connection due to administrator command\n";
    assert_eq!(render(&idle.until(0)), expected);
    assert_eq!(render(&busy.until(0)), expected);
    assert!(std::net::TcpStream::connect(running.address).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_bound_are_refused_but_can_cancel() {
    let options = ServerOptions { connection_count_max: 1, ..ServerOptions::default() };
    let running = start(options).await;
    let mut first = client(&running, |address| {
        let mut first = Client::connect(&address);
        first.query("WAIT");
        first
    })
    .await;
    until_alive(&running).await;
    let refused = client(&running, move |address| {
        let mut second = Client::open(&address);
        second.send(&client::startup(3 << 16, &[("user", "kappa")]));
        let refused = render(&second.until(0));
        Client::cancel(&address, first.key);
        let messages = first.until(b'Z');
        assert_eq!(render(&messages), format!("{CANCELLED}ReadyForQuery I\n"));
        refused
    })
    .await;
    assert_eq!(refused, "Error FATAL 53300 sorry, too many clients already\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_sent_ahead_wait_in_the_socket() {
    let running = server().await;
    client(&running, |address| {
        let mut ahead = Client::connect(&address);
        let mut writer = ahead.socket.try_clone().unwrap();
        // Many more pipelined statements than any buffer holds, read by nobody until all are sent
        // would block for ever; so they are written by another thread.
        let writing = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || {
                use std::io::Write;
                let parse =
                    client::frame(b'P', b"\0SELECT n FROM generate_series(1,100) AS n\0\0\0");
                let bind = client::frame(b'B', b"\0\0\0\0\0\0\0\0");
                let execute = client::frame(b'E', b"\0\0\0\0\0");
                for _ in 0..2000 {
                    writer.write_all(&[&parse[..], &bind, &execute].concat()).unwrap();
                }
                writer.write_all(&client::frame(b'S', b"")).unwrap();
            })
            .unwrap();
        let rows = ahead.until(b'Z').iter().filter(|message| message.kind == b'D').count();
        assert_eq!(rows, 200_000);
        writing.join().unwrap();
    })
    .await;
}
