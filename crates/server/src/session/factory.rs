//! [`SessionFactory`]: opens a session for each connection, and knows the open ones.

use std::sync::Arc;

use kappa_system::Activity;
use kappa_types::{SqlError, SqlState};
use kappa_wire::{Backend, Startup};

use super::Session;
use super::connections::Connections;
use super::variable::Variables;
use crate::engine::Engine;
use crate::metrics::Counters;

/// The one database.
pub(super) const DATABASE: &str = "kappa";

/// Opens sessions.
#[derive(Debug)]
pub struct SessionFactory {
    engine: Arc<Engine>,
    connections: Arc<Connections>,
    started_micros: i64,
}

impl SessionFactory {
    /// For the sessions of one engine.
    #[must_use]
    pub fn new(engine: Arc<Engine>) -> Self {
        let started_micros = engine.clock.now_micros();
        Self { engine, connections: Arc::default(), started_micros }
    }
}

impl Backend for SessionFactory {
    type Session = Session;

    async fn connect(&self, startup: Startup) -> Result<Session, SqlError> {
        if startup.database != DATABASE {
            let named_by_user = startup.database == startup.user;
            let error = SqlError::new(
                SqlState::InvalidCatalogName,
                format!("database \"{}\" does not exist", startup.database),
            );
            let hint = if named_by_user { " Clients take the user's name for it." } else { "" };
            return Err(error.with_hint(format!("The database is called \"{DATABASE}\".{hint}")));
        }
        let mut variables = Variables::default();
        variables.set_fixed("session_authorization", &startup.user);
        for (name, value) in &startup.parameters {
            // Drivers send parameters of other servers' protocols; those are for us to know.
            if name != "replication" && !name.starts_with("_pq_.") {
                variables.set_startup(name, value)?;
            }
        }
        let activity = Activity {
            pid: startup.process_id,
            user: startup.user.clone(),
            application_name: variables.value("application_name"),
            client_address: Some(startup.peer.ip().to_string()),
            client_port: Some(i32::from(startup.peer.port())),
            backend_start_micros: self.engine.clock.now_micros(),
            state: "idle".to_owned(),
            ..Activity::default()
        };
        self.connections.enter(activity, startup.handle.clone());
        Counters::add(&self.engine.counters.session_count, 1);
        Ok(Session::new(
            Arc::clone(&self.engine),
            variables,
            &startup,
            Arc::clone(&self.connections),
            self.started_micros,
        ))
    }
}
