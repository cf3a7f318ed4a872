//! Join: pairs of rows with equal keys; of a left join also left rows without a partner.
//!
//! ```text
//! a change dL of the left side    puts out dL x R, then goes into L
//! a change dR of the right side   puts out L x dR, then goes into R
//! ```
//! The one idea: every change meets what the other side holds at that moment, so that each pair is
//! put out once, whatever order changes come in. Rows without a partner follow how many partners
//! each left row has, which is known per left row.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, UInt32Array, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::compute::take_arrays;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::physical_expr::PhysicalExpr;
use kappa_plan::JoinKind;
use kappa_types::{DeltaBatch, Timestamp};

use super::evaluate::keep;
use super::failure::ErrorRows;
use super::{Operator, Output};
use crate::state::{Arrangement, SlotChange, State};

/// Pairs put out in one batch at most: a hot key on both sides makes many.
const PAIR_COUNT_MAX: usize = 64 << 10;

const LEFT: usize = 0;

/// What a Join is made from.
pub(crate) struct JoinOptions {
    /// Rows of the left and right side by key. Handles: the join does not own them.
    pub(crate) sides: [Rc<RefCell<Arrangement>>; 2],
    /// Which lone rows are put out.
    pub(crate) kind: JoinKind,
    /// A further condition on pairs.
    pub(crate) residual: Option<Arc<dyn PhysicalExpr>>,
    /// Output columns: left, then right.
    pub(crate) schema: SchemaRef,
    /// How many output columns are from the left.
    pub(crate) left_column_count: usize,
    /// Where errors say they happened.
    pub(crate) position: String,
}

/// Pairs of rows with equal keys.
pub(crate) struct Join {
    options: JoinOptions,
    /// Partners of each left slot; left joins only.
    partners: Vec<i64>,
    /// Whether `partners` is so; after a refill it is not.
    partners_known: bool,
}

/// Pairs of rows of a change with slots of the other side.
struct Pairs {
    /// Rows of the change.
    rows: Vec<u32>,
    /// Slots of the other side.
    slots: Vec<u32>,
    /// How often each pair comes or goes; absent if each comes once.
    diffs: Option<Vec<i64>>,
}

impl Join {
    pub(crate) const fn new(options: JoinOptions) -> Self {
        Self { options, partners: Vec::new(), partners_known: true }
    }

    fn is_left_join(&self) -> bool {
        self.options.kind == JoinKind::Left
    }

    /// Puts out the pairs that `delta` makes with the other side; returns those that the residual
    /// accepts.
    fn meet(&self, port: usize, delta: &DeltaBatch, keys: &[ArrayRef], out: &mut Output) -> Pairs {
        let other = self.options.sides[1 - port].borrow();
        let numbers = other.request(keys, delta.row_count());
        let (mut rows, mut slots) = (Vec::new(), Vec::new());
        rows.reserve(numbers.len());
        slots.reserve(numbers.len());
        other.matches(&numbers, &mut rows, &mut slots);
        let diffs = (delta.diffs.is_some() || !other.all_once()).then(|| {
            let pairs = rows.iter().zip(&slots);
            pairs.map(|(row, slot)| delta.diff(*row as usize) * other.weight(*slot)).collect()
        });
        let pairs = Pairs { rows, slots, diffs };
        if pairs.rows.len() <= PAIR_COUNT_MAX {
            return self.put_out(port, delta, &other, pairs, out);
        }
        let mut accepted = Pairs {
            rows: Vec::new(),
            slots: Vec::new(),
            diffs: pairs.diffs.as_ref().map(|_| Vec::new()),
        };
        for from in (0..pairs.rows.len()).step_by(PAIR_COUNT_MAX) {
            let to = (from + PAIR_COUNT_MAX).min(pairs.rows.len());
            let piece = Pairs {
                rows: pairs.rows[from..to].to_vec(),
                slots: pairs.slots[from..to].to_vec(),
                diffs: pairs.diffs.as_ref().map(|diffs| diffs[from..to].to_vec()),
            };
            let piece = self.put_out(port, delta, &other, piece, out);
            if self.is_left_join() {
                accepted.rows.extend(piece.rows);
                accepted.slots.extend(piece.slots);
                if let (Some(all), Some(some)) = (&mut accepted.diffs, piece.diffs) {
                    all.extend(some);
                }
            }
        }
        accepted
    }

    fn put_out(
        &self,
        port: usize,
        delta: &DeltaBatch,
        other: &Arrangement,
        pairs: Pairs,
        out: &mut Output,
    ) -> Pairs {
        if pairs.rows.is_empty() {
            return pairs;
        }
        let rows = UInt32Array::from(pairs.rows.clone());
        let own = take_arrays(delta.rows.columns(), &rows, None).expect("rows of the batch");
        let found = other.gather(&pairs.slots);
        let columns = if port == LEFT { [own, found].concat() } else { [found, own].concat() };
        let joined = self.batch(columns, pairs.rows.len());
        let mut joined = DeltaBatch {
            time: delta.time,
            rows: joined,
            diffs: pairs.diffs.as_ref().map(|diffs| Int64Array::from(diffs.clone())),
        };
        let mut pairs = pairs;
        if let Some(residual) = &self.options.residual {
            let (mask, failed) = keep(residual, &joined.rows);
            let mut errors = ErrorRows::default();
            for (index, reason) in &failed {
                let diff = joined.diff(*index);
                errors.push(&self.options.position, reason, &joined.rows, *index, diff);
            }
            out.errors.extend(errors.finish(delta.time));
            joined = joined.filter(&mask).expect("one per pair");
            pairs.retain(&mask);
        }
        out.delta(joined);
        pairs
    }

    fn batch(&self, columns: Vec<ArrayRef>, count: usize) -> RecordBatch {
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        RecordBatch::try_new_with_options(self.options.schema.clone(), columns, &options)
            .expect("the node's columns are those of both sides")
    }

    /// Puts out left rows with NULLs for the right side.
    fn put_out_lone(
        &self,
        time: Timestamp,
        left: Vec<ArrayRef>,
        diffs: Vec<i64>,
        out: &mut Output,
    ) {
        if diffs.is_empty() {
            return;
        }
        let mut columns = left;
        let fields = &self.options.schema.fields()[self.options.left_column_count..];
        columns.extend(fields.iter().map(|field| new_null_array(field.data_type(), diffs.len())));
        let rows = self.batch(columns, diffs.len());
        let diffs = diffs.iter().any(|diff| *diff != 1).then(|| Int64Array::from(diffs));
        out.delta(DeltaBatch::new(time, rows, diffs));
    }

    /// Left rows that now have partners lose their lone row, those without any get one.
    fn follow_right(
        &mut self,
        time: Timestamp,
        pairs: &Pairs,
        delta: &DeltaBatch,
        out: &mut Output,
    ) {
        let left = Rc::clone(&self.options.sides[LEFT]);
        let left = left.borrow();
        let mut before: Vec<(u32, i64)> = Vec::new();
        for (row, slot) in pairs.rows.iter().zip(&pairs.slots) {
            before.push((*slot, self.partners[*slot as usize]));
            self.partners[*slot as usize] += delta.diff(*row as usize);
        }
        before.sort_by_key(|(slot, _)| *slot);
        before.dedup_by_key(|(slot, _)| *slot);
        let (mut slots, mut diffs) = (Vec::new(), Vec::new());
        for (slot, was) in before {
            let now = self.partners[slot as usize];
            let change = i64::from(now == 0) - i64::from(was == 0);
            let diff = change * left.weight(slot);
            if diff != 0 {
                slots.push(slot);
                diffs.push(diff);
            }
        }
        self.put_out_lone(time, left.gather(&slots), diffs, out);
    }

    /// Puts out left rows of a change that have no partner, and counts the partners of the others.
    fn follow_left(
        &mut self,
        delta: &DeltaBatch,
        pairs: &Pairs,
        changes: &[SlotChange],
        out: &mut Output,
    ) {
        let other = Rc::clone(&self.options.sides[1]);
        let other = other.borrow();
        let capacity = self.options.sides[LEFT].borrow().slot_capacity();
        self.partners.resize(capacity, 0);
        let mut found = vec![0; delta.row_count()];
        for (row, slot) in pairs.rows.iter().zip(&pairs.slots) {
            found[*row as usize] += other.weight(*slot);
        }
        let mut lone = Vec::new();
        for (row, change) in changes.iter().enumerate() {
            self.partners[change.slot as usize] = found[row];
            if found[row] == 0 {
                lone.push(row as u32);
            }
        }
        let diffs = lone.iter().map(|row| delta.diff(*row as usize)).collect();
        let lone = UInt32Array::from(lone);
        let rows = take_arrays(delta.rows.columns(), &lone, None).expect("rows of the batch");
        self.put_out_lone(delta.time, rows, diffs, out);
    }

    /// Counts the partners of all left rows anew.
    fn count_partners(&mut self) {
        self.partners_known = true;
        if !self.is_left_join() {
            return;
        }
        let left = Rc::clone(&self.options.sides[LEFT]);
        let left = left.borrow();
        self.partners = vec![0; left.slot_capacity()];
        for slots in left.used_slots().chunks(PAIR_COUNT_MAX) {
            let rows = RecordBatch::try_new(left.schema().clone(), left.gather(slots));
            let delta = DeltaBatch::insert(Timestamp::MIN, rows.expect("rows of the arrangement"));
            let keys = left.key_columns(&delta.rows);
            // What is put out here was put out before.
            let pairs = self.meet(LEFT, &delta, &keys, &mut Output::default());
            let other = self.options.sides[1].borrow();
            for (row, slot) in pairs.rows.iter().zip(&pairs.slots) {
                self.partners[slots[*row as usize] as usize] += other.weight(*slot);
            }
        }
    }

    /// Takes out rows whose key holds NULL; of a left join they are put out alone.
    fn without_null_keys(&self, port: usize, delta: DeltaBatch, out: &mut Output) -> DeltaBatch {
        let keys = self.options.sides[port].borrow().key_columns(&delta.rows);
        if keys.iter().all(|key| key.null_count() == 0) {
            return delta;
        }
        let valid = keys
            .iter()
            .fold(None, |nulls, key| NullBuffer::union(nulls.as_ref(), key.nulls()))
            .expect("some key holds NULL");
        if port == LEFT && self.is_left_join() {
            let mask = BooleanArray::from(!valid.inner());
            let lone = delta.filter(&mask).expect("one per row");
            let diffs = (0..lone.row_count()).map(|row| lone.diff(row)).collect();
            self.put_out_lone(delta.time, lone.rows.columns().to_vec(), diffs, out);
        }
        let mask = BooleanArray::new(valid.inner().clone(), None);
        delta.filter(&mask).expect("one per row")
    }
}

impl Pairs {
    fn retain(&mut self, mask: &BooleanArray) {
        let mut keep = mask.values().iter();
        self.rows.retain(|_| keep.next().unwrap_or(false));
        let mut keep = mask.values().iter();
        self.slots.retain(|_| keep.next().unwrap_or(false));
        if let Some(diffs) = &mut self.diffs {
            let mut keep = mask.values().iter();
            diffs.retain(|_| keep.next().unwrap_or(false));
        }
    }
}

impl Operator for Join {
    fn push(&mut self, port: usize, delta: DeltaBatch, out: &mut Output) {
        let delta = self.without_null_keys(port, delta, out);
        if delta.is_empty() {
            return;
        }
        if !self.partners_known {
            self.count_partners();
        }
        let side = Rc::clone(&self.options.sides[port]);
        let keys = side.borrow().key_columns(&delta.rows);
        let pairs = self.meet(port, &delta, &keys, out);
        let mut changes = Vec::new();
        if self.is_left_join() && port != LEFT {
            self.follow_right(delta.time, &pairs, &delta, out);
        }
        side.borrow_mut().apply(&delta, &keys, &mut changes);
        if self.is_left_join() && port == LEFT {
            self.follow_left(&delta, &pairs, &changes, out);
        }
        if delta.diffs.is_some() {
            side.borrow_mut().release(&changes);
        }
    }

    fn states(&mut self) -> Vec<&mut dyn State> {
        vec![self]
    }
}

impl State for Join {
    fn size_bytes(&self) -> usize {
        let sides = self.options.sides.iter().map(|side| side.borrow().size_bytes());
        sides.sum::<usize>() + self.partners.capacity() * 8
    }

    /// The rows of both sides, with the number of the side in the schema's metadata. How many
    /// partners left rows have follows from them.
    fn export(&self) -> Vec<RecordBatch> {
        let mut batches = Vec::new();
        for (number, side) in self.options.sides.iter().enumerate() {
            for batch in side.borrow().export() {
                let metadata = [("side".to_owned(), number.to_string())].into();
                let schema = batch.schema().as_ref().clone().with_metadata(metadata);
                batches.push(batch.with_schema(Arc::new(schema)).expect("only metadata differs"));
            }
        }
        batches
    }

    fn refill(&mut self, batch: &RecordBatch) {
        let side = batch.schema_ref().metadata().get("side").expect("export wrote it");
        let side: usize = side.parse().expect("export wrote a number");
        self.options.sides[side].borrow_mut().refill(batch);
        self.partners_known = false;
    }
}
