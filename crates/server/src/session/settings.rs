//! What catalogue queries see of a session and of the server: `current_setting`, `pg_settings`,
//! sizes, connections.

use std::sync::Arc;
use std::time::Duration;

use kappa_system::{Activity, ServerState, Setting, Settings};
use kappa_types::{RelationId, SqlError, SqlState};
use kappa_wire::{CancelToken, ConnectionHandle, ExecuteContext, Notice, NoticeSender};
use parking_lot::Mutex;

use super::connections::Connections;
use super::variable::{Kind, Scope, Variables, find};
use crate::engine::Engine;

/// A session's parameters, shared with the statement that runs.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedVariables(pub(super) Arc<Mutex<Variables>>);

impl Settings for SharedVariables {
    fn get(&self, name: &str) -> Option<String> {
        self.0.lock().get(name)
    }

    fn list(&self) -> Vec<Setting> {
        let variables = self.0.lock();
        variables.all().into_iter().map(|(name, value, doc)| setting(name, value, doc)).collect()
    }

    fn set(&self, name: &str, value: &str, local: bool) -> Result<String, SqlError> {
        let mut variables = self.0.lock();
        variables.set(name, value, if local { Scope::Local } else { Scope::Session })?;
        Ok(variables.get(name).unwrap_or_default())
    }
}

fn setting(name: String, value: String, doc: &str) -> Setting {
    let declared = find(&name);
    let default = declared.map_or_else(String::new, |variable| variable.default.to_owned());
    let value_type = match declared.map(|variable| variable.kind) {
        Some(Kind::Bool) => "bool",
        Some(Kind::Integer(..)) => "integer",
        Some(Kind::Word(_)) => "enum",
        _ => "string",
    };
    let fixed = declared.is_some_and(|variable| matches!(variable.kind, Kind::Fixed));
    Setting {
        source: if value == default { "default" } else { "session" }.to_owned(),
        context: if fixed { "internal" } else { "user" }.to_owned(),
        category: "Session".to_owned(),
        description: doc.to_owned(),
        value_type: value_type.to_owned(),
        boot_value: default.clone(),
        reset_value: default,
        name,
        value,
        ..Setting::default()
    }
}

/// What a statement hears and says while it runs; nothing while it is only analysed.
#[derive(Clone, Debug, Default)]
pub(super) struct Surroundings {
    cancel: CancelToken,
    notices: Option<NoticeSender>,
}

impl Surroundings {
    /// Those of a statement that runs.
    pub(super) fn of(context: &ExecuteContext) -> Self {
        Self { cancel: context.cancel.clone(), notices: Some(context.notices.clone()) }
    }

    fn warn(&self, message: String) {
        if let Some(notices) = &self.notices {
            notices.send(Notice::warning(SqlState::Warning, message));
        }
    }
}

/// What the server knows besides the catalogue, for one statement.
pub(super) struct StatementState {
    pub(super) engine: Arc<Engine>,
    pub(super) connections: Arc<Connections>,
    pub(super) started_micros: i64,
    /// The session's own.
    pub(super) process_id: i32,
    pub(super) surroundings: Surroundings,
}

impl StatementState {
    /// How to reach a connection; a warning if there is none.
    fn handle(&self, pid: i32) -> Option<ConnectionHandle> {
        let handle = self.connections.handle(pid);
        if handle.is_none() {
            let message = format!("PID {pid} is not a PostgreSQL backend process");
            self.surroundings.warn(message);
        }
        handle
    }
}

impl ServerState for StatementState {
    fn size_bytes(&self, relation: RelationId) -> u64 {
        let snapshot = self.engine.catalog.snapshot();
        match snapshot.relation(relation) {
            Some(relation) if relation.is_base() => {
                self.engine.log.statistics(relation.id).disk_bytes
            }
            Some(relation) => self
                .engine
                .store
                .get(relation.version)
                .map_or(0, |contents| contents.rows.bytes() as u64),
            None => 0,
        }
    }

    fn row_count(&self, relation: RelationId) -> Option<u64> {
        let snapshot = self.engine.catalog.snapshot();
        let relation = snapshot.relation(relation)?;
        if relation.is_base() {
            return Some(self.engine.log.statistics(relation.id).row_count);
        }
        let contents = self.engine.store.get(relation.version)?;
        contents.rows.row_count(self.engine.store.boundary()).ok().map(|count| count as u64)
    }

    fn activity(&self) -> Vec<Activity> {
        self.connections.activities()
    }

    fn cancel(&self, pid: i32) -> bool {
        let handle = self.handle(pid);
        handle.as_ref().map(ConnectionHandle::cancel).is_some()
    }

    fn terminate(&self, pid: i32, timeout: Duration) -> Result<bool, SqlError> {
        let Some(handle) = self.handle(pid) else { return Ok(false) };
        handle.terminate();
        // A session does not outlive its own statement by waiting for its end.
        if timeout.is_zero() || pid == self.process_id {
            return Ok(true);
        }
        let check = || self.check_interrupt();
        let has_left = self.connections.wait_for_leave(pid, timeout, check)?;
        if !has_left {
            let count = timeout.as_millis();
            let unit = if count == 1 { "millisecond" } else { "milliseconds" };
            let message = format!("backend with PID {pid} did not terminate within {count} {unit}");
            self.surroundings.warn(message);
        }
        Ok(has_left)
    }

    fn started_micros(&self) -> i64 {
        self.started_micros
    }

    fn check_interrupt(&self) -> Result<(), SqlError> {
        if self.surroundings.cancel.is_cancelled() {
            let message = "canceling statement due to user request";
            return Err(SqlError::new(SqlState::QueryCanceled, message));
        }
        Ok(())
    }
}
