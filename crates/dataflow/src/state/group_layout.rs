//! [`GroupLayout`]: what all group tables of one operator have in common.

use arrow::datatypes::{DataType, SchemaRef};
use kappa_plan::{Aggregate, AggregateFunction};

use super::accumulator::{Accumulator, choose};

/// Keys and aggregates of a grouping.
#[derive(Clone, Debug)]
pub(crate) struct GroupLayout {
    /// Columns of the input.
    pub(crate) input: SchemaRef,
    /// Grouping columns, positions in `input`.
    pub(crate) keys: Vec<usize>,
    /// Aggregate calls over `input`.
    pub(crate) aggregates: Vec<Aggregate>,
    /// Whether nothing is ever taken back.
    pub(crate) append_only: bool,
    /// Whether changes of results are followed, so that they can be put out at every time. Without
    /// it results can only be read all together.
    pub(crate) tracked: bool,
    /// Whether the group without keys has a result even if it has no rows.
    pub(crate) always_one: bool,
}

impl GroupLayout {
    /// The types of the keys.
    pub(crate) fn key_types(&self) -> Vec<DataType> {
        self.keys.iter().map(|key| self.input.field(*key).data_type().clone()).collect()
    }

    /// An accumulator per aggregate; `Err` says what there is none for.
    pub(crate) fn accumulators(&self) -> Result<Vec<Box<dyn Accumulator>>, String> {
        let choose = |call| choose(call, &self.input, self.append_only);
        self.aggregates.iter().map(choose).collect()
    }

    /// Whether a group that gets rows and loses none cannot keep its result.
    pub(crate) fn always_changes(&self) -> bool {
        let counts_rows = |call: &Aggregate| {
            call.function == AggregateFunction::CountRows && call.filter.is_none()
        };
        self.append_only && self.aggregates.iter().any(counts_rows)
    }
}
