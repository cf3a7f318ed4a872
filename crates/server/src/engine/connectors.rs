//! Sources that are fed from outside: one running connector per source, started and stopped with it.
//!
//! The one idea: a batch from outside becomes one commit that holds its rows, its rejects and the
//! position it was read up to, so that a restart neither loses nor repeats a row. Committing blocks
//! the connector's thread, and that is the back-pressure.
//!
//! Does not read anything itself; `kappa-connect` does.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arrow::array::StringViewArray;
use arrow::record_batch::RecordBatch;
use kappa_catalog::{Connector, Relation, RelationKind, Snapshot};
use kappa_connect::{
    ConnectorSpec, Format, Reject, RowSink, Running, Shutdown, SourceBatch, SourceStatus,
};
use kappa_log::{Commit, RelationRows, RowKind, reject_schema};
use kappa_types::{RelationId, Schema, SqlError, SqlState, Timestamp};

use super::pace::near;
use super::{Engine, Intake};
use crate::session::error::log_error;

/// Longest single wait for the boundary; then the connector looks whether it shall stop.
const BEHIND_WAIT: Duration = Duration::from_millis(20);

/// The running connectors.
#[derive(Debug, Default)]
pub struct Connectors(BTreeMap<RelationId, Running>);

impl Connectors {
    /// Starts the connector of every source that has one. A connector that cannot start is logged
    /// and left out; its source stays readable.
    pub fn start_all(engine: &Arc<Engine>, snapshot: &Snapshot) {
        for relation in snapshot.relations() {
            if let Err(error) = Self::start(engine, relation) {
                tracing::error!(source = %relation.name, %error, "connector cannot start");
            }
        }
    }

    /// Starts the connector of a source, if it has one; says whether it is a load, which ends by
    /// itself and is waited for.
    ///
    /// # Errors
    /// As `kappa_connect::start`.
    pub fn start(engine: &Arc<Engine>, relation: &Arc<Relation>) -> Result<bool, SqlError> {
        let RelationKind::Source { connector: Some(connector), .. } = &relation.kind else {
            return Ok(false);
        };
        let spec = spec(relation.id, connector, physical_schema(relation))?;
        let is_load = kappa_connect::is_load(&spec);
        let offsets = engine.log.offsets(relation.id);
        let shutdown = Shutdown::new();
        let sink = CommitSink {
            engine: Arc::downgrade(engine),
            relation: relation.id,
            intake: Intake::physical(engine, relation)?,
            shutdown: shutdown.clone(),
        };
        let clock = Arc::clone(&engine.clock);
        let running = kappa_connect::start(spec, &offsets, Box::new(sink), clock, shutdown)?;
        engine.connectors.lock().0.insert(relation.id, running);
        Ok(is_load)
    }

    /// That the connector of a source, if it has one, can be started.
    ///
    /// # Errors
    /// As `kappa_connect::validate`.
    pub fn check(relation: &Relation) -> Result<(), SqlError> {
        let RelationKind::Source { connector: Some(connector), .. } = &relation.kind else {
            return Ok(());
        };
        kappa_connect::validate(&spec(relation.id, connector, physical_schema(relation))?)
    }

    /// What the connector of a source is doing.
    pub fn status(&self, relation: RelationId) -> Option<SourceStatus> {
        self.0.get(&relation).map(Running::status)
    }

    /// Takes the connector of a source out; the caller stops it without holding the lock.
    pub fn take(&mut self, relation: RelationId) -> Option<Running> {
        self.0.remove(&relation)
    }

    /// Stops all connectors and waits for them.
    pub fn stop_all(&mut self) {
        for (_, running) in std::mem::take(&mut self.0) {
            running.stop();
        }
    }
}

/// What `kappa-connect` must know of a source.
///
/// # Errors
/// 22023 and 0A000 for options of the format.
pub(super) fn spec(
    relation: RelationId,
    connector: &Connector,
    schema: Schema,
) -> Result<ConnectorSpec, SqlError> {
    let format = Format::from_options(connector.encode.as_deref(), &connector.options)?;
    let options = connector.options.clone();
    Ok(ConnectorSpec { name: connector.name.clone(), options, format, schema, relation })
}

/// The columns of a source that come from outside: those that are not generated.
fn physical_schema(relation: &Relation) -> Schema {
    let columns = relation.schema.columns.iter().zip(&relation.columns);
    let physical = columns.filter(|(_, more)| more.generated.is_none());
    Schema {
        version: relation.schema.version,
        columns: physical.map(|(column, _)| column.clone()).collect(),
    }
}

/// Commits what a connector reads.
struct CommitSink {
    engine: Weak<Engine>,
    relation: RelationId,
    intake: Intake,
    shutdown: Shutdown,
}

impl RowSink for CommitSink {
    fn append(&mut self, batch: SourceBatch) -> Result<(), SqlError> {
        let Some(engine) = self.engine.upgrade() else { return Err(stopping()) };
        let (stored, failed) =
            self.intake.stored_or_failed(&batch.rows, engine.clock.now_micros())?;
        let mut rejects = batch.rejects;
        rejects.extend(failed);
        let mut commit = Commit {
            offsets: batch
                .offsets
                .into_iter()
                .map(|offset| (self.relation, offset.partition, offset.position))
                .collect(),
            ..Commit::default()
        };
        if stored.rows.num_rows() > 0 {
            commit.rows.push(RelationRows {
                relation: self.relation,
                schema_version: self.intake.schema_version(),
                kind: RowKind::Rows,
                rows: stored.rows,
                diffs: None,
                watermark: stored.watermark,
            });
        }
        if !rejects.is_empty() {
            commit.rows.push(reject_rows(self.relation, &rejects)?);
        }
        let time = engine.log.commit(commit).map_err(log_error)?;
        self.wait_for_views(&engine, time)
    }
}

impl CommitSink {
    /// Views that fall behind slow the connector down.
    fn wait_for_views(&self, engine: &Engine, time: Timestamp) -> Result<(), SqlError> {
        let enough = near(time);
        while engine.store.boundary() < enough {
            if self.shutdown.is_requested() {
                return Err(stopping());
            }
            // A timeout is what the loop is for.
            let _ = engine.store.wait_for_boundary_blocking(enough, BEHIND_WAIT);
        }
        Ok(())
    }
}

fn stopping() -> SqlError {
    SqlError::new(SqlState::AdminShutdown, "the server is shutting down")
}

fn reject_rows(relation: RelationId, rejects: &[Reject]) -> Result<RelationRows, SqlError> {
    let schema = reject_schema();
    let text = |part: fn(&Reject) -> &str| {
        Arc::new(StringViewArray::from_iter_values(rejects.iter().map(part)))
    };
    let columns: Vec<arrow::array::ArrayRef> = vec![
        text(|reject| &reject.position),
        text(|reject| &reject.reason),
        text(|reject| &reject.row),
    ];
    let rows = RecordBatch::try_new(schema.arrow(), columns)
        .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))?;
    Ok(RelationRows {
        relation,
        schema_version: schema.version,
        kind: RowKind::Rejects,
        rows,
        diffs: None,
        watermark: None,
    })
}
