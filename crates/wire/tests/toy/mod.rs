//! A database that fits a test: constants, a counter, one table, and rows that come when told.
//!
//! What PostgreSQL has too means the same here, so that scripts can be run against both:
//! `SELECT 'text'::type, $1::type, NULL::type, 1/0` with `FROM generate_series(1,n)`, `BEGIN`,
//! `COMMIT`, `ROLLBACK`, `SET`, `DEALLOCATE`, COPY of `t (a integer, b text, c timestamp)`,
//! `TABLE t`. The rest is ours: `TAIL` (rows the test pushes), `WAIT` (never ends), `PANIC`,
//! `PANIC STREAM`, `NOTICE text`, `COMMITFAIL` (an error at the end of the transaction).

#![allow(dead_code, unused_imports, reason = "each test uses a part of it")]

mod session;
mod sql;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow::record_batch::RecordBatch;
use kappa_types::{SqlError, SqlState, SqlType};
use kappa_wire::{Backend, ServerOptions, Startup, serve};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

pub(crate) use session::{ToySession, counter_batch};

/// The database.
#[derive(Default)]
pub(crate) struct Toy {
    /// Committed rows of `t`.
    pub(crate) rows: Mutex<Vec<RecordBatch>>,
    /// What `TAIL` returns.
    pub(crate) tail: Mutex<Option<mpsc::Receiver<RecordBatch>>>,
    /// Statements and streams that are alive.
    pub(crate) alive: Arc<AtomicUsize>,
    /// Batches that `FLOOD` has made.
    pub(crate) flood_count: Arc<AtomicUsize>,
    /// COPYs that were aborted, with the reason.
    pub(crate) aborted: Mutex<Vec<String>>,
}

/// Counts what is alive.
pub(crate) struct Alive(Arc<AtomicUsize>);

impl Alive {
    pub(crate) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The columns of `t`.
pub(crate) fn columns() -> Vec<(String, SqlType)> {
    vec![
        ("a".into(), SqlType::Integer),
        ("b".into(), SqlType::Text),
        ("c".into(), SqlType::Timestamp),
    ]
}

/// The database as the server sees it.
pub(crate) struct Shared(Arc<Toy>);

impl Backend for Shared {
    type Session = ToySession;

    async fn connect(&self, startup: Startup) -> Result<ToySession, SqlError> {
        if startup.database != "kappa" && startup.database != "postgres" {
            return Err(SqlError::new(
                SqlState::InvalidCatalogName,
                format!("database \"{}\" does not exist", startup.database),
            ));
        }
        Ok(ToySession::new(Arc::clone(&self.0), &startup))
    }
}

/// A running server and the database behind it.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) toy: Arc<Toy>,
    pub(crate) shutdown: watch::Sender<bool>,
    pub(crate) task: tokio::task::JoinHandle<std::io::Result<()>>,
}

pub(crate) async fn start(options: ServerOptions) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let toy = Arc::new(Toy::default());
    let (shutdown, receiver) = watch::channel(false);
    let task = tokio::spawn(serve(listener, Arc::new(Shared(Arc::clone(&toy))), options, receiver));
    Running { address, toy, shutdown, task }
}
