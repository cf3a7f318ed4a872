//! [`serve`]: accepts connections and sees them end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use kappa_types::{SqlError, SqlState};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::backend::{Backend, Session, Startup};
use crate::cancel::{CancelRegister, Registration};
use crate::connection::Connection;
use crate::connection::guard::{Interrupts, is_set, shutdown_failure};
use crate::connection::output::Output;
use crate::connection::reader::{self, ReaderLimits};
use crate::failure::{Failure, Report};
use crate::message::backend::{self, Severity};
use crate::options::ServerOptions;
use crate::startup::{self, Request};

/// Sockets beyond [`ServerOptions::connection_count_max`] that may be in their startup: cancel
/// requests must come through when all connections are taken.
const STARTING_COUNT_MAX: usize = 100;
/// Pause after `accept` fails, as it does when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves connections until `shutdown` turns true and all have ended, or
/// [`ServerOptions::shutdown_timeout`] has passed.
///
/// # Errors
/// None now; failures of single connections are theirs.
pub async fn serve<B: Backend>(
    listener: TcpListener,
    backend: Arc<B>,
    options: ServerOptions,
    mut shutdown: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let server = Arc::new(Server {
        backend,
        options: Arc::new(options),
        register: Arc::default(),
        session_count: AtomicUsize::new(0),
        shutdown: shutdown.clone(),
    });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = is_set(&mut shutdown) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    let bound = server.options.connection_count_max + STARTING_COUNT_MAX;
                    if connections.len() < bound {
                        connections.spawn(Arc::clone(&server).connection(socket, peer));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(server.options.shutdown_timeout, ended).await.is_err() {
        tracing::warn!(count = connections.len(), "connections did not end in time");
        connections.shutdown().await;
    }
    Ok(())
}

struct Server<B> {
    backend: Arc<B>,
    options: Arc<ServerOptions>,
    register: Arc<CancelRegister>,
    /// Sessions that are open or being opened.
    session_count: AtomicUsize,
    shutdown: watch::Receiver<bool>,
}

/// A place among the sessions; given back when dropped.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<B: Backend> Server<B> {
    async fn connection(self: Arc<Self>, mut socket: TcpStream, peer: SocketAddr) {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
        }
        let registration = self.register.register();
        let mut shutdown = self.shutdown.clone();
        let negotiated = tokio::select! {
            biased;
            () = is_set(&mut shutdown) => Err(shutdown_failure()),
            request = tokio::time::timeout(
                self.options.startup_timeout,
                startup::negotiate(&mut socket, peer, registration.handle()),
            ) => request.unwrap_or(Err(Failure::Disconnected)),
        };
        match negotiated {
            Ok(Request::Cancel(key)) => self.register.cancel(key),
            Ok(Request::Session { startup, negotiate, rest }) => {
                let mut greeting = Vec::new();
                if let Some(unknown) = negotiate {
                    let version = startup::NEWEST_PROTOCOL;
                    backend::negotiate_protocol_version(version, &unknown, &mut greeting);
                }
                self.session(socket, startup, greeting, rest, &registration).await;
            }
            Err(failure) => refuse(&mut socket, failure).await,
        }
    }

    async fn session(
        &self,
        mut socket: TcpStream,
        startup: Startup,
        mut greeting: Vec<u8>,
        rest: BytesMut,
        registration: &Registration,
    ) {
        let count = self.session_count.fetch_add(1, Ordering::SeqCst);
        let _place = Place(&self.session_count);
        if count >= self.options.connection_count_max {
            let error =
                SqlError::new(SqlState::TooManyConnections, "sorry, too many clients already");
            return refuse(&mut socket, Failure::Fatal(Box::new(error))).await;
        }
        let session = match self.connect(startup).await {
            Ok(session) => session,
            Err(failure) => return refuse(&mut socket, failure).await,
        };
        backend::authentication_ok(&mut greeting);
        for (name, value) in session.reported_parameters() {
            backend::parameter_status(&name, &value, &mut greeting);
        }
        backend::backend_key_data(registration.key(), &mut greeting);
        let (read_half, write_half) = socket.into_split();
        let limits = ReaderLimits {
            message_size_bytes_max: self.options.message_size_bytes_max,
            read_ahead_bytes_max: self.options.read_ahead_bytes_max,
        };
        let (input, closed) = reader::start(read_half, rest, limits);
        let mut output = Output::new(write_half);
        output.push(|out| out.extend_from_slice(&greeting));
        let cancellable = registration.entry();
        let interrupts = Interrupts {
            terminated: cancellable.terminated(),
            cancellable,
            closed,
            shutdown: self.shutdown.clone(),
        };
        Connection::new(session, input, output, interrupts, Arc::clone(&self.options)).run().await;
    }

    /// Opens a session, in no more time than a startup may take.
    async fn connect(&self, startup: Startup) -> Result<B::Session, Failure> {
        let mut shutdown = self.shutdown.clone();
        tokio::select! {
            biased;
            () = is_set(&mut shutdown) => Err(shutdown_failure()),
            connected = tokio::time::timeout(
                self.options.startup_timeout,
                self.backend.connect(startup),
            ) => match connected {
                Ok(Ok(session)) => Ok(session),
                Ok(Err(error)) => Err(Failure::Fatal(Box::new(error))),
                Err(_) => Err(Failure::fatal(
                    SqlState::CannotConnectNow,
                    "the database system is not ready to accept connections",
                )),
            },
        }
    }
}

/// Tells a client why it is not served.
async fn refuse(socket: &mut TcpStream, failure: Failure) {
    let error = match failure {
        Failure::Disconnected => return,
        Failure::Fatal(error) => *error,
        Failure::Error(report) => report.error,
    };
    let mut message = Vec::new();
    backend::error(Severity::Fatal, &Report { error, context: None }, &mut message);
    let told = async {
        socket.write_all(&message).await?;
        socket.shutdown().await
    };
    // The message fits any socket's buffer; a client that has gone needs none.
    let _ = tokio::time::timeout(Duration::from_secs(1), told).await;
}
