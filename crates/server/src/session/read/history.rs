//! [`HistoryTable`]: the history of a source as a table of DataFusion, straight from the log.
//!
//! The one idea: the same parts that a replay reads are scanned here, projected and pruned, each by
//! a thread of the blocking pool into a bounded channel. Nothing is held in memory but batches in
//! flight.
//!
//! Does not consolidate: sources are append-only. Tables are read from their contents.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use kappa_log::{Log, Part, RowKind, Scan};
use kappa_types::{ColumnId, RelationId, Schema, Timestamp};

use super::contents::RowsTable;
use super::placed::wanted;
use super::range::ranges_of;

/// Rows of a batch: large enough that the cost of a batch vanishes, small enough for caches.
const BATCH_ROW_COUNT_MAX: usize = 8_192;

/// Batches that a reader may be ahead of the query.
const BATCHES_AHEAD_MAX: usize = 4;

/// A source, read up to one time.
#[derive(Debug)]
pub(super) struct HistoryTable {
    log: Log,
    relation: RelationId,
    kind: RowKind,
    schema: Schema,
    /// The columns of `schema`, and the hidden ones if they are wanted.
    arrow: SchemaRef,
    until: Timestamp,
}

impl HistoryTable {
    /// All rows of `relation` committed up to and including `until`.
    #[must_use]
    pub(super) fn new(log: Log, relation: RelationId, schema: Schema, until: Timestamp) -> Self {
        let arrow = schema.arrow();
        Self { log, relation, kind: RowKind::Rows, schema, arrow, until }
    }

    /// The same with the hidden columns, which follow the others in `arrow`.
    #[must_use]
    pub(super) fn with_hidden(self, arrow: SchemaRef) -> Self {
        Self { arrow, ..self }
    }

    fn parts(&self, projection: &[usize], filters: &[Expr]) -> Result<Vec<Part>> {
        let columns: Vec<ColumnId> = projection
            .iter()
            .filter_map(|index| Some(self.schema.columns.get(*index)?.id))
            .collect();
        let scan = Scan {
            relation: self.relation,
            kind: self.kind,
            columns,
            schema: self.schema.clone(),
            after: Timestamp::MIN,
            until: self.until,
            ranges: ranges_of(filters, &self.schema),
            batch_row_count_max: BATCH_ROW_COUNT_MAX,
        };
        self.log.scan(&scan).map_err(|error| DataFusionError::External(Box::new(error)))
    }
}

#[async_trait]
impl TableProvider for HistoryTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.arrow)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // Filters prune segments and row groups; the rows that come are filtered again above.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.arrow.fields().len()).collect();
        let projection = projection.unwrap_or(&all);
        let parts = self.parts(projection, filters)?;
        let projected = Arc::new(self.arrow.project(projection)?);
        let partition_count = state.config().target_partitions().clamp(1, parts.len().max(1));
        let partitions = divide(parts, partition_count)
            .into_iter()
            .map(|parts| {
                let schema = Arc::clone(&projected);
                let (projection, visible) = (projection.clone(), self.schema.columns.len());
                Arc::new(HistoryPartition { parts, schema, projection, visible })
                    as Arc<dyn PartitionStream>
            })
            .collect();
        let plan = StreamingTableExec::try_new(projected, partitions, None, [], false, limit)?;
        Ok(Arc::new(plan))
    }
}

/// Divides parts into runs of about the same number of rows, keeping their order.
fn divide(parts: Vec<Part>, count: usize) -> Vec<Vec<Part>> {
    let total: u64 = parts.iter().map(|part| part.row_count).sum();
    let share = total.div_ceil(count as u64).max(1);
    let mut runs = vec![Vec::new()];
    let mut row_count = 0;
    for part in parts {
        if row_count >= share && runs.len() < count {
            runs.push(Vec::new());
            row_count = 0;
        }
        row_count += part.row_count;
        runs.last_mut().expect("there is always a run").push(part);
    }
    runs
}

/// Some parts, read one after another.
#[derive(Debug)]
struct HistoryPartition {
    parts: Vec<Part>,
    schema: SchemaRef,
    /// The columns wanted …
    projection: Vec<usize>,
    /// … of which those from here on are hidden.
    visible: usize,
}

impl PartitionStream for HistoryPartition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder =
            RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), BATCHES_AHEAD_MAX);
        let batches = builder.tx();
        let parts = self.parts.clone();
        let schema = Arc::clone(&self.schema);
        let (projection, visible) = (self.projection.clone(), self.visible);
        builder.spawn_blocking(move || {
            for part in parts {
                let reader =
                    part.open().map_err(|error| DataFusionError::External(Box::new(error)))?;
                for batch in reader {
                    let batch = batch
                        .map_err(|error| DataFusionError::External(Box::new(error)))
                        .and_then(|batch| {
                            let columns = wanted(&batch, &projection, visible);
                            with_schema(columns, batch.rows.num_rows(), &schema)
                        });
                    // The receiver is gone when the query was cancelled or has its LIMIT.
                    if batches.blocking_send(batch).is_err() {
                        return Ok(());
                    }
                }
            }
            Ok(())
        });
        builder.build()
    }
}

/// The columns under exactly the schema that the plan expects (names and metadata).
fn with_schema(
    columns: Vec<ArrayRef>,
    row_count: usize,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(row_count));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// A source's history, and the rows that the transaction has added to it itself.
#[derive(Debug)]
pub(super) struct WithOwn {
    history: HistoryTable,
    own: RowsTable,
}

impl WithOwn {
    /// Both, one after the other.
    #[must_use]
    pub(super) const fn new(history: HistoryTable, own: RowsTable) -> Self {
        Self { history, own }
    }
}

#[async_trait]
impl TableProvider for WithOwn {
    fn schema(&self) -> SchemaRef {
        self.history.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let history = self.history.scan(state, projection, filters, None).await?;
        let own = self.own.scan(state, projection, filters, None).await?;
        UnionExec::try_new(vec![history, own])
    }
}
