//! [`ContentsTable`] and [`RowsTable`]: contents at a cut, and plain rows, as tables of DataFusion.
//!
//! The one idea: contents hand out Arrow batches without copying; a scan is those batches, projected
//! and pruned by the ranges that the filters imply. The cut's pin keeps them readable.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use kappa_serving::{Range, ViewContents};
use kappa_types::Schema;

use super::range::ranges_of;
use crate::engine::Cut;

/// A materialized view at a cut.
#[derive(Debug)]
pub(super) struct ContentsTable {
    contents: Arc<ViewContents>,
    cut: Cut,
    schema: Schema,
    arrow: SchemaRef,
}

impl ContentsTable {
    /// The contents of one version.
    #[must_use]
    pub(super) fn new(contents: Arc<ViewContents>, cut: Cut, schema: Schema) -> Self {
        let arrow = schema.arrow();
        Self { contents, cut, schema, arrow }
    }

    fn ranges(&self, filters: &[Expr]) -> Vec<Range> {
        ranges_of(filters, &self.schema)
            .into_iter()
            .filter_map(|(id, min, max)| {
                let column = self.schema.columns.iter().position(|column| column.id == id)?;
                Some(Range { column, min, max })
            })
            .collect()
    }
}

#[async_trait]
impl TableProvider for ContentsTable {
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
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let ranges = self.ranges(filters);
        let batches = self
            .contents
            .rows
            .scan(self.cut.at, projection.map(Vec::as_slice), &ranges)
            .map_err(|error| DataFusionError::External(Box::new(super::read_error(error))))?;
        memory(state, &self.arrow, projection, batches)
    }
}

/// Rows that are at hand: tables with a transaction's own changes, system relations.
#[derive(Debug)]
pub(super) struct RowsTable {
    arrow: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl RowsTable {
    /// Rows of one schema.
    #[must_use]
    pub(super) const fn new(arrow: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        Self { arrow, batches }
    }
}

#[async_trait]
impl TableProvider for RowsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.arrow)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projected = self.batches.iter().map(|batch| match projection {
            Some(projection) => batch.project(projection),
            None => Ok(batch.clone()),
        });
        let batches = projected.collect::<Result<Vec<_>, _>>()?;
        memory(state, &self.arrow, projection, batches)
    }
}

/// A scan of batches that are projected already, divided over the session's partitions.
fn memory(
    state: &dyn Session,
    schema: &SchemaRef,
    projection: Option<&Vec<usize>>,
    batches: Vec<RecordBatch>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = match projection {
        Some(projection) => Arc::new(schema.project(projection)?),
        None => Arc::clone(schema),
    };
    let partition_count = state.config().target_partitions().clamp(1, batches.len().max(1));
    let mut partitions: Vec<Vec<RecordBatch>> = vec![Vec::new(); partition_count];
    for (index, batch) in batches.into_iter().enumerate() {
        // Contents and plan agree on types; names and metadata are the plan's.
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = batch.columns().to_vec();
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?;
        partitions[index % partition_count].push(batch);
    }
    let plan: Arc<dyn ExecutionPlan> = MemorySourceConfig::try_new_exec(&partitions, schema, None)?;
    Ok(plan)
}
