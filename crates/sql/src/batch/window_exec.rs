//! [`WindowExec`]: puts rows into windows.
//!
//! Each row comes once for every window that holds its time, the newest window first; a row without
//! a time, or whose window cannot be represented, comes not at all.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveBuilder, RecordBatch, UInt32Builder};
use arrow::compute::take;
use arrow::datatypes::{Field, Schema, SchemaRef, TimestampMicrosecondType};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::{Stream, StreamExt};
use kappa_plan::Window;

use crate::window_node::{WINDOW_END, WINDOW_START};

/// Puts rows into windows.
#[derive(Debug)]
pub(super) struct WindowExec {
    input: Arc<dyn ExecutionPlan>,
    time: usize,
    window: Window,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl WindowExec {
    /// Windows over column `time` of `input`.
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, time: usize, window: Window) -> Self {
        let input_schema = input.schema();
        let time_type = input_schema.field(time).data_type().clone();
        let mut fields: Vec<_> = input_schema.fields().iter().cloned().collect();
        for name in [WINDOW_START, WINDOW_END] {
            fields.push(Arc::new(Field::new(name, time_type.clone(), true)));
        }
        let metadata = input_schema.metadata().clone();
        let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            input.output_partitioning().clone(),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Self { input, time, window, schema, properties: Arc::new(properties) }
    }
}

impl DisplayAs for WindowExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WindowExec: {} of {}", self.window, self.input.schema().field(self.time).name())
    }
}

impl ExecutionPlan for WindowExec {
    fn name(&self) -> &str {
        "WindowExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match children.pop() {
            Some(input) if children.is_empty() => {
                Ok(Arc::new(Self::new(input, self.time, self.window)))
            }
            _ => internal_err!("a window has one input"),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let schema = Arc::clone(&self.schema);
        Ok(Box::pin(WindowStream { input, time: self.time, window: self.window, schema }))
    }
}

struct WindowStream {
    input: SendableRecordBatchStream,
    time: usize,
    window: Window,
    schema: SchemaRef,
}

impl Stream for WindowStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.input
            .poll_next_unpin(cx)
            .map(|next| next.map(|batch| assign(&batch?, self.time, self.window, &self.schema)))
    }
}

impl RecordBatchStream for WindowStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// The rows of a batch, each once per window.
fn assign(
    batch: &RecordBatch,
    time: usize,
    window: Window,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let times = batch.column(time).as_primitive::<TimestampMicrosecondType>();
    let count = usize::try_from(window.windows_per_time()).unwrap_or(1);
    let capacity = times.len() * count;
    let mut rows = UInt32Builder::with_capacity(capacity);
    let builder = || {
        PrimitiveBuilder::<TimestampMicrosecondType>::with_capacity(capacity)
            .with_data_type(times.data_type().clone())
    };
    let (mut starts, mut ends) = (builder(), builder());
    for (row, time) in times.iter().enumerate() {
        let Some(mut start) = time.and_then(|time| window.last_start(time)) else { continue };
        for _ in 0..count {
            let Some(end) = window.end(start) else { break };
            rows.append_value(u32::try_from(row).unwrap_or(u32::MAX));
            starts.append_value(start);
            ends.append_value(end);
            match window.step_micros().and_then(|step| start.checked_sub(step)) {
                Some(earlier) => start = earlier,
                None => break,
            }
        }
    }
    let rows = rows.finish();
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for column in batch.columns() {
        columns.push(take(column, &rows, None)?);
    }
    columns.push(Arc::new(starts.finish()));
    columns.push(Arc::new(ends.finish()));
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
