//! [`GroupTable`]: groups by key, with the values of their aggregates.
//!
//! ```text
//! request   keys of a batch -> group numbers, new groups made
//! apply     rows -> counts and accumulators of their groups; results of groups touched for the
//!           first time at this time are saved
//! finish    touched groups: saved result taken back, present result put out
//! ```
//! The one idea: everything per group is a vector by group number, so that each step is a loop over
//! a batch. A group without rows is removed and its number used again.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, UInt8Array, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::cmp::not_distinct;
use arrow::compute::{filter, take};
use arrow::datatypes::{Field, Int64Type, Schema};
use arrow::record_batch::RecordBatch;

use super::accumulator::{Accumulator, Evaluated, each_row};
use super::group_layout::GroupLayout;
use super::hash::{hash_rows, virtual_node};
use super::interface::State;
use super::key_table::{ABSENT, KeyTable};
use crate::operator::Reason;

/// Groups that are put out in one piece at most.
const EMIT_ROW_COUNT_MAX: usize = 64 << 10;

/// The group was touched at this time.
const TOUCHED: u8 = 1;
/// The group's result has been put out.
const SHOWN: u8 = 2;

/// Groups and their aggregates.
pub(crate) struct GroupTable {
    layout: Arc<GroupLayout>,
    keys: KeyTable,
    /// Rows of each group.
    counts: Vec<i64>,
    columns: Vec<Column>,
    /// [`TOUCHED`] and [`SHOWN`] of each group; only if tracked.
    flags: Vec<u8>,
    /// Where each group's result is shown, [`ABSENT`] if nowhere; only if results are placed.
    slots: Option<Vec<u32>>,
    /// Groups touched at this time.
    touched: Vec<u32>,
    /// Those of them that were shown, in the order their results were saved.
    saved: Vec<u32>,
    /// Their rows then.
    saved_counts: Vec<i64>,
    /// Group numbers of the batch at hand; kept for its memory.
    numbers: Vec<u32>,
    /// Whether the index is dropped.
    cold: bool,
}

/// One aggregate.
struct Column {
    accumulator: Box<dyn Accumulator>,
    argument: Option<usize>,
    filter: Option<usize>,
    /// Rows of each group that have no value here (NULL, or filtered out); made when the first comes.
    absent: Option<Vec<i64>>,
    /// `absent` of the saved groups.
    saved_absent: Vec<i64>,
}

/// What became of the groups touched at one time.
#[derive(Debug, Default)]
pub(crate) struct GroupChanges {
    /// Results that go. Where results are placed and nobody wants the old ones, only those in error.
    pub(crate) old: GroupRows,
    /// Slots of groups that are gone.
    pub(crate) gone: Vec<u32>,
    /// Results that come.
    pub(crate) new: Vec<NewGroups>,
}

/// Results that come.
#[derive(Debug)]
pub(crate) struct NewGroups {
    /// The groups.
    pub(crate) numbers: Vec<u32>,
    /// How many of them, from the first, were there before.
    pub(crate) updated: usize,
    /// Their results.
    pub(crate) rows: GroupRows,
}

/// Groups with their results.
#[derive(Debug, Default)]
pub(crate) struct GroupRows {
    /// Key columns.
    pub(crate) keys: Vec<ArrayRef>,
    /// One column per aggregate.
    pub(crate) results: Vec<ArrayRef>,
    /// Row, aggregate and reason of results that are in error.
    pub(crate) errors: Vec<(usize, usize, Reason)>,
    /// How many.
    pub(crate) row_count: usize,
}

impl GroupTable {
    /// An empty table.
    ///
    /// # Panics
    /// If the layout has an aggregate that cannot be kept; the build has checked it.
    pub(crate) fn new(layout: Arc<GroupLayout>) -> Self {
        let accumulators = layout.accumulators().expect("the build has checked the aggregates");
        let columns = accumulators
            .into_iter()
            .zip(&layout.aggregates)
            .map(|(accumulator, call)| Column {
                accumulator,
                argument: call.argument,
                filter: call.filter,
                absent: None,
                saved_absent: Vec::new(),
            })
            .collect();
        Self {
            keys: KeyTable::new(layout.key_types()),
            layout,
            counts: Vec::new(),
            columns,
            flags: Vec::new(),
            slots: None,
            touched: Vec::new(),
            saved: Vec::new(),
            saved_counts: Vec::new(),
            numbers: Vec::new(),
            cold: false,
        }
    }

    /// Results will be placed: the table keeps the slot of each.
    pub(crate) fn place_results(&mut self) {
        self.slots = Some(Vec::new());
    }

    /// The slots of these groups.
    pub(crate) fn slots_of(&self, numbers: &[u32]) -> Vec<u32> {
        let slots = self.slots.as_ref().expect("results are placed");
        numbers.iter().map(|number| slots[*number as usize]).collect()
    }

    /// Sets the slots of these groups.
    pub(crate) fn set_slots(&mut self, numbers: &[u32], new: &[u32]) {
        let slots = self.slots.as_mut().expect("results are placed");
        for (number, slot) in numbers.iter().zip(new) {
            slots[*number as usize] = *slot;
        }
    }

    /// Request and apply: takes rows with the layout's input columns. Old results are kept until
    /// [`GroupTable::finish`] if `keep_old` or if it needs them to see what has changed.
    pub(crate) fn update(
        &mut self,
        rows: &[ArrayRef],
        row_count: usize,
        diffs: Option<&[i64]>,
        keep_old: bool,
    ) {
        let keys: Vec<ArrayRef> = self.layout.keys.iter().map(|k| Arc::clone(&rows[*k])).collect();
        self.request(&keys, row_count);
        let numbers = std::mem::take(&mut self.numbers);
        if self.layout.tracked {
            self.track(&numbers, keep_old);
        }
        match diffs {
            None => numbers.iter().for_each(|n| self.counts[*n as usize] += 1),
            Some(diffs) => {
                numbers.iter().zip(diffs).for_each(|(n, diff)| self.counts[*n as usize] += diff);
            }
        }
        let saved_count = self.saved.len();
        for column in &mut self.columns {
            column.update(rows, &numbers, diffs, saved_count, self.counts.len());
        }
        self.numbers = numbers;
    }

    /// Finds or makes the groups of `keys`; their numbers stand in `self.numbers`.
    fn request(&mut self, keys: &[ArrayRef], row_count: usize) {
        if self.cold {
            self.keys.warm();
            self.cold = false;
        }
        self.numbers.clear();
        self.keys.intern(keys, row_count, &mut self.numbers);
        self.grow();
    }

    fn grow(&mut self) {
        let capacity = self.keys.capacity();
        if capacity <= self.counts.len() {
            return;
        }
        self.counts.resize(capacity, 0);
        if self.layout.tracked {
            self.flags.resize(capacity, 0);
        }
        if let Some(slots) = &mut self.slots {
            slots.resize(capacity, ABSENT);
        }
        for column in &mut self.columns {
            column.accumulator.grow(capacity);
            if let Some(absent) = &mut column.absent {
                absent.resize(capacity, 0);
            }
        }
    }

    /// Notes groups touched for the first time at this time and saves the results that were shown.
    fn track(&mut self, numbers: &[u32], keep_old: bool) {
        let keep_old = keep_old || self.slots.is_none() || !self.layout.always_changes();
        let slots = self.slots.as_deref().unwrap_or_default();
        let first_saved = self.saved.len();
        for number in numbers {
            let flags = &mut self.flags[*number as usize];
            if *flags & TOUCHED == 0 {
                // A result in error has no slot; what it was must be known to take the error back.
                if *flags & SHOWN != 0 && (keep_old || slots[*number as usize] == ABSENT) {
                    self.saved.push(*number);
                }
                *flags |= TOUCHED;
                self.touched.push(*number);
            }
        }
        let fresh = &self.saved[first_saved..];
        if fresh.is_empty() {
            return;
        }
        self.saved_counts.extend(fresh.iter().map(|number| self.counts[*number as usize]));
        for column in &mut self.columns {
            column.accumulator.save(fresh);
            if let Some(absent) = &column.absent {
                column.saved_absent.extend(fresh.iter().map(|number| absent[*number as usize]));
            }
        }
    }

    /// Makes the group without keys, so that it has a result.
    pub(crate) fn touch_only_group(&mut self) {
        debug_assert!(self.layout.keys.is_empty(), "there are no keys");
        self.request(&[], 1);
        if self.layout.tracked {
            self.track(&[0], true);
        }
    }

    /// Whether nothing was touched since the last [`GroupTable::finish`].
    pub(crate) fn is_settled(&self) -> bool {
        self.touched.is_empty()
    }

    /// Whether there is no group.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The changes of results at this time.
    pub(crate) fn finish(&mut self) -> GroupChanges {
        let touched = std::mem::take(&mut self.touched);
        let saved = std::mem::take(&mut self.saved);
        let mut old = self.saved_rows(&saved);
        let slot_of = |n: &u32| self.slots.as_ref().map_or(ABSENT, |slots| slots[*n as usize]);
        let shown = |n: &u32| self.flags[*n as usize] & SHOWN != 0;
        // What was shown comes first, in the order in which it was touched, which is that of `saved`.
        let was_there =
            |n: &u32| if self.slots.is_some() { slot_of(n) != ABSENT } else { shown(n) };
        let mut groups: Vec<u32> = Vec::with_capacity(touched.len());
        groups.extend(touched.iter().filter(|n| self.alive(**n) && was_there(n)));
        let updated = groups.len();
        groups.extend(touched.iter().filter(|n| self.alive(**n) && !was_there(n)));
        let gone = touched.iter().filter(|n| !self.alive(**n)).map(slot_of);
        let gone = gone.filter(|slot| *slot != ABSENT).collect();
        let mut new = Vec::new();
        if saved.is_empty() {
            let mut from = 0;
            for numbers in groups.chunks(EMIT_ROW_COUNT_MAX) {
                let rows = self.rows(numbers);
                let updated = updated.saturating_sub(from).min(numbers.len());
                new.push(NewGroups { numbers: numbers.to_vec(), updated, rows });
                from += numbers.len();
            }
        } else {
            let rows = self.rows(&groups);
            let mut all = NewGroups { numbers: groups, updated, rows };
            // Every group that was there is in `saved` then.
            if updated > 0 && !self.layout.always_changes() {
                let alive: Vec<bool> =
                    saved.iter().map(|n| self.alive(*n) && was_there(n)).collect();
                drop_unchanged(&mut old, &alive, &mut all);
            }
            new.push(all);
        }
        self.settle(&touched);
        GroupChanges { old, gone, new }
    }

    /// The results of all groups.
    pub(crate) fn all(&self) -> Vec<GroupRows> {
        let groups: Vec<u32> =
            self.keys.numbers().into_iter().filter(|number| self.alive(*number)).collect();
        groups.chunks(EMIT_ROW_COUNT_MAX).map(|chunk| self.rows(chunk)).collect()
    }

    /// Adds the groups of another table of the same layout.
    pub(crate) fn merge(&mut self, other: &Self) {
        let others = other.keys.numbers();
        self.request(&other.keys.keys(&others), others.len());
        let numbers = std::mem::take(&mut self.numbers);
        for (number, from) in numbers.iter().zip(&others) {
            self.counts[*number as usize] += other.counts[*from as usize];
        }
        for (column, from) in self.columns.iter_mut().zip(&other.columns) {
            column.accumulator.merge(&numbers, from.accumulator.as_ref(), &others);
            if let Some(absent) = &from.absent {
                let own = column.absent.get_or_insert_with(|| vec![0; self.counts.len()]);
                for (number, other) in numbers.iter().zip(&others) {
                    own[*number as usize] += absent[*other as usize];
                }
            }
        }
        self.numbers = numbers;
    }

    /// Gives back what is only needed while rows come; it is made again when they do.
    pub(crate) fn cool(&mut self) {
        if self.cold {
            return;
        }
        self.cold = true;
        self.keys.cool();
        self.counts.shrink_to_fit();
        self.flags.shrink_to_fit();
        if let Some(slots) = &mut self.slots {
            slots.shrink_to_fit();
        }
        self.touched = Vec::new();
        self.saved = Vec::new();
        self.saved_counts = Vec::new();
        self.numbers = Vec::new();
        for column in &mut self.columns {
            column.accumulator.shrink();
            column.saved_absent = Vec::new();
        }
    }

    fn alive(&self, number: u32) -> bool {
        self.layout.always_one || self.counts[number as usize] > 0
    }

    fn rows(&self, groups: &[u32]) -> GroupRows {
        let evaluate = |column: &Column| {
            let counts = column.value_counts(groups, &self.counts);
            column.accumulator.evaluate(groups, &counts)
        };
        let results = self.columns.iter().map(evaluate).collect();
        GroupRows::new(self.keys.keys(groups), results, groups.len())
    }

    fn saved_rows(&mut self, saved: &[u32]) -> GroupRows {
        let counts = std::mem::take(&mut self.saved_counts);
        if saved.is_empty() {
            return GroupRows::default();
        }
        let mut results = Vec::with_capacity(self.columns.len());
        for column in &mut self.columns {
            let absent = std::mem::take(&mut column.saved_absent);
            results.push(if absent.is_empty() {
                column.accumulator.saved(&counts)
            } else {
                let counts: Vec<i64> = counts.iter().zip(absent).map(|(c, a)| c - a).collect();
                column.accumulator.saved(&counts)
            });
        }
        GroupRows::new(self.keys.keys(saved), results, saved.len())
    }

    /// Clears the marks of touched groups and removes those that are empty.
    fn settle(&mut self, touched: &[u32]) {
        for number in touched {
            let place = *number as usize;
            let alive = self.alive(*number);
            self.flags[place] = if alive { SHOWN } else { 0 };
            if let Some(slots) = self.slots.as_mut().filter(|_| !alive) {
                slots[place] = ABSENT;
            }
            if self.counts[place] == 0 && !alive {
                self.keys.remove(*number);
            }
            for column in &mut self.columns {
                let absent = column.absent.as_ref().map_or(0, |absent| absent[place]);
                if self.counts[place] == absent {
                    column.accumulator.clear(*number);
                }
            }
        }
    }
}

impl Column {
    fn update(
        &mut self,
        rows: &[ArrayRef],
        numbers: &[u32],
        diffs: Option<&[i64]>,
        saved_count: usize,
        capacity: usize,
    ) {
        let selection = self.filter.map(|filter| selected(&rows[filter]));
        let Some(argument) = self.argument else {
            if let Some(selection) = selection {
                self.note_absent(&selection, numbers, diffs, saved_count, capacity);
            }
            return;
        };
        let values = &rows[argument];
        let selection = match (selection, values.nulls().filter(|n| n.null_count() > 0)) {
            (None, None) => {
                self.accumulator.update(numbers, values, diffs);
                return;
            }
            (Some(selection), None) => selection,
            (None, Some(nulls)) => nulls.inner().clone(),
            (Some(selection), Some(nulls)) => &selection & nulls.inner(),
        };
        self.note_absent(&selection, numbers, diffs, saved_count, capacity);
        let indices: Vec<u32> = selection.set_indices().map(|index| index as u32).collect();
        let numbers: Vec<u32> = indices.iter().map(|index| numbers[*index as usize]).collect();
        let diffs: Option<Vec<i64>> =
            diffs.map(|diffs| indices.iter().map(|index| diffs[*index as usize]).collect());
        let values = take(values, &UInt32Array::from(indices), None).expect("rows of the batch");
        self.accumulator.update(&numbers, &values, diffs.as_deref());
    }

    /// Counts the rows that are not in `selection`.
    fn note_absent(
        &mut self,
        selection: &BooleanBuffer,
        numbers: &[u32],
        diffs: Option<&[i64]>,
        saved_count: usize,
        capacity: usize,
    ) {
        if selection.count_set_bits() == selection.len() {
            return;
        }
        let absent = self.absent_counts(saved_count, capacity);
        for index in (!selection).set_indices() {
            absent[numbers[index] as usize] += diffs.map_or(1, |diffs| diffs[index]);
        }
    }

    /// `absent`, made now if this is the first time that a value is.
    fn absent_counts(&mut self, saved_count: usize, capacity: usize) -> &mut Vec<i64> {
        if self.absent.is_none() {
            self.saved_absent = vec![0; saved_count];
        }
        self.absent.get_or_insert_with(|| vec![0; capacity])
    }

    /// How many values these groups have.
    fn value_counts(&self, groups: &[u32], counts: &[i64]) -> Vec<i64> {
        match &self.absent {
            None => groups.iter().map(|n| counts[*n as usize]).collect(),
            Some(absent) => {
                groups.iter().map(|n| counts[*n as usize] - absent[*n as usize]).collect()
            }
        }
    }
}

impl GroupRows {
    fn new(keys: Vec<ArrayRef>, results: Vec<Evaluated>, row_count: usize) -> Self {
        let mut rows = Self { keys, row_count, ..Self::default() };
        for (number, result) in results.into_iter().enumerate() {
            let errors = result.errors.into_iter();
            rows.errors.extend(errors.map(|(row, reason)| (row, number, reason)));
            rows.results.push(result.array);
        }
        rows.errors.sort_by_key(|(row, number, _)| (*row, *number));
        rows
    }

    fn retain(&mut self, mask: &BooleanArray) {
        let keep = |column: &ArrayRef| filter(column, mask).expect("the mask is as long");
        self.keys = self.keys.iter().map(keep).collect();
        self.results = self.results.iter().map(keep).collect();
        self.row_count = mask.true_count();
    }
}

/// Drops groups whose old and new results are equal. The groups of `new` that were there before are
/// the rows of `old` that are `alive`. Nothing is dropped where a result is in error: equal errors
/// cancel.
fn drop_unchanged(old: &mut GroupRows, alive: &[bool], new: &mut NewGroups) {
    if !old.errors.is_empty() || !new.rows.errors.is_empty() {
        return;
    }
    let places: Vec<u32> =
        (0..alive.len()).filter(|place| alive[*place]).map(|place| place as u32).collect();
    debug_assert_eq!(places.len(), new.updated, "old results of all groups were kept");
    let all_alive = places.len() == alive.len();
    let places = UInt32Array::from(places);
    let mut equal = BooleanBuffer::new_set(new.updated);
    for (before, after) in old.results.iter().zip(&new.rows.results) {
        let before = if all_alive {
            Arc::clone(before)
        } else {
            take(before, &places, None).expect("places are rows")
        };
        // Types that cannot be compared (arrays) are put out changed or not.
        let Ok(same) = not_distinct(&before, &after.slice(0, new.updated)) else { return };
        equal = &equal & same.values();
    }
    let equal_count = equal.count_set_bits();
    if equal_count == 0 {
        return;
    }
    let mut keep_old = vec![true; alive.len()];
    let mut keep_new = vec![true; new.rows.row_count];
    for index in equal.set_indices() {
        keep_old[places.value(index) as usize] = false;
        keep_new[index] = false;
    }
    old.retain(&BooleanArray::from(keep_old));
    let mut keep = keep_new.iter();
    new.numbers.retain(|_| *keep.next().expect("one per group"));
    new.updated -= equal_count;
    new.rows.retain(&BooleanArray::from(keep_new));
}

/// Where a FILTER column is true.
fn selected(column: &ArrayRef) -> BooleanBuffer {
    let column = column.as_boolean();
    match column.nulls() {
        Some(nulls) => column.values() & nulls.inner(),
        None => column.values().clone(),
    }
}

impl State for GroupTable {
    fn size_bytes(&self) -> usize {
        let columns = self.columns.iter().map(|column| {
            let absent = column.absent.as_ref().map_or(0, |absent| absent.capacity() * 8);
            column.accumulator.size_bytes() + absent + column.saved_absent.capacity() * 8
        });
        let lists = self.touched.capacity() + self.saved.capacity() + self.numbers.capacity();
        self.keys.size_bytes()
            + (self.counts.capacity() + self.saved_counts.capacity()) * 8
            + self.flags.capacity()
            + self.slots.as_ref().map_or(0, |slots| slots.capacity() * 4)
            + lists * 4
            + columns.sum::<usize>()
    }

    /// Columns: virtual node, keys, rows, then per aggregate rows without a value and its bytes.
    fn export(&self) -> Vec<RecordBatch> {
        let numbers = self.keys.numbers();
        let keys = self.keys.keys(&numbers);
        let nodes = hash_rows(&keys, numbers.len()).into_iter().map(virtual_node);
        let mut columns: Vec<ArrayRef> = vec![Arc::new(UInt8Array::from_iter_values(nodes))];
        columns.extend(keys);
        let counts = numbers.iter().map(|number| self.counts[*number as usize]);
        columns.push(Arc::new(Int64Array::from_iter_values(counts)));
        for column in &self.columns {
            let absent = numbers
                .iter()
                .map(|number| column.absent.as_ref().map_or(0, |absent| absent[*number as usize]));
            columns.push(Arc::new(Int64Array::from_iter_values(absent)));
            columns.push(column.accumulator.export(&numbers));
        }
        let batch = RecordBatch::try_new(self.export_schema(&columns), columns);
        vec![batch.expect("the schema was made for the columns")]
    }

    fn refill(&mut self, batch: &RecordBatch) {
        self.request(self.keys_of(batch), batch.num_rows());
        let numbers = std::mem::take(&mut self.numbers);
        self.add_groups(batch, &numbers);
        if self.layout.tracked {
            for number in &numbers {
                self.flags[*number as usize] = if self.alive(*number) { SHOWN } else { 0 };
            }
        }
        self.numbers = numbers;
    }
}

impl GroupTable {
    /// Request and apply, for groups that another table of the same layout has exported: what they
    /// hold is added. Else as [`GroupTable::update`].
    pub(crate) fn absorb(&mut self, batch: &RecordBatch, keep_old: bool) {
        self.request(self.keys_of(batch), batch.num_rows());
        let numbers = std::mem::take(&mut self.numbers);
        if self.layout.tracked {
            self.track(&numbers, keep_old);
        }
        self.add_groups(batch, &numbers);
        self.numbers = numbers;
    }

    /// How many groups there are.
    pub(crate) fn group_count(&self) -> usize {
        self.keys.len()
    }

    /// The key columns of exported groups.
    fn keys_of<'a>(&self, batch: &'a RecordBatch) -> &'a [ArrayRef] {
        &batch.columns()[1..=self.layout.keys.len()]
    }

    /// Adds exported groups to those of these numbers.
    fn add_groups(&mut self, batch: &RecordBatch, numbers: &[u32]) {
        let (counts, columns) = batch.columns()[1 + self.layout.keys.len()..]
            .split_first()
            .expect("the counts come after the keys");
        let longs = |column: &ArrayRef| column.as_primitive::<Int64Type>().values().clone();
        each_row(numbers, &longs(counts), None, |place, count, _| self.counts[place] += count);
        let saved_count = self.saved.len();
        for (column, exported) in self.columns.iter_mut().zip(columns.chunks_exact(2)) {
            let absent = longs(&exported[0]);
            if absent.iter().any(|count| *count != 0) {
                let own = column.absent_counts(saved_count, self.counts.len());
                each_row(numbers, &absent, None, |place, count, _| own[place] += count);
            }
            column.accumulator.absorb(numbers, &exported[1]);
        }
    }

    fn export_schema(&self, columns: &[ArrayRef]) -> Arc<Schema> {
        let keys = (0..self.layout.keys.len()).map(|index| format!("key_{index}"));
        let aggregates = (0..self.columns.len())
            .flat_map(|index| [format!("absent_{index}"), format!("cell_{index}")]);
        let names = std::iter::once("virtual_node".to_owned())
            .chain(keys)
            .chain(std::iter::once("row_count".to_owned()))
            .chain(aggregates);
        let field = |(name, column): (String, &ArrayRef)| {
            Field::new(name, column.data_type().clone(), true)
        };
        Arc::new(Schema::new(names.zip(columns).map(field).collect::<Vec<_>>()))
    }
}
