//! What catalogue queries see of a session and of the server: `current_setting`, `pg_settings`,
//! sizes, connections.

use std::sync::Arc;

use kappa_system::{Activity, ServerState, Setting, Settings};
use kappa_types::{RelationId, SqlError, SqlState};
use kappa_wire::CancelToken;
use parking_lot::Mutex;

use super::factory::Activities;
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

/// What the server knows besides the catalogue, for one statement.
pub(super) struct StatementState {
    pub(super) engine: Arc<Engine>,
    pub(super) activities: Activities,
    pub(super) started_micros: i64,
    pub(super) cancel: CancelToken,
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
        self.activities.lock().values().cloned().collect()
    }

    fn cancel(&self, _pid: i32) -> bool {
        false
    }

    fn terminate(&self, _pid: i32) -> bool {
        false
    }

    fn started_micros(&self) -> i64 {
        self.started_micros
    }

    fn check_interrupt(&self) -> Result<(), SqlError> {
        if self.cancel.is_cancelled() {
            let message = "canceling statement due to user request";
            return Err(SqlError::new(SqlState::QueryCanceled, message));
        }
        Ok(())
    }
}
