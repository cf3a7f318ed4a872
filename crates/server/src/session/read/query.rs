//! A bound query into a stream of rows.
//!
//! The one idea: the plan was made and optimized without data, once for all runs of a statement; here
//! each scan gets the table that stands for its relation at the cut, DataFusion plans and runs it, and
//! every batch comes out in the types that the client was told.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use futures::{StreamExt, TryStreamExt};
use kappa_sql::{BoundQuery, RelationSource};
use kappa_types::{SqlError, SqlType};
use kappa_wire::RowStream;

use super::Reader;
use super::batch::{self, Batch};
use crate::session::error::{arrow_error, query_error};

/// The rows of a query.
///
/// # Errors
/// Of planning; errors of single rows come out of the stream.
pub(in crate::session) async fn stream(
    batch: &Batch,
    reader: &Reader,
    query: &BoundQuery,
    parameters: &[ArrayRef],
) -> Result<RowStream, SqlError> {
    let types: Vec<SqlType> = query.columns.iter().map(|(_, sql_type)| sql_type.clone()).collect();
    let schema = output_schema(query);
    if let Some(rows) = query.constant_rows(parameters) {
        let rows = rows.map_err(query_error).and_then(|rows| in_types(&rows, &types, &schema));
        return Ok(futures::stream::iter([rows]).boxed());
    }
    let plan = query.optimized(parameters, |plan| batch.state.optimize(plan));
    let plan = plan.map_err(query_error)?;
    let batch = if is_small(&plan, reader) { batch::ordered() } else { batch };
    let plan = with_tables(plan, reader)?;
    let planner = batch.state.query_planner();
    let physical = planner.create_physical_plan(&plan, &batch.state).await.map_err(query_error)?;
    let rows = execute_stream(physical, Arc::clone(&batch.task)).map_err(query_error)?;
    // The pin keeps the cut readable as long as rows are taken.
    let pin = reader.cut.pin.clone();
    let rows = rows.map(move |batch| {
        let _pin = &pin;
        batch.map_err(query_error).and_then(|batch| in_types(&batch, &types, &schema))
    });
    Ok(rows.boxed())
}

/// Relations of at most so many bytes together are read in one partition, which needs no tasks that
/// hand rows around and collect them again.
const SMALL_SIZE_BYTES_MAX: u64 = 16 << 20;

/// Whether one partition is enough for a plan. A join may make much of little.
fn is_small(plan: &LogicalPlan, reader: &Reader) -> bool {
    let mut size_bytes = 0;
    let mut joins = false;
    let walked = plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::Join(_) => joins = true,
            LogicalPlan::TableScan(scan) => {
                let source = scan.source.downcast_ref::<RelationSource>();
                size_bytes += source.map_or(0, |source| reader.size_bytes(source));
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walked.is_ok() && !joins && size_bytes <= SMALL_SIZE_BYTES_MAX
}

/// All rows of a query.
///
/// # Errors
/// Of planning and of any row.
pub(in crate::session) async fn collect(
    batch: &Batch,
    reader: &Reader,
    query: &BoundQuery,
    parameters: &[ArrayRef],
) -> Result<Vec<RecordBatch>, SqlError> {
    stream(batch, reader, query, parameters).await?.try_collect().await
}

/// The plan with a table for each scan.
pub(in crate::session) fn with_tables(
    plan: LogicalPlan,
    reader: &Reader,
) -> Result<LogicalPlan, SqlError> {
    let replaced = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::TableScan(mut scan) => {
            let source: Option<&RelationSource> = scan.source.downcast_ref();
            let Some(source) = source else {
                return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
            };
            let table =
                reader.table(source).map_err(|error| DataFusionError::External(Box::new(error)))?;
            scan.source = provider_as_source(table);
            Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
        }
        other => Ok(Transformed::no(other)),
    });
    replaced.map(|plan| plan.data).map_err(query_error)
}

fn output_schema(query: &BoundQuery) -> SchemaRef {
    let fields = query.columns.iter().map(|(name, sql_type)| sql_type.field(name, true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The batch in exactly these types: kernels may give Utf8 where the type is Utf8View, and the like.
fn in_types(
    batch: &RecordBatch,
    types: &[SqlType],
    schema: &SchemaRef,
) -> Result<RecordBatch, SqlError> {
    let columns = batch
        .columns()
        .iter()
        .zip(types)
        .map(|(column, sql_type)| {
            let wanted = sql_type.arrow();
            if wanted.equals_datatype(column.data_type()) {
                Ok(Arc::clone(column))
            } else {
                cast(column, &wanted)
            }
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(arrow_error)?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(arrow_error)
}
