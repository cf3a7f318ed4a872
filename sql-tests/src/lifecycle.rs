//! The server's process as its operator sees it: signals, exit codes, a directory with one owner, health
//! and metrics, databases that do not exist.

use crate::failure::Failure;
use crate::instance::Instance;
use crate::server::{Server, ServerOptions};
use crate::session::Session;
use futures::TryStreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_postgres::NoTls;

/// How long an HTTP answer may take.
const HTTP_TIME_MAX: Duration = Duration::from_secs(10);

/// Checks all of it on one server, which is stopped at the end.
pub(crate) async fn run(instance: &Arc<Instance>) -> Result<(), String> {
    try_run(instance).await.map_err(|failure| failure.to_string())
}

async fn try_run(instance: &Arc<Instance>) -> Result<(), Failure> {
    let mut session = Session::new(instance.clone());
    session.execute("CREATE TABLE t (n int)").await?;
    session.execute("CREATE MATERIALIZED VIEW v AS SELECT sum(n) AS s FROM t").await?;
    session.execute("INSERT INTO t VALUES (1)").await?;
    let (options, http_address) =
        instance.server().await.ok_or_else(|| Failure::broken("no server runs"))?;
    check_http(&http_address).await?;
    check_other_databases(instance).await?;
    check_backends(instance).await?;
    check_one_owner(&options).await?;
    session.execute("INSERT INTO t VALUES (2)").await?;

    let server = instance.take_server().await.ok_or_else(|| Failure::broken("no server runs"))?;
    server.stop_by(libc::SIGINT).await?;
    let server = Server::start(&options).await?;
    server.stop_by(libc::SIGTERM).await?;
    instance.finish().await
}

/// `/health` answers 200, `/metrics` in Prometheus' format, anything else 404.
async fn check_http(address: &str) -> Result<(), Failure> {
    let health = get(address, "/health").await?;
    expect(health.starts_with("HTTP/1.1 200"), "/health is 200", &health)?;
    let metrics = get(address, "/metrics").await?;
    expect(metrics.starts_with("HTTP/1.1 200"), "/metrics is 200", &metrics)?;
    let body = metrics.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    let is_sample = |line: &str| {
        let value = line.rsplit_once(' ').map(|(_, value)| value);
        line.starts_with("kappa") && value.is_some_and(|value| value.parse::<f64>().is_ok())
    };
    let mut lines = body.lines().filter(|line| !line.is_empty());
    let is_prometheus = lines.all(|line| line.starts_with('#') || is_sample(line));
    expect(is_prometheus && body.contains("# TYPE kappa"), "/metrics is Prometheus' text", body)?;
    let missing = get(address, "/nosuch").await?;
    expect(missing.starts_with("HTTP/1.1 404"), "an unknown path is 404", &missing)
}

async fn get(address: &str, path: &str) -> Result<String, Failure> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    match tokio::time::timeout(HTTP_TIME_MAX, exchange).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Failure::broken(format!("{path}: {error}"))),
        Err(_) => Err(Failure::broken(format!("{path}: no answer in {HTTP_TIME_MAX:?}"))),
    }
}

/// Any database but `kappa` is 3D000; any user may come in from the same machine.
async fn check_other_databases(instance: &Arc<Instance>) -> Result<(), Failure> {
    let mut config = instance.config().await?;
    let state = match config.dbname("nosuch").connect(NoTls).await {
        Ok(_) => String::new(),
        Err(error) => Failure::from(error).state().unwrap_or_default().to_owned(),
    };
    expect(state == "3D000", "another database is 3D000", &state)?;
    let (client, connection) = config.dbname("kappa").user("somebody").connect(NoTls).await?;
    let task = tokio::spawn(connection);
    let row = client.query_one("SELECT current_user::text", &[]).await?;
    let user: String = row.try_get(0)?;
    drop(client);
    drop(task.await);
    expect(user == "somebody", "a user of any name comes in", &user)
}

/// `pg_cancel_backend` ends the statement that runs, `pg_terminate_backend` the connection with it.
async fn check_backends(instance: &Arc<Instance>) -> Result<(), Failure> {
    let mut other = Session::new(instance.clone());
    for (call, expected) in
        [("pg_cancel_backend($)", "57014"), ("pg_terminate_backend($, 10000)", "57P01")]
    {
        let (client, connection) = instance.config().await?.connect(NoTls).await?;
        let task = tokio::spawn(connection);
        let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await?.try_get(0)?;
        // Once its first row is here, and as long as nobody takes more, it runs.
        let endless = "SELECT a.g FROM generate_series(1, 100000) AS a(g), generate_series(1, 100000) AS b(g)";
        let no_parameters: [&str; 0] = [];
        let mut rows = Box::pin(client.query_raw(endless, no_parameters).await?);
        rows.try_next().await?;
        let call = format!("SELECT {}", call.replace('$', &pid.to_string()));
        let answer = other.query(&call).await?;
        expect(answer.rows == [[Some("t".to_owned())]], &call, &format!("{:?}", answer.rows))?;
        let end = loop {
            match rows.try_next().await {
                Ok(Some(_)) => {}
                Ok(None) => break String::new(),
                Err(error) => {
                    break Failure::from(error).state().unwrap_or_default().to_owned();
                }
            }
        };
        expect(end == expected, &format!("{call} ends the statement with {expected}"), &end)?;
        let is_there = client.simple_query("SELECT 1").await.is_ok();
        let goes_on = expected == "57014";
        expect(is_there == goes_on, "only the terminated connection is gone", &call)?;
        drop(client);
        drop(task.await);
    }
    Ok(())
}

/// A second server on the same directory is refused, and the first goes on.
async fn check_one_owner(options: &ServerOptions) -> Result<(), Failure> {
    let mut options = options.clone();
    options.log_file.set_extension("second");
    match Server::start(&options).await {
        Ok(_) => Err(Failure::broken("a second server opened the same directory")),
        Err(failure) => {
            let what = failure.to_string();
            expect(what.contains("exit status: 1"), "a second server ends with code 1", &what)
        }
    }
}

fn expect(is_true: bool, claim: &str, met: &str) -> Result<(), Failure> {
    if is_true {
        return Ok(());
    }
    Err(Failure::broken(format!("not true that {claim}: {met}")))
}
