//! DISTINCT inside an aggregate: the inner aggregate sees each value once per group, while it is
//! there at all.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::DataType;

use super::interface::{Accumulator, Evaluated, bytes_column, each_bytes, next};
use crate::state::key_table::KeyTable;

/// How often each (group, value) is there, in front of an aggregate over the distinct values.
pub(crate) struct Distinct {
    inner: Box<dyn Accumulator>,
    /// Keys (group, value).
    values: KeyTable,
    /// How often each is there.
    weights: Vec<i64>,
    /// The values of each group, for writing and merging.
    members: Vec<Vec<u32>>,
    /// Where each value stands in its group's members.
    places: Vec<u32>,
    /// Distinct values of the saved groups.
    saved_counts: Vec<i64>,
}

impl Distinct {
    pub(crate) fn new(inner: Box<dyn Accumulator>, data_type: &DataType) -> Self {
        Self {
            inner,
            values: KeyTable::new(vec![DataType::UInt32, data_type.clone()]),
            weights: Vec::new(),
            members: Vec::new(),
            places: Vec::new(),
            saved_counts: Vec::new(),
        }
    }

    fn counts(&self, groups: &[u32]) -> Vec<i64> {
        groups.iter().map(|group| self.members[*group as usize].len() as i64).collect()
    }

    /// Changes the weight of a value; +1 or -1 when it comes or goes.
    fn change(&mut self, group: u32, number: u32, diff: i64) -> i64 {
        let place = number as usize;
        let before = self.weights[place];
        let after = before + diff;
        self.weights[place] = after;
        match (before > 0, after > 0) {
            (false, true) => {
                let members = &mut self.members[group as usize];
                self.places[place] = members.len() as u32;
                members.push(number);
                1
            }
            (true, false) => {
                let members = &mut self.members[group as usize];
                let hole = self.places[place] as usize;
                members.swap_remove(hole);
                if let Some(moved) = members.get(hole) {
                    self.places[*moved as usize] = hole as u32;
                }
                -1
            }
            _ => 0,
        }
    }

    /// The values that these numbers stand for.
    fn value_column(&self, numbers: &[u32]) -> ArrayRef {
        self.values.keys(numbers).pop().expect("the value is the last key column")
    }
}

impl Accumulator for Distinct {
    fn grow(&mut self, capacity: usize) {
        self.inner.grow(capacity);
        if capacity > self.members.len() {
            self.members.resize_with(capacity, Vec::new);
        }
    }

    fn update(&mut self, groups: &[u32], values: &ArrayRef, diffs: Option<&[i64]>) {
        let group_column: ArrayRef = Arc::new(UInt32Array::from(groups.to_vec()));
        let mut numbers = Vec::new();
        self.values.intern(&[group_column, Arc::clone(values)], values.len(), &mut numbers);
        self.weights.resize(self.values.capacity(), 0);
        self.places.resize(self.values.capacity(), 0);
        let (mut rows, mut signs, mut changed) = (Vec::new(), Vec::new(), Vec::new());
        for (row, number) in numbers.iter().enumerate() {
            let sign = self.change(groups[row], *number, diffs.map_or(1, |diffs| diffs[row]));
            if sign != 0 {
                rows.push(row as u32);
                signs.push(sign);
                changed.push(groups[row]);
            }
        }
        // A weight can be back at zero for more than one row of the batch.
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers.into_iter().filter(|n| self.weights[*n as usize] == 0) {
            self.values.remove(number);
        }
        let values = take(values, &UInt32Array::from(rows), None).expect("rows of the batch");
        self.inner.update(&changed, &values, Some(&signs));
    }

    fn evaluate(&self, groups: &[u32], _counts: &[i64]) -> Evaluated {
        self.inner.evaluate(groups, &self.counts(groups))
    }

    fn save(&mut self, groups: &[u32]) {
        self.inner.save(groups);
        self.saved_counts.extend(self.counts(groups));
    }

    fn saved(&mut self, _counts: &[i64]) -> Evaluated {
        let counts = std::mem::take(&mut self.saved_counts);
        self.inner.saved(&counts)
    }

    fn clear(&mut self, group: u32) {
        self.inner.clear(group);
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator, others: &[u32]) {
        let other =
            other.as_any().downcast_ref::<Self>().expect("tables of one operator are alike");
        for (group, from) in groups.iter().zip(others) {
            let members = &other.members[*from as usize];
            let weights: Vec<i64> = members.iter().map(|m| other.weights[*m as usize]).collect();
            let values = other.value_column(members);
            self.update(&vec![*group; members.len()], &values, Some(&weights));
        }
    }

    fn size_bytes(&self) -> usize {
        let members: usize = self.members.iter().map(|members| members.capacity() * 4).sum();
        self.inner.size_bytes()
            + self.values.size_bytes()
            + self.weights.capacity() * 8
            + self.places.capacity() * 4
            + members
            + self.members.capacity() * size_of::<Vec<u32>>()
    }

    fn shrink(&mut self) {
        self.inner.shrink();
        self.weights.shrink_to_fit();
        self.places.shrink_to_fit();
    }

    fn export(&self, groups: &[u32]) -> ArrayRef {
        bytes_column(groups.iter(), |group, bytes| self.write(*group, bytes))
    }

    fn absorb(&mut self, groups: &[u32], cells: &ArrayRef) {
        each_bytes(groups, cells, |group, bytes| self.read(group, bytes));
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Distinct {
    /// Appends the values of a group and how often each is there.
    fn write(&self, group: u32, bytes: &mut Vec<u8>) {
        let members = &self.members[group as usize];
        let column = self.value_column(members);
        let encoder = crate::state::encode::RowEncoder::of_columns(std::slice::from_ref(&column));
        let rows = encoder.encode(&[column]);
        for (member, row) in members.iter().zip(rows.iter()) {
            let value = row.as_ref();
            bytes.extend_from_slice(&self.weights[*member as usize].to_le_bytes());
            bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
            bytes.extend_from_slice(value);
        }
    }

    /// Adds what [`Distinct::write`] wrote to a group.
    fn read(&mut self, group: u32, mut bytes: &[u8]) {
        let (mut weights, mut rows) = (Vec::new(), Vec::new());
        while !bytes.is_empty() {
            weights.push(i64::from_le_bytes(next(&mut bytes)));
            let length = u64::from_le_bytes(next(&mut bytes)) as usize;
            let (value, rest) = bytes.split_at(length);
            rows.push(value);
            bytes = rest;
        }
        if rows.is_empty() {
            return;
        }
        let encoder = crate::state::encode::RowEncoder::new(self.values.data_types().get(1));
        let column = encoder.decode(rows.into_iter()).pop().expect("one column was written");
        self.update(&vec![group; weights.len()], &column, Some(&weights));
    }
}
