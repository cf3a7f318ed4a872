//! When a statement reads: its cut, and waiting for views that are still being made.
//!
//! The one idea: after a start, views come back beside the first statements. Who reads one waits for
//! it as for any boundary, up to `kappa.read_wait`; then it answers 55000 with its progress. A
//! transaction that reads all its statements at one boundary waits for all views that were there
//! before, since no later statement can move its boundary to where a view came back.

use std::sync::Arc;
use std::time::Duration;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::LogicalPlan;
use kappa_dataflow::Phase;
use kappa_sql::{Bound, BoundQuery, RelationSource, ScanTarget, Statement};
use kappa_types::{SqlError, Timestamp, VersionId};

use super::Session;
use super::execute::materialized_views;
use super::prepared::{Prepared, StatementBody};
use super::session::READ_WAIT_MAX;
use super::transaction::Isolation;
use crate::engine::{Cut, Engine, materialized_versions};
use crate::system;

/// How often a view that is waited for is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);

impl Session {
    /// The cut of a statement, and the statement as bound at it. Views in it are complete there, if
    /// that comes in time.
    pub(super) async fn cut_and_bound(
        &mut self,
        prepared: &Prepared,
        body: &StatementBody,
        is_described: bool,
    ) -> Result<(Cut, Arc<Bound>), SqlError> {
        let may_write = matches!(body.statement, Statement::Insert(_) | Statement::Copy(_));
        if may_write && !self.reads_at_one_boundary() {
            let cut = self.engine.newest_cut(self.read_wait()).await?;
            let bound = self.bound_to(prepared, body, &cut.snapshot, is_described)?;
            if reads_nothing(&bound) {
                self.engine.keep_pace().await;
                return Ok((cut, bound));
            }
        }
        let is_fixed = self.transaction.as_ref().is_some_and(|open| open.cut.is_some());
        let cut = self.cut().await?;
        let bound = self.bound_to(prepared, body, &cut.snapshot, is_described)?;
        let mut coming = coming_views(&self.engine, &bound);
        if self.reads_at_one_boundary() {
            let returning = self.engine.returning.iter().copied();
            coming.extend(returning.filter(|version| is_coming(&self.engine, *version)));
        }
        if is_fixed || coming.is_empty() || self.parameter("kappa.read") == "available" {
            return Ok((cut, bound));
        }
        drop(cut);
        let wait = self.read_wait();
        let engine = Arc::clone(&self.engine);
        let come = async {
            let mut looks = tokio::time::interval(LOOK_INTERVAL);
            while coming.iter().any(|version| is_coming(&engine, *version)) {
                looks.tick().await;
            }
        };
        // A view that takes longer says so itself when it is read.
        let _ = tokio::time::timeout(wait, come).await;
        if let Some(open) = &mut self.transaction {
            open.cut = None;
        }
        let cut = self.cut().await?;
        let bound = self.bound_to(prepared, body, &cut.snapshot, is_described)?;
        Ok((cut, bound))
    }

    /// Whether all statements of the transaction read at the boundary of its first.
    fn reads_at_one_boundary(&self) -> bool {
        self.transaction.as_ref().is_some_and(|open| open.isolation == Isolation::Snapshot)
    }

    /// The time that all statements of the transaction read, if there is one.
    pub(super) fn one_cut(&self) -> Option<Timestamp> {
        let open = self.transaction.as_ref()?;
        (open.isolation == Isolation::Snapshot).then_some(open.cut.as_ref()?.at)
    }

    /// Longest wait of a read for its boundary.
    pub(super) fn read_wait(&self) -> Duration {
        self.duration("kappa.read_wait").unwrap_or(READ_WAIT_MAX)
    }
}

/// Whether a statement writes rows that it was given and reads none that are stored, so that it has
/// nothing to wait for.
fn reads_nothing(bound: &Bound) -> bool {
    match bound {
        Bound::Insert(insert) => !scans(&insert.rows),
        Bound::CopyIn(_) => true,
        _ => false,
    }
}

/// Whether a query reads a relation or a system table.
fn scans(query: &BoundQuery) -> bool {
    let mut scans = false;
    let walked = query.logical.apply_with_subqueries(|node| {
        scans |= matches!(node, LogicalPlan::TableScan(_));
        Ok(if scans { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    walked.expect("looking at a plan cannot fail");
    scans
}

/// The views that a statement reads and that are not complete yet.
fn coming_views(engine: &Engine, bound: &Bound) -> Vec<VersionId> {
    let Some(query) = query_of(bound) else { return Vec::new() };
    let views: Vec<VersionId> = if asks_of_all_views(query) {
        materialized_versions(&engine.catalog.snapshot())
    } else {
        materialized_views(query).into_iter().map(|view| view.version).collect()
    };
    views.into_iter().filter(|version| is_coming(engine, *version)).collect()
}

/// Whether a query reads a system table whose rows come out of views.
fn asks_of_all_views(query: &BoundQuery) -> bool {
    let asked = query.logical.exists(|node| {
        let LogicalPlan::TableScan(scan) = node else { return Ok(false) };
        let source = scan.source.downcast_ref::<RelationSource>();
        Ok(source.is_some_and(|source| match &source.target {
            ScanTarget::System { name, .. } => {
                system::find(name).is_some_and(|table| table.waits_for_views)
            }
            ScanTarget::Relation(_) => false,
        }))
    });
    asked.unwrap_or(false)
}

/// Whether a version is being made and will be readable.
pub(super) fn is_coming(engine: &Engine, version: VersionId) -> bool {
    engine.progress(version).is_some_and(|progress| {
        matches!(progress.phase, Phase::Hydrating | Phase::CatchingUp)
            || progress.live_from.is_some_and(|from| from > engine.store.boundary())
    })
}

fn query_of(bound: &Bound) -> Option<&BoundQuery> {
    match bound {
        Bound::Query(query) => Some(query),
        Bound::Insert(insert) => Some(&insert.rows),
        Bound::Update(update) => Some(&update.rows),
        Bound::Delete(delete) => Some(&delete.rows),
        Bound::CopyOut(copy) => Some(&copy.query),
        _ => None,
    }
}
