//! The server: everything that knows all layers.
//!
//! ```text
//! main -> run: engine (log, catalogue, contents, dataflow, connectors) + wire + http
//! wire -> session: text -> sql -> bound statement -> execute -> engine
//! ```
//!
//! The one idea: [`engine`] owns what lives as long as the process and turns it into three verbs,
//! read at a boundary, write a commit, change the catalogue; [`session`] turns statements into those
//! verbs. Truth: log. Derived: everything else here.
//!
//! This crate does not parse SQL, encode the protocol or run operators; its layers below do.

pub mod config;
pub mod engine;
pub mod http;
mod memory;
pub mod metrics;
pub mod session;
pub mod system;

use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::config::Config;
use crate::engine::Engine;
use crate::session::SessionFactory;

/// Opens the data directory and serves it until SIGTERM or Ctrl-C.
///
/// # Errors
/// If the directory is in use or damaged, or an address cannot be bound.
pub fn run(config: Config) -> Result<()> {
    memory::configure();
    let core_count = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // One of them may be writing the log.
        .worker_threads(core_count.max(2))
        .enable_all()
        .thread_name("session")
        .build()
        .context("cannot start the session threads")?;
    system::declare_all();
    let engine = Engine::open(&config, runtime.handle().clone())?;
    let served = runtime.block_on(serve(&config, &engine));
    runtime.shutdown_timeout(SHUTDOWN_WAIT);
    let closed = Engine::close(engine);
    served.and(closed)
}

/// How long tasks that do not listen to the shutdown may go on; what they have acknowledged is
/// durable already.
const SHUTDOWN_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

#[expect(clippy::print_stdout, reason = "the one line that says the server accepts connections")]
async fn serve(config: &Config, engine: &Arc<Engine>) -> Result<()> {
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.listen))?;
    let http_listener = TcpListener::bind(config.http_listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.http_listen))?;
    let (shutdown_tx, shutdown) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    println!(
        "kappadb: listening on {} (http {})",
        listener.local_addr()?,
        http_listener.local_addr()?
    );
    let http = tokio::spawn(http::serve(http_listener, Arc::clone(engine), shutdown.clone()));
    tokio::spawn(memory::give_back_when_idle(Arc::clone(engine), shutdown.clone()));
    let options = kappa_wire::ServerOptions {
        connection_count_max: config.connection_count_max,
        ..kappa_wire::ServerOptions::default()
    };
    let backend = Arc::new(SessionFactory::new(Arc::clone(engine)));
    let mut wire = tokio::spawn(kappa_wire::serve(listener, backend, options, shutdown));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        ended = &mut wire => return ended?.context("the listener failed"),
    }
    tracing::info!("stopping");
    shutdown_tx.send_replace(true);
    wire.await?.context("the listener failed")?;
    http.await?;
    Ok(())
}
