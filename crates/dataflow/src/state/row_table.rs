//! [`RowTable`]: a multiset of rows that only grows and shrinks as a whole is looked at.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, UInt8Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use kappa_types::{DeltaBatch, Timestamp};

use super::hash::{hash_rows, virtual_node};
use super::interface::State;
use super::key_table::KeyTable;

/// How often each row is there.
pub(crate) struct RowTable {
    schema: SchemaRef,
    rows: KeyTable,
    weights: Vec<i64>,
}

impl RowTable {
    /// An empty multiset of rows with these columns.
    pub(crate) fn new(schema: SchemaRef) -> Self {
        let kinds = schema.fields().iter().map(|field| field.data_type().clone()).collect();
        Self { rows: KeyTable::new(kinds), schema, weights: Vec::new() }
    }

    /// Adds and takes away rows.
    pub(crate) fn update(&mut self, delta: &DeltaBatch) {
        let mut numbers = Vec::new();
        self.rows.intern(delta.rows.columns(), delta.row_count(), &mut numbers);
        self.weights.resize(self.rows.capacity(), 0);
        for (index, number) in numbers.iter().enumerate() {
            self.weights[*number as usize] += delta.diff(index);
        }
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers.into_iter().filter(|n| self.weights[*n as usize] == 0) {
            self.rows.remove(number);
        }
    }

    /// Whether no row is there.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All rows, as changes at `time`.
    pub(crate) fn all(&self, time: Timestamp) -> DeltaBatch {
        let numbers = self.rows.numbers();
        let rows = RecordBatch::try_new(self.schema.clone(), self.rows.keys(&numbers))
            .expect("the rows came with this schema");
        let diffs: Vec<i64> = numbers.iter().map(|n| self.weights[*n as usize]).collect();
        let diffs = diffs.iter().any(|diff| *diff != 1).then(|| Int64Array::from(diffs));
        DeltaBatch::new(time, rows, diffs)
    }
}

impl State for RowTable {
    fn size_bytes(&self) -> usize {
        self.rows.size_bytes() + self.weights.capacity() * 8
    }

    /// Columns: virtual node, the row, its weight.
    fn export(&self) -> Vec<RecordBatch> {
        let numbers = self.rows.numbers();
        let keys = self.rows.keys(&numbers);
        let nodes = hash_rows(&keys, numbers.len()).into_iter().map(virtual_node);
        let mut fields = vec![Arc::new(Field::new("virtual_node", DataType::UInt8, false))];
        fields.extend(self.schema.fields().iter().cloned());
        fields.push(Arc::new(Field::new("weight", DataType::Int64, false)));
        let mut columns: Vec<ArrayRef> = vec![Arc::new(UInt8Array::from_iter_values(nodes))];
        columns.extend(keys);
        let weights = numbers.iter().map(|number| self.weights[*number as usize]);
        columns.push(Arc::new(Int64Array::from_iter_values(weights)));
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns);
        vec![batch.expect("columns were made for the schema")]
    }

    fn refill(&mut self, batch: &RecordBatch) {
        let last = batch.num_columns() - 1;
        let rows = batch.project(&(1..last).collect::<Vec<_>>()).expect("columns are there");
        let weights = batch.column(last).as_primitive::<Int64Type>().clone();
        self.update(&DeltaBatch::new(Timestamp::MIN, rows, Some(weights)));
    }
}
