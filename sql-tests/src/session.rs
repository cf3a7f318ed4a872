//! A named connection of a script.
//!
//! The one idea: all values come as text over the simple query protocol, exactly as PostgreSQL prints
//! them, and a session outlives its connection: when the server has been started again, it connects
//! again and repeats its settings.
//!
//! On PostgreSQL, where materialized views do not follow their tables, they are refreshed before each
//! query; so one script about a view can be answered by both.

use crate::copy::Copy;
use crate::failure::Failure;
use crate::instance::Instance;
use crate::outcome::Outcome;
use crate::psql;
use crate::verb::Verb;
use async_trait::async_trait;
use futures::{SinkExt, StreamExt, TryStreamExt, stream};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};

/// How long a statement may take before it counts as hanging.
const STATEMENT_TIME_MAX: Duration = Duration::from_secs(60);
/// Notices kept for `.notices`; older ones are dropped.
const NOTICE_COUNT_MAX: usize = 1_000;

/// A named connection of a script.
#[derive(Debug)]
pub(crate) struct Session {
    instance: Arc<Instance>,
    link: Option<Link>,
    /// Statements that made the session what it is, repeated after a restart.
    settings: Vec<String>,
    is_in_transaction: bool,
    notices: Arc<Mutex<Vec<String>>>,
}

/// A connection in an epoch.
#[derive(Debug)]
struct Link {
    client: Client,
    epoch: u64,
    task: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Session {
    /// A session that connects when it is first used.
    pub(crate) fn new(instance: Arc<Instance>) -> Self {
        let notices = Arc::new(Mutex::new(Vec::new()));
        Self { instance, link: None, settings: Vec::new(), is_in_transaction: false, notices }
    }

    /// What the session runs on.
    pub(crate) fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    /// Runs SQL and gives the answer to each of its statements.
    pub(crate) async fn execute(&mut self, sql: &str) -> Result<Vec<Outcome>, Failure> {
        let result = self.try_execute(sql).await;
        self.note(sql, result.is_ok());
        match result {
            Err(Failure::Broken(what)) => {
                self.link = None;
                match self.instance.recover_from_fault().await? {
                    Some(point) => Err(Failure::Fault(point)),
                    None => Err(Failure::Broken(what)),
                }
            }
            result => result,
        }
    }

    /// Runs a query and gives its rows.
    pub(crate) async fn query(&mut self, sql: &str) -> Result<Outcome, Failure> {
        let mut outcomes = self.execute(sql).await?;
        outcomes.pop().ok_or_else(|| Failure::broken(format!("no answer to {sql}")))
    }

    /// For each column of a query, whether it holds floating-point numbers.
    pub(crate) async fn float_columns(&mut self, sql: &str) -> Result<Vec<bool>, Failure> {
        let statement = self.client().await?.prepare(sql).await?;
        let types = statement.columns().iter().map(|column| column.type_().clone());
        Ok(types.map(|kind| kind == Type::FLOAT4 || kind == Type::FLOAT8).collect())
    }

    /// The notices since the last call, as `SEVERITY: message`.
    pub(crate) fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut *self.notices.lock().unwrap_or_else(|error| error.into_inner()))
    }

    async fn try_execute(&mut self, sql: &str) -> Result<Vec<Outcome>, Failure> {
        self.client().await?;
        if self.instance.is_postgres() && is_query(sql) && !self.is_in_transaction {
            self.refresh().await?;
        }
        let client = self.client().await?;
        match tokio::time::timeout(STATEMENT_TIME_MAX, send(client, sql)).await {
            Ok(result) => result,
            Err(_) => Err(Failure::broken(format!("no answer in {STATEMENT_TIME_MAX:?}"))),
        }
    }

    /// Brings PostgreSQL's materialized views to the present, in the order they were made.
    async fn refresh(&mut self) -> Result<(), Failure> {
        let client = self.client().await?;
        let list =
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'm' ORDER BY pg_class.oid";
        for row in Outcome::read(client.simple_query(list).await?).iter().flat_map(|o| &o.rows) {
            for name in row.iter().flatten() {
                client.simple_query(&format!("REFRESH MATERIALIZED VIEW {name}")).await?;
            }
        }
        Ok(())
    }

    /// The connection of this epoch.
    async fn client(&mut self) -> Result<&Client, Failure> {
        let epoch = self.instance.epoch();
        let is_current =
            self.link.as_ref().is_some_and(|link| link.epoch == epoch && !link.client.is_closed());
        if !is_current {
            self.set_in_transaction(false);
            let config = self.instance.config().await?;
            let (client, task) = connect(&config, self.notices.clone()).await?;
            for setting in &self.settings {
                client.simple_query(setting).await?;
            }
            self.link = Some(Link { client, epoch, task });
        }
        self.link.as_ref().map(|link| &link.client).ok_or_else(|| Failure::broken("no connection"))
    }

    /// Learns from a statement whether the session is in a transaction and how it is set.
    fn note(&mut self, sql: &str, is_ok: bool) {
        for statement in crate::split::statements(sql) {
            let words = statement.to_ascii_uppercase();
            let mut words = words.split_whitespace();
            match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
                ("BEGIN" | "START", _) if is_ok => self.set_in_transaction(true),
                ("ROLLBACK", "TO") => {}
                ("COMMIT" | "END" | "ROLLBACK" | "ABORT", _) => self.set_in_transaction(false),
                ("SET", "LOCAL" | "TRANSACTION") => {}
                ("SET" | "RESET" | "PREPARE" | "DEALLOCATE" | "DISCARD", _)
                    if is_ok && !self.is_in_transaction =>
                {
                    self.settings.push(statement.to_owned());
                }
                _ => {}
            }
        }
    }

    fn set_in_transaction(&mut self, is_in_transaction: bool) {
        if self.is_in_transaction != is_in_transaction {
            self.is_in_transaction = is_in_transaction;
            self.instance.note_transaction(is_in_transaction);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.set_in_transaction(false);
    }
}

#[async_trait]
impl AsyncDB for Session {
    type Error = Failure;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failure> {
        let outcome = match Verb::parse(sql)? {
            Some(verb) => verb.run(self).await?,
            None if sql.starts_with('\\') => psql::run(&self.instance.config().await?, sql).await?,
            None => answer(self.execute(sql).await?),
        };
        Ok(match &outcome.columns {
            None => DBOutput::StatementComplete(outcome.count),
            Some(columns) => DBOutput::Rows {
                types: vec![DefaultColumnType::Any; columns.len()],
                rows: outcome.printed_rows(),
            },
        })
    }

    async fn shutdown(&mut self) {
        self.link = None;
    }

    fn engine_name(&self) -> &str {
        if self.instance.is_postgres() { "postgres" } else { "kappadb" }
    }

    fn error_sql_state(failure: &Failure) -> Option<String> {
        failure.state().map(str::to_owned)
    }
}

/// The answer that a script sees of several: the last with rows, else the last.
fn answer(mut outcomes: Vec<Outcome>) -> Outcome {
    match outcomes.iter().rposition(|outcome| outcome.columns.is_some()) {
        Some(at) => outcomes.swap_remove(at),
        None => outcomes.pop().unwrap_or_default(),
    }
}

fn is_query(sql: &str) -> bool {
    let word = sql.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    matches!(word.trim_start_matches('('), "SELECT" | "WITH" | "TABLE" | "VALUES")
}

async fn connect(
    config: &Config,
    notices: Arc<Mutex<Vec<String>>>,
) -> Result<(Client, JoinHandle<()>), Failure> {
    let (client, mut connection) = config.connect(NoTls).await?;
    let task = tokio::spawn(async move {
        let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notice(notice) = message {
                let mut notices = notices.lock().unwrap_or_else(|error| error.into_inner());
                if notices.len() == NOTICE_COUNT_MAX {
                    notices.remove(0);
                }
                notices.push(format!("{}: {}", notice.severity(), notice.message()));
            }
        }
    });
    Ok((client, task))
}

async fn send(client: &Client, sql: &str) -> Result<Vec<Outcome>, Failure> {
    match Copy::parse(sql) {
        None => Ok(Outcome::read(client.simple_query(sql).await?)),
        Some(Copy::In { statement, data }) => {
            let sink = client.copy_in(statement).await?;
            futures::pin_mut!(sink);
            sink.send(std::io::Cursor::new(data.into_bytes())).await?;
            let count = sink.finish().await?;
            Ok(vec![Outcome { count, ..Outcome::default() }])
        }
        Some(Copy::Out { statement }) => {
            let parts: Vec<_> = client.copy_out(statement).await?.try_collect().await?;
            let text = String::from_utf8_lossy(&parts.concat()).into_owned();
            Ok(vec![Outcome::of_lines("copy", text.lines().map(str::to_owned).collect())])
        }
    }
}
