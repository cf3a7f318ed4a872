//! [`Reader`]: which table of DataFusion stands for a relation, at one cut and in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use kappa_catalog::{Relation, RelationKind};
use kappa_sql::{RelationSource, ScanTarget};
use kappa_system::SystemContext;
use kappa_types::{DeltaBatch, RelationId, SqlError, SqlState};

use super::contents::{ContentsTable, RowsTable};
use super::history::HistoryTable;
use super::placed::{table_rows, without_place};
use super::read_error;
use crate::engine::{Cut, Engine};
use crate::session::error::arrow_error;
use crate::session::planner::REBUILD_DIFF;
use crate::session::write::multiset::after_changes;
use crate::system;

/// How much larger rows are in memory than in their segments, about.
const UNPACKED_FACTOR: u64 = 10;

/// Reads relations for one statement.
pub(in crate::session) struct Reader {
    pub(in crate::session) engine: Arc<Engine>,
    /// When everything is read.
    pub(in crate::session) cut: Cut,
    /// Tables that are read at their head instead, under locks: those that the statement changes.
    pub(in crate::session) head: Option<RelationId>,
    /// What the transaction has changed itself.
    pub(in crate::session) own: BTreeMap<RelationId, Vec<DeltaBatch>>,
    /// For system relations.
    pub(in crate::session) system: SystemContext,
}

impl Reader {
    /// The table for a scan.
    ///
    /// # Errors
    /// 55000 for a view that is not complete; of the log.
    pub(in crate::session) fn table(
        &self,
        source: &RelationSource,
    ) -> Result<Arc<dyn TableProvider>, SqlError> {
        match &source.target {
            ScanTarget::Relation(relation) => self.relation(relation, source),
            ScanTarget::System { namespace, name } => {
                let batches = self.system_rows(namespace, name)?;
                Ok(Arc::new(RowsTable::new(source.schema.arrow(), batches)))
            }
        }
    }

    /// About how much there is to read for a scan, bytes.
    pub(in crate::session) fn size_bytes(&self, source: &RelationSource) -> u64 {
        let ScanTarget::Relation(relation) = &source.target else { return 0 };
        let Some(current) = self.cut.snapshot.relation(relation.id) else { return 0 };
        let in_memory = match &current.kind {
            RelationKind::MaterializedView { .. } => {
                let contents = self.engine.view_contents(current.version);
                contents.map(|contents| contents.rows.chunk_bytes())
            }
            RelationKind::Table { .. } => {
                self.engine.tables.get(current.id).map(|contents| contents.rows.chunk_bytes())
            }
            RelationKind::Source { .. } => {
                let stored = self.engine.log.statistics(current.id).disk_bytes;
                return stored.saturating_mul(UNPACKED_FACTOR);
            }
            RelationKind::View { .. } => None,
        };
        in_memory.map_or(0, |size_bytes| size_bytes as u64)
    }

    fn relation(
        &self,
        relation: &Arc<Relation>,
        source: &RelationSource,
    ) -> Result<Arc<dyn TableProvider>, SqlError> {
        // The plan may be older than the cut: a REBUILD in between changed the version.
        let current = self.cut.snapshot.relation(relation.id).ok_or_else(|| gone(relation))?;
        match &current.kind {
            RelationKind::Source { .. } => self.source(&current, source),
            RelationKind::Table { .. } if source.has_hidden => {
                let (arrow, own) = (source.arrow(), self.own_changes(current.id));
                let rows = table_rows(&self.engine.log, &current, self.cut.at, arrow, own)?;
                Ok(Arc::new(RowsTable::new(Arc::clone(arrow), rows)))
            }
            RelationKind::Table { .. } => self.rows(&current),
            RelationKind::MaterializedView { .. } => {
                let contents = self.engine.readable(&current.name, current.version, self.cut.at)?;
                let schema = current.schema.clone();
                Ok(Arc::new(ContentsTable::new(contents, self.cut.clone(), schema)))
            }
            RelationKind::View { .. } => Err(SqlError::new(
                SqlState::InternalError,
                format!("view \"{}\" was not replaced by its query", current.name),
            )),
        }
    }

    fn own_changes(&self, relation: RelationId) -> &[DeltaBatch] {
        self.own.get(&relation).map_or(&[][..], Vec::as_slice)
    }

    fn source(
        &self,
        relation: &Relation,
        source: &RelationSource,
    ) -> Result<Arc<dyn TableProvider>, SqlError> {
        let log = self.engine.log.clone();
        let schema =
            if source.has_hidden { Arc::clone(source.arrow()) } else { relation.schema.arrow() };
        let history = HistoryTable::new(log, relation.id, relation.schema.clone(), self.cut.at)
            .with_hidden(Arc::clone(&schema));
        let own = self.own_changes(relation.id);
        if own.is_empty() {
            return Ok(Arc::new(history));
        }
        let added = own.iter().map(|delta| match source.has_hidden {
            true => without_place(&schema, &delta.rows),
            false => Ok(delta.rows.clone()),
        });
        let added = added.collect::<Result<Vec<_>, _>>().map_err(arrow_error)?;
        let added = RowsTable::new(schema, added);
        Ok(Arc::new(super::history::WithOwn::new(history, added)))
    }

    fn rows(&self, relation: &Relation) -> Result<Arc<dyn TableProvider>, SqlError> {
        let contents = self.engine.tables.get(relation.id).ok_or_else(|| gone(relation))?;
        let at = if self.head == Some(relation.id) { kappa_serving::HEAD } else { self.cut.at };
        let batches = contents.rows.scan(at, None, &[]).map_err(read_error)?;
        let schema = relation.schema.arrow();
        let own = self.own_changes(relation.id);
        let batches = after_changes(&schema, batches, own).map_err(arrow_error)?;
        Ok(Arc::new(RowsTable::new(schema, batches)))
    }

    fn system_rows(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Vec<arrow::record_batch::RecordBatch>, SqlError> {
        if let Some(view) = name.strip_prefix(REBUILD_DIFF) {
            return system::rebuild_diff::rows(&self.engine, &self.cut, view);
        }
        if let Some(table) = system::find(name) {
            return Ok(vec![(table.rows)(&self.engine, &self.cut)?]);
        }
        Ok(vec![kappa_system::relation_rows(&self.system, namespace, name)?])
    }
}

fn gone(relation: &Relation) -> SqlError {
    SqlError::new(
        SqlState::UndefinedTable,
        format!("relation \"{}\" does not exist", relation.name),
    )
}
