//! [`Flow`]: the dataflow of one version on one worker.
//!
//! timely's time is a *tick*, counted per flow from 0; a table says which log time, watermark and
//! purpose a tick has. A large history is many ticks of one log time that put nothing out, and one
//! that does.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::new_null_array;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use kappa_serving::ViewContents;
use kappa_types::{ColumnId, DeltaBatch, RelationId, Timestamp};
use timely::container::NoopBuilder;
use timely::dataflow::InputHandle;
use timely::dataflow::operators::probe::Handle as Probe;

use super::closing::Watermarks;
use super::command::RelationDelta;
use super::container::Changes;
use crate::operator::Output;

/// What a tick means.
#[derive(Clone, Debug)]
pub(super) struct Tick {
    /// The log time of its rows.
    pub(super) time: Timestamp,
    /// The plan's watermarks at that time.
    pub(super) watermarks: Watermarks,
    /// Whether the time is over with this tick, so that operators put out their changes.
    pub(super) ends: bool,
}

/// The ticks of a flow that are not done, by number.
#[derive(Debug, Default)]
pub(super) struct Ticks {
    /// Number of the first entry.
    first: u64,
    /// Consecutive ticks.
    entries: VecDeque<Tick>,
}

impl Ticks {
    /// Adds the next tick; returns its number.
    pub(super) fn push(&mut self, tick: Tick) -> u64 {
        self.entries.push_back(tick);
        self.first + self.entries.len() as u64 - 1
    }

    /// What tick `number` means.
    pub(super) fn get(&self, number: u64) -> Tick {
        self.entries[(number - self.first) as usize].clone()
    }

    /// Whether tick `number` has begun and is not forgotten.
    pub(super) fn knows(&self, number: u64) -> bool {
        (self.first..self.first + self.entries.len() as u64).contains(&number)
    }

    /// Forgets and returns the oldest tick.
    pub(super) fn pop(&mut self) -> Option<Tick> {
        let tick = self.entries.pop_front()?;
        self.first += 1;
        Some(tick)
    }

    /// Number of the oldest tick that is not done.
    pub(super) const fn first(&self) -> u64 {
        self.first
    }

    /// How many are not done.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// What the operators of a flow on this worker share with it.
#[derive(Debug, Default)]
pub(super) struct FlowShared {
    /// What ticks mean.
    pub(super) ticks: RefCell<Ticks>,
    /// What the last stage put out, by tick. Within a tick a row may be taken away before it comes,
    /// where both were dealt to different workers; a tick that is done is whole.
    pub(super) rows: RefCell<BTreeMap<u64, Vec<DeltaBatch>>>,
    /// The errors and late rows of all stages since the last look.
    pub(super) output: RefCell<Output>,
    /// What a panicking operator said. Operators do nothing any more once it is set.
    pub(super) failure: RefCell<Option<String>>,
    /// Bytes of state, by operator.
    pub(super) state_bytes: RefCell<Vec<u64>>,
    /// Whether operators shall count their bytes at the end of the next time.
    pub(super) count_bytes: std::cell::Cell<bool>,
}

/// Where the rows of an input come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    /// The log, or whatever a command carries.
    Relation(RelationId),
    /// Rows of the plan itself, in the first tick.
    Constant,
}

/// What an input of a flow reads.
#[derive(Clone, Debug)]
pub(super) struct FlowColumns {
    /// Where its rows come from.
    pub(super) feed: Feed,
    /// Columns of the relation that are read, in order.
    pub(super) columns: Vec<ColumnId>,
    /// Their names and types.
    pub(super) schema: SchemaRef,
}

impl FlowColumns {
    /// The columns that are read, of rows that have `columns`; NULL where they lack one.
    fn of(&self, rows: &RelationDelta) -> DeltaBatch {
        let count = rows.delta.row_count();
        let fields = self.schema.fields().iter();
        let columns = self.columns.iter().zip(fields).map(|(column, field)| {
            match rows.columns.iter().position(|id| id == column) {
                Some(index) => Arc::clone(rows.delta.rows.column(index)),
                None => new_null_array(field.data_type(), count),
            }
        });
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let batch =
            RecordBatch::try_new_with_options(self.schema.clone(), columns.collect(), &options)
                .expect("the plan types columns as the relation does");
        DeltaBatch { time: rows.delta.time, rows: batch, diffs: rows.delta.diffs.clone() }
    }
}

/// One input of a flow.
pub(super) struct FlowInput {
    /// What it reads.
    pub(super) columns: FlowColumns,
    /// Where rows go in.
    pub(super) handle: InputHandle<u64, NoopBuilder<Changes>>,
    /// Rows that are put in with the first tick.
    pub(super) constant: Option<RecordBatch>,
}

/// The dataflow of one version on one worker.
pub(super) struct Flow {
    /// timely's number of it.
    pub(super) index: usize,
    /// Its inputs, in the order of the plan.
    pub(super) inputs: Vec<FlowInput>,
    /// Tells which ticks are done on all workers.
    pub(super) probe: Probe<u64>,
    /// What its operators share with it.
    pub(super) shared: Rc<FlowShared>,
    /// Where its output goes.
    pub(super) contents: Arc<ViewContents>,
    /// Set where the last operator places its rows itself: whether it shall put out changes too.
    pub(super) followed: Option<Rc<std::cell::Cell<bool>>>,
}

impl Flow {
    /// Puts rows of a relation into each input that reads it; returns how many went in.
    pub(super) fn send(&mut self, relation: RelationId, rows: &RelationDelta) -> u64 {
        let mut row_count = 0;
        for input in &mut self.inputs {
            if input.columns.feed == Feed::Relation(relation) {
                let delta = input.columns.of(rows);
                row_count += delta.row_count() as u64;
                input.handle.send_batch(&mut Changes::from(delta));
            }
        }
        row_count
    }

    /// Begins a tick: what is sent from now on belongs to it. Returns its number.
    pub(super) fn begin(&mut self, tick: Tick) -> u64 {
        let time = tick.time;
        let number = self.shared.ticks.borrow_mut().push(tick);
        for input in &mut self.inputs {
            if let Some(rows) = input.constant.take() {
                input.handle.send_batch(&mut Changes::from(DeltaBatch::insert(time, rows)));
            }
        }
        number
    }

    /// Ends tick `number` on this worker.
    pub(super) fn end(&mut self, number: u64) {
        for input in &mut self.inputs {
            input.handle.advance_to(number + 1);
        }
    }

    /// Whether tick `number` is done on all workers.
    pub(super) fn is_done(&self, number: u64) -> bool {
        !self.probe.less_equal(&number)
    }

    /// Forgets ticks that are done; returns how many.
    pub(super) fn forget_done(&self) -> usize {
        let mut ticks = self.shared.ticks.borrow_mut();
        let mut count = 0;
        while ticks.len() > 0 && self.is_done(ticks.first()) {
            ticks.pop();
            count += 1;
        }
        count
    }

    /// Takes what ticks that are forgotten have put out since the last look, after adding the rows to
    /// the contents of shard `worker`. A failure to do so fails the flow.
    pub(super) fn collect(&self, worker: usize) -> Output {
        let mut output = std::mem::take(&mut *self.shared.output.borrow_mut());
        output.deltas = self.take_done_rows();
        if self.followed.is_some() {
            return output;
        }
        let row_count: usize = output.deltas.iter().map(DeltaBatch::row_count).sum();
        self.contents.rows_out.fetch_add(row_count as u64, Ordering::Relaxed);
        for batches in output.deltas.chunk_by(|a, b| a.time == b.time) {
            if self.shared.failure.borrow().is_none()
                && let Err(error) = self.contents.rows.apply(worker, batches)
            {
                *self.shared.failure.borrow_mut() = Some(error.to_string());
            }
        }
        output
    }

    fn take_done_rows(&self) -> Vec<DeltaBatch> {
        let first = self.shared.ticks.borrow().first();
        let mut rows = self.shared.rows.borrow_mut();
        let later = rows.split_off(&first);
        std::mem::replace(&mut *rows, later).into_values().flatten().collect()
    }
}
