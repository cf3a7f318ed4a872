//! [`Store`]: the contents of all versions of all views and tables, and the times they can be read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use kappa_types::{Timestamp, VersionId};
use parking_lot::RwLock;

use crate::{Contents, ContentsOptions, Error, Horizon, Pin, TableContents};

/// All contents. Handles are shared; a reader that has one keeps it through a `remove`.
#[derive(Debug, Default)]
pub struct Store {
    horizon: Arc<Horizon>,
    views: RwLock<BTreeMap<VersionId, Arc<ViewContents>>>,
    tables: RwLock<BTreeMap<VersionId, Arc<TableContents>>>,
}

/// What one version of a materialized view shows.
#[derive(Debug)]
pub struct ViewContents {
    /// Which version.
    pub version: VersionId,
    /// The rows of the view.
    pub rows: Contents,
    /// Rows that could not be evaluated.
    pub errors: Contents,
    /// Changes to windows that were closed.
    pub late: Contents,
    /// Rows that the view's operators have read. Counted by dataflow.
    pub rows_in: AtomicU64,
    /// Changes that the view has put out. Counted by dataflow.
    pub rows_out: AtomicU64,
}

/// What [`Store::create`] must know of a view.
#[derive(Clone, Debug)]
pub struct ViewOptions {
    /// Columns of the view.
    pub rows: SchemaRef,
    /// Columns of its errors.
    pub errors: SchemaRef,
    /// Columns of its late rows.
    pub late: SchemaRef,
    /// Positions in `rows` that no two rows at one time agree on.
    pub key: Option<Vec<usize>>,
    /// How many writers there are; each has a shard.
    pub shard_count: usize,
}

impl Store {
    /// Makes empty contents for a version, in place of those it had.
    pub fn create(&self, version: VersionId, options: &ViewOptions) -> Arc<ViewContents> {
        let part = |schema: &SchemaRef, key: Option<Vec<usize>>| {
            let options =
                ContentsOptions { key, ..ContentsOptions::new(schema, options.shard_count) };
            Contents::new(options, Arc::clone(&self.horizon))
        };
        let contents = Arc::new(ViewContents {
            version,
            rows: part(&options.rows, options.key.clone()),
            errors: part(&options.errors, None),
            late: part(&options.late, None),
            rows_in: AtomicU64::new(0),
            rows_out: AtomicU64::new(0),
        });
        self.views.write().insert(version, Arc::clone(&contents));
        contents
    }

    /// The contents of a version of a view.
    #[must_use]
    pub fn get(&self, version: VersionId) -> Option<Arc<ViewContents>> {
        self.views.read().get(&version).cloned()
    }

    /// All contents of views.
    #[must_use]
    pub fn views(&self) -> Vec<Arc<ViewContents>> {
        self.views.read().values().cloned().collect()
    }

    /// Forgets the contents of a version, of a view or a table. Readers that have them keep them.
    pub fn remove(&self, version: VersionId) {
        self.views.write().remove(&version);
        self.tables.write().remove(&version);
    }

    /// Makes empty contents for a version of a table, in place of those it had.
    pub fn create_table(
        &self,
        version: VersionId,
        schema: &SchemaRef,
        key: Option<Vec<usize>>,
    ) -> Arc<TableContents> {
        let contents =
            Arc::new(TableContents::new(version, schema, key, Arc::clone(&self.horizon)));
        self.tables.write().insert(version, Arc::clone(&contents));
        contents
    }

    /// The contents of a version of a table.
    #[must_use]
    pub fn table(&self, version: VersionId) -> Option<Arc<TableContents>> {
        self.tables.read().get(&version).cloned()
    }

    /// The readable times.
    #[must_use]
    pub const fn horizon(&self) -> &Arc<Horizon> {
        &self.horizon
    }

    /// Makes `boundary` readable: all changes up to it are applied, in all contents that are read.
    pub fn publish(&self, boundary: Timestamp) {
        self.horizon.publish(boundary);
    }

    /// The newest readable time.
    #[must_use]
    pub fn boundary(&self) -> Timestamp {
        self.horizon.boundary()
    }

    /// Waits for a boundary at or after `at_least` and holds the newest.
    ///
    /// # Errors
    /// [`Error::BoundaryTimeout`].
    pub async fn wait_for_boundary(
        &self,
        at_least: Timestamp,
        timeout: Duration,
    ) -> Result<Pin, Error> {
        self.horizon.wait(at_least, timeout).await
    }

    /// As [`Store::wait_for_boundary`], for a thread that may block.
    ///
    /// # Errors
    /// [`Error::BoundaryTimeout`].
    pub fn wait_for_boundary_blocking(
        &self,
        at_least: Timestamp,
        timeout: Duration,
    ) -> Result<Pin, Error> {
        self.horizon.wait_blocking(at_least, timeout)
    }
}
