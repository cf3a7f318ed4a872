//! [`Session`]: what one connection remembers between statements.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kappa_catalog::Relation;
use kappa_serving::TableContents;
use kappa_system::{ServerState, SystemContext};
use kappa_types::text::TextOptions;
use kappa_types::{DeltaBatch, RelationId, SqlError, SqlState};
use kappa_wire::Startup;

use parking_lot::Mutex;

use super::connections::Connections;
use super::factory::DATABASE;
use super::prepared::Prepared;
use super::settings::{SharedVariables, StatementState, Surroundings};
use super::transaction::{Changes, Extent, Isolation, Transaction};
use super::variable::Variables;
use crate::engine::{Cut, Engine};

/// Statements that PREPARE may keep in one session.
pub(super) const PREPARED_COUNT_MAX: usize = 10_000;

/// One connection.
#[derive(Debug)]
pub struct Session {
    pub(super) engine: Arc<Engine>,
    pub(super) user: String,
    pub(super) process_id: i32,
    pub(super) variables: SharedVariables,
    /// Reported parameters as the client knows them.
    pub(super) reported: Vec<(String, String)>,
    /// [`Variables::version`] when they were looked at.
    pub(super) reported_version: u64,
    pub(super) transaction: Option<Transaction>,
    /// Whether the block has failed and waits for its end.
    pub(super) failed: bool,
    /// A view whose creation is logged and waits for its first contents: it goes again if the
    /// statement fails.
    pub(super) unfinished: Option<RelationId>,
    /// Statements of PREPARE.
    pub(super) prepared: BTreeMap<String, Arc<Prepared>>,
    pub(super) connections: Arc<Connections>,
    pub(super) started_micros: i64,
}

impl Session {
    pub(super) fn new(
        engine: Arc<Engine>,
        variables: Variables,
        startup: &Startup,
        connections: Arc<Connections>,
        started_micros: i64,
    ) -> Self {
        let (reported, reported_version) = (variables.reported(), variables.version());
        let variables = SharedVariables(Arc::new(Mutex::new(variables)));
        Self {
            engine,
            user: startup.user.clone(),
            process_id: startup.process_id,
            variables,
            reported,
            reported_version,
            transaction: None,
            failed: false,
            unfinished: None,
            prepared: BTreeMap::new(),
            connections,
            started_micros,
        }
    }

    /// A copy of the parameters.
    pub(super) fn parameters(&self) -> Variables {
        self.variables.0.lock().clone()
    }

    /// A parameter's value.
    pub(super) fn parameter(&self, name: &str) -> String {
        self.variables.0.lock().value(name)
    }

    /// A duration parameter; `None` when it is 0.
    pub(super) fn duration(&self, name: &str) -> Option<Duration> {
        self.variables.0.lock().duration(name)
    }

    /// Whether a BEGIN is open.
    pub(super) fn in_block(&self) -> bool {
        self.transaction.as_ref().is_some_and(|open| open.extent == Extent::Block)
    }

    /// What `now()` is for the statement that begins.
    pub(super) fn now_micros(&self) -> i64 {
        match &self.transaction {
            Some(open) if open.extent == Extent::Block => open.started_micros,
            _ => self.engine.clock.now_micros(),
        }
    }

    /// How values are read and written as text now.
    pub(super) fn text(&self) -> TextOptions {
        let variables = self.variables.0.lock();
        TextOptions {
            time_zone: variables.time_zone(),
            extra_float_digits: variables.value("extra_float_digits").parse().unwrap_or(1),
            now_micros: self.now_micros(),
            ..TextOptions::default()
        }
    }

    /// The open transaction; one of this extent begins if there is none.
    pub(super) fn open(&mut self, extent: Extent) -> &mut Transaction {
        if self.transaction.is_none() {
            let isolation = isolation_of(&self.parameter("default_transaction_isolation"));
            let read_only = self.parameter("default_transaction_read_only") == "on";
            let now = self.engine.clock.now_micros();
            self.transaction = Some(Transaction::new(extent, isolation, read_only, now));
            self.variables.0.lock().begin();
        }
        self.transaction.as_mut().expect("it was made just now")
    }

    /// When the next statement reads: the transaction's one cut, or a new one with everything that
    /// is committed.
    pub(super) async fn cut(&mut self) -> Result<Cut, SqlError> {
        if let Some(cut) = self.transaction.as_ref().and_then(|open| open.cut.clone()) {
            return Ok(cut);
        }
        let wait = self.read_wait();
        let cut = if self.parameter("kappa.read") == "available" {
            self.engine.newest_cut(wait).await?
        } else {
            self.engine.cut(self.engine.log.durable_time(), wait).await?
        };
        if let Some(open) = &mut self.transaction
            && open.isolation == Isolation::Snapshot
        {
            open.cut = Some(cut.clone());
        }
        Ok(cut)
    }

    /// What a catalogue query runs against.
    pub(super) fn system_context(&self, surroundings: &Surroundings) -> SystemContext {
        let state: Arc<dyn ServerState> = Arc::new(StatementState {
            engine: Arc::clone(&self.engine),
            connections: Arc::clone(&self.connections),
            started_micros: self.started_micros,
            process_id: self.process_id,
            surroundings: surroundings.clone(),
        });
        SystemContext {
            snapshot: self.engine.catalog.snapshot(),
            user: self.user.clone(),
            database: DATABASE.to_owned(),
            search_path: super::variable::search_path_with_user(&self.parameter("search_path")),
            settings: Arc::new(self.variables.clone()),
            state,
            backend_pid: self.process_id,
            text: self.text(),
        }
    }

    /// That a statement that changes the catalogue may run here.
    pub(super) fn check_outside_block(&self, statement: &str) -> Result<(), SqlError> {
        if !self.in_block() {
            return Ok(());
        }
        Err(SqlError::new(
            SqlState::ActiveSqlTransaction,
            format!("{statement} cannot run inside a transaction block"),
        )
        .with_hint("Changes of the catalogue commit by themselves; run them outside BEGIN."))
    }
}

/// Longest wait of a read when kappa.read_wait is 0.
pub(super) const READ_WAIT_MAX: Duration = Duration::from_secs(3_600);

/// The isolation that a level's name stands for.
pub(super) fn isolation_of(level: &str) -> Isolation {
    match level {
        "repeatable read" | "serializable" => Isolation::Snapshot,
        _ => Isolation::ReadCommitted,
    }
}

/// Longest wait for a lock when lock_timeout is 0.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(60);

impl Session {
    /// The changes of the open transaction.
    ///
    /// # Panics
    /// If none is open: statements that write open one first.
    pub(super) fn changes(&self) -> Arc<Mutex<Changes>> {
        let open = self.transaction.as_ref().expect("a statement that writes opens one first");
        Arc::clone(&open.changes)
    }

    /// What the open transaction, if any, has changed of a relation.
    pub(super) fn changes_of(&self, relation: RelationId) -> Vec<DeltaBatch> {
        self.transaction.as_ref().map_or_else(Vec::new, |open| open.changes.lock().of(relation))
    }

    /// The contents of a table.
    pub(super) fn contents(&self, relation: &Relation) -> Result<Arc<TableContents>, SqlError> {
        self.engine.tables.get(relation.id).ok_or_else(|| {
            SqlError::new(
                SqlState::UndefinedTable,
                format!("relation \"{}\" does not exist", relation.name),
            )
        })
    }

    /// Locks keys of a table for the open transaction.
    pub(super) async fn lock_keys(
        &mut self,
        relation: &Relation,
        contents: &TableContents,
        hashes: &[u64],
    ) -> Result<(), SqlError> {
        let wait = self.duration("lock_timeout").unwrap_or(LOCK_WAIT_MAX);
        let open = self.transaction.as_mut().expect("a statement that writes opens one first");
        let locks = open.locks.entry(relation.id).or_insert_with(|| contents.lock_set());
        locks.lock_keys(hashes, wait).await.map_err(|error| lock_error(relation, error))
    }

    /// Locks a whole table for the open transaction.
    pub(super) async fn lock_table(
        &mut self,
        relation: &Relation,
        contents: &TableContents,
    ) -> Result<(), SqlError> {
        let wait = self.duration("lock_timeout").unwrap_or(LOCK_WAIT_MAX);
        let open = self.transaction.as_mut().expect("a statement that writes opens one first");
        let locks = open.locks.entry(relation.id).or_insert_with(|| contents.lock_set());
        locks.lock_table(wait).await.map_err(|error| lock_error(relation, error))
    }
}

fn lock_error(relation: &Relation, error: kappa_serving::Error) -> SqlError {
    SqlError::from(error)
        .with_detail(format!("Another transaction is changing table \"{}\".", relation.name))
        .with_hint("Try again; lock_timeout sets how long a statement waits.")
}
