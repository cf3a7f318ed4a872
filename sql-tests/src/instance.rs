//! What one script runs on: a server with its data directory, or a database of PostgreSQL.
//!
//! The one idea: an *epoch* counts starts. Sessions remember the epoch they connected in and connect
//! again, lazily, when it is over; so a verb in one session can restart the server under all of them.
//!
//! Bullets that always hold:
//! - after every method that returns Ok a server runs, and its manual clock shows what it last was set to;
//! - a server that ended without being asked to is an error.

use crate::failure::Failure;
use crate::postgres::{Cluster, OWNER};
use crate::server::{Server, ServerOptions, read_log};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::Mutex;
use tokio_postgres::{Config, NoTls};

/// Where the manual clock stands when a script begins.
pub(crate) const CLOCK_AT_BEGIN: &str = "2030-01-01 00:00:00+00";

/// How a server is brought down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As a user stops it.
    Stop,
    /// As `kill -9` does.
    Crash,
}

/// What one script runs on.
#[derive(Debug)]
pub(crate) struct Instance {
    kind: Kind,
    epoch: AtomicU64,
    open_transaction_count: AtomicUsize,
}

#[derive(Debug)]
enum Kind {
    KappaDb(Box<KappaDb>),
    Postgres { cluster: Arc<Cluster>, database: String },
}

#[derive(Debug)]
struct KappaDb {
    options: ServerOptions,
    state: Mutex<State>,
}

/// What changes while a script runs.
#[derive(Debug)]
struct State {
    /// None only while it is brought down and up, or after a failure.
    server: Option<Server>,
    /// What the manual clock was last set to.
    clock: String,
    /// The named failure that the next hit ends the server at.
    fault: Option<String>,
}

impl Instance {
    /// Starts a server on a fresh directory.
    pub(crate) async fn start(options: ServerOptions) -> Result<Arc<Self>, Failure> {
        let mut state = State { server: None, clock: CLOCK_AT_BEGIN.to_owned(), fault: None };
        bring_up(&options, &mut state).await?;
        let kind = Kind::KappaDb(Box::new(KappaDb { options, state: Mutex::new(state) }));
        Ok(Arc::new(Self::new(kind)))
    }

    /// Makes a fresh database of PostgreSQL.
    pub(crate) async fn create_database(cluster: Arc<Cluster>) -> Result<Arc<Self>, Failure> {
        let database = cluster.next_database();
        let config = config("127.0.0.1", cluster.port, OWNER, "postgres");
        let (client, connection) = config.connect(NoTls).await?;
        let task = tokio::spawn(connection);
        client.batch_execute(&format!("CREATE DATABASE {database} TEMPLATE template0")).await?;
        drop(client);
        drop(task.await);
        Ok(Arc::new(Self::new(Kind::Postgres { cluster, database })))
    }

    fn new(kind: Kind) -> Self {
        Self { kind, epoch: AtomicU64::new(0), open_transaction_count: AtomicUsize::new(0) }
    }

    /// Whether this is PostgreSQL.
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.kind, Kind::Postgres { .. })
    }

    /// The number of starts before the one that is running.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// How to connect now.
    pub(crate) async fn config(&self) -> Result<Config, Failure> {
        match &self.kind {
            Kind::Postgres { cluster, database } => {
                Ok(config("127.0.0.1", cluster.port, OWNER, database))
            }
            Kind::KappaDb(kappadb) => {
                let mut state = kappadb.state.lock().await;
                let server =
                    state.server.as_mut().ok_or_else(|| Failure::broken("no server runs"))?;
                if let Some(status) = server.ended() {
                    return Err(Failure::broken(format!("the server ended by itself: {status}")));
                }
                let (host, port) = server.address.rsplit_once(':').unwrap_or_default();
                let port = port.parse().map_err(|_| Failure::broken("the address has no port"))?;
                Ok(config(host, port, "kappa", "kappa"))
            }
        }
    }

    /// Brings the server down and up again; PostgreSQL has nothing to prove and stays.
    pub(crate) async fn restart(&self, end: End) -> Result<(), Failure> {
        let Kind::KappaDb(kappadb) = &self.kind else { return Ok(()) };
        let mut state = kappadb.state.lock().await;
        if let Some(server) = state.server.take() {
            match end {
                End::Stop => server.stop().await?,
                End::Crash => server.kill().await?,
            }
        }
        bring_up(&kappadb.options, &mut state).await?;
        self.begin_epoch();
        Ok(())
    }

    /// Remembers the manual clock's time for the next start.
    pub(crate) async fn remember_clock(&self, time: &str) {
        if let Kind::KappaDb(kappadb) = &self.kind {
            time.clone_into(&mut kappadb.state.lock().await.clock);
        }
    }

    /// Remembers that the next hit of a named failure ends the server.
    pub(crate) async fn remember_fault(&self, point: &str) {
        if let Kind::KappaDb(kappadb) = &self.kind {
            kappadb.state.lock().await.fault = Some(point.to_owned());
        }
    }

    /// After a broken connection: if an armed fault explains it, starts the server again and gives the
    /// fault's name.
    pub(crate) async fn recover_from_fault(&self) -> Result<Option<String>, Failure> {
        let Kind::KappaDb(kappadb) = &self.kind else { return Ok(None) };
        let mut state = kappadb.state.lock().await;
        let Some(point) = state.fault.take() else { return Ok(None) };
        if let Some(server) = state.server.take() {
            server.wait_for_end().await?;
        }
        bring_up(&kappadb.options, &mut state).await?;
        self.begin_epoch();
        Ok(Some(point))
    }

    /// Stops the server at the end of a script; a panic in its log is a failure.
    pub(crate) async fn finish(&self) -> Result<(), Failure> {
        let Kind::KappaDb(kappadb) = &self.kind else { return Ok(()) };
        if let Some(server) = kappadb.state.lock().await.server.take() {
            server.stop().await?;
        }
        match read_log(&kappadb.options) {
            (_, true) => Err(Failure::broken("the server's log tells of a panic")),
            _ => Ok(()),
        }
    }

    /// What the server was started with, and `host:port` where it speaks HTTP; none for PostgreSQL.
    pub(crate) async fn server(&self) -> Option<(ServerOptions, String)> {
        let Kind::KappaDb(kappadb) = &self.kind else { return None };
        let state = kappadb.state.lock().await;
        Some((kappadb.options.clone(), state.server.as_ref()?.http_address.clone()))
    }

    /// Gives the running server away; none runs afterwards.
    pub(crate) async fn take_server(&self) -> Option<Server> {
        let Kind::KappaDb(kappadb) = &self.kind else { return None };
        kappadb.state.lock().await.server.take()
    }

    /// The end of the server's log, for a report.
    pub(crate) fn log(&self) -> String {
        match &self.kind {
            Kind::KappaDb(kappadb) => read_log(&kappadb.options).0,
            Kind::Postgres { .. } => String::new(),
        }
    }

    /// Notes that a session is in a transaction, or no longer.
    pub(crate) fn note_transaction(&self, is_open: bool) {
        if is_open {
            self.open_transaction_count.fetch_add(1, Ordering::AcqRel);
        } else {
            self.open_transaction_count.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Whether any session is in a transaction, which a restart would break.
    pub(crate) fn has_open_transaction(&self) -> bool {
        self.open_transaction_count.load(Ordering::Acquire) > 0
    }

    fn begin_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }
}

fn config(host: &str, port: u16, user: &str, database: &str) -> Config {
    let mut config = Config::new();
    config.host(host).port(port).user(user).dbname(database).application_name("kappa-sql-tests");
    config
}

/// Starts the server and sets its clock.
async fn bring_up(options: &ServerOptions, state: &mut State) -> Result<(), Failure> {
    let server = Server::start(options).await?;
    let (host, port) = server.address.rsplit_once(':').unwrap_or_default();
    let port = port.parse().map_err(|_| Failure::broken("the address has no port"))?;
    let (client, connection) = config(host, port, "kappa", "kappa").connect(NoTls).await?;
    let task = tokio::spawn(connection);
    client.simple_query(&format!("SELECT kappa_set_clock('{}')", state.clock)).await?;
    drop(client);
    drop(task.await);
    state.server = Some(server);
    Ok(())
}
