//! REBUILD from its record to its flip: one task per rebuild, the same after a restart.
//!
//! ```text
//! CreateRebuild --> shadows replay --> all live --+-- apply auto ----> SetVersion…, EndRebuild
//!                     ^ pause/resume              +-- apply manual --> Waiting --APPLY--> the same
//! ```
//! The one idea: where a rebuild stands is in the catalogue (phase) and in the dataflow (progress);
//! this task only watches both and logs the next record when its time has come. The flip itself is
//! that record, see `engine/ddl.rs`.
//!
//! Does not bind the new definition; that is done before the first record.

use std::sync::Arc;
use std::time::Duration;

use kappa_catalog::{DdlRecord, Edit, Rebuild, RebuildPhase, RelationKind, Snapshot};
use kappa_dataflow::{Phase, Progress};
use kappa_log::fault_point;
use kappa_types::{RebuildId, SqlError, SqlState};
use tokio::sync::OwnedMutexGuard;

use super::reading::is_coming;
use crate::engine::{Change, Engine};

/// How often the progress of the shadows is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Watches every rebuild that was under way when the server stopped.
pub fn resume_all(engine: &Arc<Engine>, snapshot: &Snapshot) {
    for rebuild in snapshot.rebuilds_active() {
        spawn(engine, rebuild.id);
    }
}

/// Watches a rebuild until it has ended or waits for APPLY.
pub fn spawn(engine: &Arc<Engine>, id: RebuildId) {
    // A weak handle: a rebuild under way must not keep a stopped engine open.
    let weak = Arc::downgrade(engine);
    engine.tasks.spawn(async move {
        let mut interval = tokio::time::interval(LOOK_INTERVAL);
        loop {
            interval.tick().await;
            let Some(engine) = weak.upgrade() else { return };
            match look(&engine, id).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(rebuild = id.0, %error, "rebuild cannot go on");
                    return;
                }
            }
        }
    });
}

/// One look; whether to look again.
async fn look(engine: &Arc<Engine>, id: RebuildId) -> Result<bool, SqlError> {
    let snapshot = engine.catalog.snapshot();
    let Some(rebuild) = snapshot.rebuild(id) else { return Ok(false) };
    match rebuild.phase {
        RebuildPhase::Running => {}
        RebuildPhase::Paused => return Ok(true),
        _ => return Ok(false),
    }
    let shadows = progress(engine, rebuild);
    let failed = shadows.iter().find_map(|progress| match &progress.phase {
        Phase::Failed(reason) => Some(reason.clone()),
        _ => None,
    });
    if let Some(reason) = failed {
        end(engine, id, RebuildPhase::Failed { reason }).await?;
        return Ok(false);
    }
    let newest = engine.store.boundary();
    let ready = |progress: &Progress| progress.live_from.is_some_and(|from| from <= newest);
    let materialized = rebuild
        .definitions
        .iter()
        .filter(|definition| matches!(definition.kind, RelationKind::MaterializedView { .. }));
    if shadows.len() < materialized.count() || !shadows.iter().all(ready) {
        return Ok(true);
    }
    if rebuild.options.apply_manual {
        update(engine, id, RebuildPhase::Waiting).await?;
    } else {
        apply(engine, id).await?;
    }
    Ok(false)
}

/// Where the shadows of a rebuild stand.
#[must_use]
pub fn progress(engine: &Engine, rebuild: &Rebuild) -> Vec<Progress> {
    let versions = rebuild.definitions.iter().map(|definition| definition.version);
    versions.filter_map(|version| engine.progress(version)).collect()
}

/// The flip: the new definitions take effect at the time of one record.
///
/// # Errors
/// If the rebuild has ended meanwhile, or what it was bound to has changed (the rebuild goes on).
pub async fn apply(engine: &Arc<Engine>, id: RebuildId) -> Result<(), SqlError> {
    let mut interval = tokio::time::interval(LOOK_INTERVAL);
    let (ddl, snapshot) = loop {
        interval.tick().await;
        let ddl = Arc::clone(&engine.ddl).lock_owned().await;
        let snapshot = engine.catalog.snapshot();
        if !replaces_what_is_coming(engine, &snapshot, active(&snapshot, id)?) {
            break (ddl, snapshot);
        }
    };
    let rebuild = active(&snapshot, id)?;
    let mut edits: Vec<Edit> = rebuild
        .definitions
        .iter()
        .map(|definition| Edit::SetVersion(Box::new(definition.clone())))
        .collect();
    edits.push(Edit::EndRebuild { rebuild: id, outcome: RebuildPhase::Applied });
    fault_point("rebuild.ready");
    change(engine, ddl, rebuild, edits).await?;
    fault_point("rebuild.flipped");
    Ok(())
}

/// Whether a view that a rebuild replaces, or one above it, is still being made: after a start they come
/// back beside the shadows. The flip feeds the views above the difference of old and new, so it needs
/// them all.
fn replaces_what_is_coming(engine: &Engine, snapshot: &Snapshot, rebuild: &Rebuild) -> bool {
    let replaced = rebuild.definitions.iter().map(|definition| definition.relation);
    let mut touched =
        replaced.flat_map(|id| std::iter::once(id).chain(snapshot.dependents_transitive(id)));
    touched.any(|id| snapshot.relation(id).is_some_and(|view| is_coming(engine, view.version)))
}

/// Ends a rebuild without a flip.
///
/// # Errors
/// If it has ended already.
pub async fn end(
    engine: &Arc<Engine>,
    id: RebuildId,
    outcome: RebuildPhase,
) -> Result<(), SqlError> {
    let ddl = Arc::clone(&engine.ddl).lock_owned().await;
    let snapshot = engine.catalog.snapshot();
    let rebuild = active(&snapshot, id)?;
    change(engine, ddl, rebuild, vec![Edit::EndRebuild { rebuild: id, outcome }]).await
}

/// Sets the phase of a rebuild that goes on.
///
/// # Errors
/// If it has ended, or the phase does not follow from the one it is in.
pub async fn update(
    engine: &Arc<Engine>,
    id: RebuildId,
    phase: RebuildPhase,
) -> Result<(), SqlError> {
    let ddl = Arc::clone(&engine.ddl).lock_owned().await;
    let snapshot = engine.catalog.snapshot();
    let rebuild = active(&snapshot, id)?;
    change(engine, ddl, rebuild, vec![Edit::UpdateRebuild { rebuild: id, phase }]).await
}

fn active(snapshot: &Snapshot, id: RebuildId) -> Result<&Rebuild, SqlError> {
    let rebuild = snapshot.rebuild(id).filter(|rebuild| !rebuild.phase.is_ended());
    rebuild.map(AsRef::as_ref).ok_or_else(|| {
        SqlError::new(SqlState::ObjectNotInPrerequisiteState, format!("rebuild {id} has ended"))
    })
}

async fn change(
    engine: &Arc<Engine>,
    ddl: OwnedMutexGuard<()>,
    rebuild: &Rebuild,
    edits: Vec<Edit>,
) -> Result<(), SqlError> {
    let record = DdlRecord { text: rebuild.text.clone(), edits, ..DdlRecord::default() };
    engine.change(ddl, Change { record, ..Change::default() }).await.map(|_| ())
}
