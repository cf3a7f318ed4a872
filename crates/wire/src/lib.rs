//! The Postgres protocol: connections, portals, cancel, COPY, encoding.
//!
//! [`serve`] accepts connections and asks a [`Backend`] for a [`Session`] each; everything that can
//! be said without knowing what a statement means is done here. Per connection there are two tasks:
//! one reads frames into a bounded queue, one works on them; so the end of a client is seen while
//! its statement runs, and a client that does not read its rows stops the statement that makes them.
//!
//! ```text
//! server -> startup -> connection: message loop
//!                        |- simple, extended, copy_in: what the messages mean
//!                        |- rows: batches -> row | copy encoder -> output
//!                        `- guard: cancel, timeout, disconnect, termination, shutdown
//! ```
//!
//! Everything here is derived: nothing of it outlives its connection.
//!
//! This crate does not know SQL, the engine, or what a statement does; it does not check passwords
//! (the backend decides who may connect), and it does not encrypt: requests for TLS and GSS are
//! declined.

mod backend;
mod binary;
mod cancel;
mod connection;
mod copy;
mod failure;
mod message;
mod notice;
mod options;
mod row;
mod server;
mod startup;

pub use backend::{
    Backend, ColumnDescription, CopySink, CopyTarget, Description, ExecuteContext, Outcome,
    Release, RowStream, Session, Startup, StatementText, TransactionStatus,
};
pub use cancel::{CancelToken, ConnectionHandle};
pub use copy::{CopyCsv, CopyFormat, CopyHeader, CopyText};
pub use notice::{Notice, NoticeSender, NoticeSeverity};
pub use options::ServerOptions;
pub use server::serve;
