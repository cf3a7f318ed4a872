//! [`Retired`]: contents of versions that the catalogue has let go, for cuts from before.
//!
//! ```text
//! ddl record: keep --> logged, flip at T, versions removed --> gone_at T --> nobody reads before T: let go
//! ```
//! The one idea: a cut names versions of its own catalogue, so what it names must stay readable as
//! long as its pin holds; a REBUILD or DROP in between takes nothing away from it. Price: the rows of
//! an old version stay in memory as long as a reader from before its end holds its time, at most
//! [`kappa_serving::PIN_AGE_MICROS_MAX`] of log time.
//!
//! Does not keep operators: nothing is written to a version any more once it has gone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kappa_catalog::{Edit, RebuildPhase, RelationKind, Snapshot};
use kappa_dataflow::Progress;
use kappa_serving::ViewContents;
use kappa_types::{Timestamp, VersionId};
use parking_lot::Mutex;

use super::Engine;

/// How often it is looked whether somebody still reads what is kept.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// A version that is going or gone.
#[derive(Clone, Debug)]
pub struct RetiredVersion {
    /// What it showed.
    pub contents: Arc<ViewContents>,
    /// Where it stood when it was about to go.
    pub progress: Progress,
    /// The first time at which the catalogue does not name it; unknown until it is logged.
    gone_at: Option<Timestamp>,
}

/// Versions that are going or gone, and that somebody may still read.
#[derive(Debug, Default)]
pub struct Retired(Mutex<BTreeMap<VersionId, RetiredVersion>>);

impl Retired {
    /// A version that is kept.
    #[must_use]
    pub fn get(&self, version: VersionId) -> Option<RetiredVersion> {
        self.0.lock().get(&version).cloned()
    }

    /// Whether nothing is kept.
    fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// What was kept for a change that has happened at `gone_at`.
    fn settle(&self, versions: &[VersionId], gone_at: Timestamp) {
        let mut kept = self.0.lock();
        for version in versions {
            if let Some(retired) = kept.get_mut(version) {
                retired.gone_at = Some(gone_at);
            }
        }
    }

    /// What was kept for a change that has not happened.
    fn forget(&self, versions: &[VersionId]) {
        self.0.lock().retain(|version, _| !versions.contains(version));
    }

    /// Lets go of what no readable time shows.
    fn let_go(&self, oldest: Timestamp) {
        let is_readable =
            |retired: &RetiredVersion| retired.gone_at.is_none_or(|gone_at| oldest < gone_at);
        self.0.lock().retain(|_, retired| is_readable(retired));
    }
}

impl Engine {
    /// Keeps the versions that a record is about to end; their numbers. The catalogue's lock is held.
    pub(super) fn retire(&self, edits: &[Edit]) -> Vec<VersionId> {
        let versions = ended_versions(&self.catalog.snapshot(), edits);
        let mut kept = self.retired.0.lock();
        for version in &versions {
            // Who has shown nothing yet has no readers either.
            if let (Some(contents), Some(progress)) =
                (self.store.get(*version), self.progress(*version))
                && progress.live_from.is_some()
            {
                kept.insert(*version, RetiredVersion { contents, progress, gone_at: None });
            }
        }
        versions
    }

    /// Keeps them for those who read times before `gone_at`; for nobody if nothing has happened.
    pub(super) fn end_retiring(
        self: &Arc<Self>,
        versions: &[VersionId],
        gone_at: Option<Timestamp>,
    ) {
        let Some(gone_at) = gone_at else { return self.retired.forget(versions) };
        self.retired.settle(versions, gone_at);
        if !versions.is_empty() {
            self.let_go_of_retired();
        }
    }

    /// Looks until nothing is kept any more.
    fn let_go_of_retired(self: &Arc<Self>) {
        // A weak handle: what is kept for a reader must not keep a stopped engine open.
        let weak = Arc::downgrade(self);
        self.tasks.spawn(async move {
            let mut looks = tokio::time::interval(LOOK_INTERVAL);
            loop {
                looks.tick().await;
                let Some(engine) = weak.upgrade() else { return };
                engine.retired.let_go(engine.store.horizon().oldest());
                if engine.retired.is_empty() {
                    return;
                }
            }
        });
    }

    /// Where a version of a view stands, or stood while the catalogue named it.
    #[must_use]
    pub fn view_progress(&self, version: VersionId) -> Option<Progress> {
        let present = self.progress(version);
        present.or_else(|| self.retired.get(version).map(|retired| retired.progress))
    }

    /// What a version of a view shows, or showed while the catalogue named it.
    #[must_use]
    pub fn view_contents(&self, version: VersionId) -> Option<Arc<ViewContents>> {
        // In this order: what leaves the store has been kept before.
        let present = self.store.get(version);
        present.or_else(|| self.retired.get(version).map(|retired| retired.contents))
    }
}

/// The versions with contents that edits end.
fn ended_versions(snapshot: &Snapshot, edits: &[Edit]) -> Vec<VersionId> {
    let mut ended = Vec::new();
    for edit in edits {
        match edit {
            Edit::DropRelation(id) => {
                ended.extend(snapshot.relation(*id).map(|relation| relation.version));
            }
            Edit::EndRebuild { rebuild, outcome } => {
                let Some(rebuild) = snapshot.rebuild(*rebuild) else { continue };
                let is_kept =
                    |kind: &RelationKind| matches!(kind, RelationKind::MaterializedView { .. });
                let definitions = rebuild.definitions.iter().filter(|new| is_kept(&new.kind));
                let applied = *outcome == RebuildPhase::Applied;
                ended.extend(definitions.filter_map(|new| match applied {
                    true => Some(snapshot.relation(new.relation)?.version),
                    false => Some(new.version),
                }));
            }
            _ => {}
        }
    }
    ended
}
