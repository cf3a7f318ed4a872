//! [`Backend`] and [`Session`]: what the wire asks of the database behind it.
//!
//! The wire owns the protocol: portals, formats, flushing, cancelling, skipping to Sync. The
//! session owns the meaning: statements, transactions, settings.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use futures::stream::BoxStream;
use kappa_types::text::TextOptions;
use kappa_types::{SqlError, SqlType};

use crate::{CancelToken, ConnectionHandle, CopyFormat, NoticeSender};

/// The database behind the wire.
pub trait Backend: Send + Sync + 'static {
    /// What serves one connection.
    type Session: Session;

    /// Opens a session.
    ///
    /// # Errors
    /// 3D000, 28000 …: the client gets it as FATAL and the connection ends.
    fn connect(
        &self,
        startup: Startup,
    ) -> impl Future<Output = Result<Self::Session, SqlError>> + Send;
}

/// What a client says when it connects.
#[derive(Clone, Debug)]
pub struct Startup {
    /// The user's name.
    pub user: String,
    /// The database's name; the user's name where the client gave none.
    pub database: String,
    /// All other parameters in the order given, those in `options` (`-c name=value`) last.
    pub parameters: Vec<(String, String)>,
    /// Where the client is.
    pub peer: SocketAddr,
    /// The connection's number, for `pg_backend_pid()`.
    pub process_id: i32,
    /// How other sessions interrupt the connection.
    pub handle: ConnectionHandle,
}

/// Where a session stands between statements, as told in each ReadyForQuery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// No transaction block.
    Idle,
    /// In a transaction block.
    InTransaction,
    /// In a transaction block that failed; only its end is accepted.
    Failed,
}

/// One statement of a query string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementText {
    /// The statement, without the semicolon behind it.
    pub text: String,
    /// Characters of the query string before `text`; added to positions in errors.
    pub offset_chars: usize,
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDescription {
    /// The column's name.
    pub name: String,
    /// Its type; rows are encoded as this whatever Arrow type carries them.
    pub sql_type: SqlType,
    /// OID of the relation it comes from; 0 where it is computed.
    pub table_oid: u32,
    /// Its number in that relation from 1; 0 where it is computed.
    pub column_number: i16,
}

impl ColumnDescription {
    /// A computed column.
    pub fn new(name: impl Into<String>, sql_type: SqlType) -> Self {
        Self { name: name.into(), sql_type, table_oid: 0, column_number: 0 }
    }
}

/// What a statement takes and returns, known without running it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// The types of `$1`, `$2` …
    pub parameters: Vec<SqlType>,
    /// The columns of its rows; `None` where it returns none.
    pub columns: Option<Vec<ColumnDescription>>,
}

/// What surrounds one execution.
#[derive(Clone, Debug)]
pub struct ExecuteContext {
    /// Set when nobody waits for the statement any more (cancel, timeout, disconnect).
    pub cancel: CancelToken,
    /// Sends notices at once, also while rows stream.
    pub notices: NoticeSender,
    /// Whether other statements may share the implicit transaction: always in the extended
    /// protocol, and in a query string of several statements. Otherwise [`Session::finish`] follows
    /// directly, and a statement that commits by itself is safe.
    pub implicit_block: bool,
    /// Whether the client may have been told the columns already, in the extended protocol; then the
    /// outcome must have those.
    pub is_described: bool,
}

/// What serves one connection.
///
/// The futures of `prepare` and `execute`, row streams and [`CopySink::append`] are dropped where they
/// stand when the client cancels or goes away or the statement's time is up. Work that must not be torn apart belongs in a task of its own.
/// After any error, and after any such drop, `finish(false)` is called before anything else.
pub trait Session: Send + Sized + 'static {
    /// One analysed statement.
    type Prepared: Send + Sync + 'static;

    /// Cuts a query string into statements. Text with nothing but space and comments has none.
    ///
    /// # Errors
    /// 42601 where any of the statements is malformed: as in PostgreSQL, none of them is run then.
    /// The position counts from the start of `text`.
    fn split(&mut self, text: &str) -> Result<Vec<StatementText>, SqlError>;

    /// Analyses one statement. `parameter_oids` are the types the client declared, 0 for unknown.
    ///
    /// # Errors
    /// Whatever is wrong with it; positions count from the start of the statement. 25P02 where the
    /// transaction has failed and the statement does not end it.
    fn prepare(
        &mut self,
        statement: &StatementText,
        parameter_oids: &[u32],
    ) -> impl Future<Output = Result<Arc<Self::Prepared>, SqlError>> + Send;

    /// What the statement takes and returns. Must not run it.
    fn describe(&self, prepared: &Self::Prepared) -> Description;

    /// Runs a statement. `parameters` are arrays of length 1 in the described types.
    ///
    /// # Errors
    /// Whatever goes wrong; 25P02 as in `prepare`.
    fn execute(
        &mut self,
        prepared: &Arc<Self::Prepared>,
        parameters: Vec<ArrayRef>,
        context: ExecuteContext,
    ) -> impl Future<Output = Result<Outcome, SqlError>> + Send;

    /// Ends the implicit transaction: with success at Sync and at the end of a query string, without
    /// it at once after an error anywhere. In a transaction block success changes nothing, and
    /// failure makes the block failed.
    ///
    /// # Errors
    /// Why the transaction could not be committed.
    fn finish(&mut self, success: bool) -> impl Future<Output = Result<(), SqlError>> + Send;

    /// Where the session stands.
    fn transaction_status(&self) -> TransactionStatus;

    /// The parameters that clients are told of, with their values at the start.
    fn reported_parameters(&self) -> Vec<(String, String)>;

    /// Reported parameters that changed since the last call.
    fn take_parameter_changes(&mut self) -> Vec<(String, String)>;

    /// How values are read and written as text.
    fn text_options(&self) -> TextOptions;

    /// `statement_timeout`; covers the sending of rows.
    fn statement_timeout(&self) -> Option<Duration>;

    /// `idle_in_transaction_session_timeout`
    fn idle_in_transaction_timeout(&self) -> Option<Duration>;

    /// `idle_session_timeout`
    fn idle_session_timeout(&self) -> Option<Duration>;

    /// The result of the SQL cursor `name`, which clients may describe as if it were a portal.
    fn describe_cursor(&self, name: &str) -> Option<Vec<ColumnDescription>> {
        let _ = name;
        None
    }

    /// The connection has ended; an open transaction is rolled back.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// Rows as they are made.
pub type RowStream = BoxStream<'static, Result<RecordBatch, SqlError>>;

/// What running a statement gives.
pub enum Outcome {
    /// Rows to send. The stream is polled only while the client takes them.
    Rows {
        /// The columns; the batches have as many.
        columns: Vec<ColumnDescription>,
        /// The rows.
        rows: RowStream,
        /// The command tag up to the number: `SELECT`, `INSERT 0`, `FETCH` …
        tag: String,
        /// The number in the tag, where it is not that of the rows sent.
        row_count: Option<u64>,
    },
    /// Done, without rows.
    Complete {
        /// The whole command tag: `INSERT 0 3`, `CREATE TABLE` …
        tag: String,
    },
    /// Done, and prepared statements or portals of the connection go.
    Release {
        /// What goes.
        what: Release,
        /// The whole command tag.
        tag: String,
    },
    /// The client is asked for rows.
    CopyIn {
        /// Relation and columns, as named in errors.
        target: CopyTarget,
        /// In which form the rows come.
        format: CopyFormat,
        /// What takes them.
        sink: Box<dyn CopySink>,
    },
    /// Rows to send as COPY.
    CopyOut {
        /// In which form.
        format: CopyFormat,
        /// The columns; the batches have as many.
        columns: Vec<ColumnDescription>,
        /// The rows.
        rows: RowStream,
    },
    /// There was no statement.
    Empty,
}

/// What a statement such as DEALLOCATE, CLOSE, DISCARD, or COMMIT without BEGIN takes from its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// One prepared statement; 26000 where there is none of that name.
    Statement(String),
    /// All prepared statements.
    AllStatements,
    /// One portal; 34000 where there is none of that name.
    Portal(String),
    /// All portals.
    AllPortals,
    /// Everything.
    All,
}

/// Where the rows of a COPY go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyTarget {
    /// The relation's name.
    pub relation: String,
    /// The columns that the data holds, in order.
    pub columns: Vec<(String, SqlType)>,
}

/// Takes the rows of one COPY. Dropped without `finish` or `abort`, as after a panic, the rows must
/// leave no trace either.
#[async_trait]
pub trait CopySink: Send {
    /// Takes some rows, all or none. While it does not return, the client waits.
    async fn append(&mut self, rows: RecordBatch) -> Result<(), SqlError>;

    /// All rows are there. Returns the command tag, `COPY n`.
    async fn finish(self: Box<Self>) -> Result<String, SqlError>;

    /// The rows must leave no trace.
    async fn abort(self: Box<Self>, reason: String);
}
