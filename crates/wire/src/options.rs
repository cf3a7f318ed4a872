//! [`ServerOptions`]: every bound of the server in one place.

use std::time::Duration;

/// The bounds of the server. Each has a default that suits one machine.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Connections served at once; one more is refused with 53300.
    pub connection_count_max: usize,
    /// Bytes of one message; a larger one ends its connection with 08P01.
    pub message_size_bytes_max: usize,
    /// Bytes of messages read from one connection before they are worked on. What comes after
    /// waits in the socket, and so the client waits.
    pub read_ahead_bytes_max: usize,
    /// Bytes of results that are collected before they are written to the socket. They are written
    /// earlier when a row stream has no rows ready.
    pub write_buffer_bytes: usize,
    /// Time a client has from connecting to the end of its startup message.
    pub startup_timeout: Duration,
    /// Time that statements have to end after the server was told to stop.
    pub shutdown_timeout: Duration,
    /// Named prepared statements of one connection (54000 beyond).
    pub statement_count_max: usize,
    /// Open portals of one connection (54000 beyond).
    pub portal_count_max: usize,
    /// Notices that may wait to be sent while a statement runs; more are dropped.
    pub notice_count_max: usize,
    /// Rows of a COPY that are handed to the sink as one batch.
    pub copy_batch_row_count: usize,
    /// Bytes of COPY input that are handed to the sink as one batch, if that comes first.
    pub copy_batch_size_bytes: usize,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            connection_count_max: 1000,
            message_size_bytes_max: 64 << 20,
            read_ahead_bytes_max: 1 << 20,
            write_buffer_bytes: 32 << 10,
            startup_timeout: Duration::from_secs(60),
            shutdown_timeout: Duration::from_secs(10),
            statement_count_max: 10_000,
            portal_count_max: 10_000,
            notice_count_max: 1000,
            copy_batch_row_count: 32 << 10,
            copy_batch_size_bytes: 8 << 20,
        }
    }
}
