//! [`History`]: the rows a version must read to get from one time to a later one.
//!
//! ```text
//! base relation   log.scan (after, until], decoded ahead by a thread of its own
//! view            contents at `until`, or what changed in them since `after`
//! ```
//! Rows come cut by cut: for a plan that closes windows, all rows up to a closing commit come before
//! any later one; for others there is one cut, and relations come one after another, smallest first,
//! so that a join meets its large side with the small one in place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use arrow::array::Int64Array;
use kappa_log::{HistoryBatch, Log, Part, RowKind, Scan};
use kappa_plan::ViewPlan;
use kappa_types::{ColumnId, DeltaBatch, RelationId, Timestamp};

use super::closing::{Cut, Watermarks};
use super::command::{RelationDelta, RelationRows};
use super::flow::Tick;
use crate::{Error, InputSource, Install};

/// How the history is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct HistoryOptions {
    /// Rows of a tick at most.
    pub(super) row_count: usize,
    /// Decoded batches waiting, per relation.
    pub(super) batches_ahead_max: usize,
}

/// Rows of one relation that were not asked for yet.
struct Pending {
    relation: RelationId,
    columns: Arc<Vec<ColumnId>>,
    batches: Receiver<Result<HistoryBatch, kappa_log::Error>>,
    /// A batch that reaches beyond the last cut.
    rest: Option<HistoryBatch>,
}

/// The base rows of a version in a range of time.
pub(super) struct History {
    pending: Vec<Pending>,
    cuts: std::vec::IntoIter<Cut>,
    cut: Option<Cut>,
    /// Relation that is being read for `cut`.
    reading: usize,
    /// Rows in all parts that will be read.
    pub(super) row_count: u64,
}

impl History {
    /// The base rows that `install` reads in `(after, until]`, up to each of `cuts` in turn.
    ///
    /// # Errors
    /// [`Error::Log`], [`Error::Start`].
    pub(super) fn open(
        log: &Log,
        install: &Install,
        after: Timestamp,
        cuts: Vec<Cut>,
        options: HistoryOptions,
    ) -> Result<Self, Error> {
        let until = cuts.last().map_or(after, |cut| cut.time);
        let mut scans = scans(log, install, after, until, options.row_count)?;
        scans.sort_by_key(|scan| (scan.row_count, scan.relation));
        let row_count = scans.iter().map(|scan| scan.row_count).sum();
        let pending = scans
            .into_iter()
            .map(|scan| {
                let batches = read_ahead(scan.parts, options.batches_ahead_max)?;
                Ok(Pending { relation: scan.relation, columns: scan.columns, batches, rest: None })
            })
            .collect::<Result<_, Error>>()?;
        let mut cuts = cuts.into_iter();
        let cut = cuts.next();
        Ok(Self { pending, cuts, cut, reading: 0, row_count })
    }

    /// How many base rows `install` reads in `(after, until]`, or a few more.
    ///
    /// # Errors
    /// [`Error::Log`].
    pub(super) fn row_count_of(
        log: &Log,
        install: &Install,
        after: Timestamp,
        until: Timestamp,
    ) -> Result<u64, Error> {
        let scans = scans(log, install, after, until, 1)?;
        Ok(scans.iter().map(|scan| scan.row_count).sum())
    }

    /// The next tick and its rows; `None` after the last.
    ///
    /// # Errors
    /// [`Error::Log`].
    pub(super) fn next_tick(&mut self) -> Result<Option<(Tick, RelationRows)>, Error> {
        let Some(cut) = &self.cut else { return Ok(None) };
        while let Some(pending) = self.pending.get_mut(self.reading) {
            if let Some(batch) = pending.next_until(cut.time)? {
                let delta = DeltaBatch::new(cut.time, batch.rows, batch.diffs);
                let rows = RelationDelta { columns: Arc::clone(&pending.columns), delta };
                let tick = Tick { time: cut.time, watermarks: Watermarks::default(), ends: false };
                return Ok(Some((tick, [(pending.relation, vec![rows])].into())));
            }
            self.reading += 1;
        }
        self.reading = 0;
        let next = self.cuts.next();
        let Some(cut) = std::mem::replace(&mut self.cut, next) else { return Ok(None) };
        let tick = Tick { time: cut.time, watermarks: cut.watermarks, ends: true };
        Ok(Some((tick, RelationRows::new())))
    }
}

impl Pending {
    /// The next rows that are not later than `until`.
    fn next_until(&mut self, until: Timestamp) -> Result<Option<HistoryBatch>, Error> {
        loop {
            let batch = match self.rest.take() {
                Some(batch) => batch,
                None => match self.batches.recv() {
                    Ok(batch) => batch?,
                    Err(_) => return Ok(None),
                },
            };
            let within = batch.times.values().partition_point(|time| *time <= until.0);
            let count = batch.rows.num_rows();
            if within < count {
                self.rest = Some(slice(&batch, within, count - within));
            }
            if within == count && count > 0 {
                return Ok(Some(batch));
            }
            if within > 0 {
                return Ok(Some(slice(&batch, 0, within)));
            }
            if self.rest.is_some() {
                return Ok(None);
            }
        }
    }
}

/// The history of one relation.
struct RelationScan {
    relation: RelationId,
    columns: Arc<Vec<ColumnId>>,
    parts: Vec<Part>,
    row_count: u64,
}

fn scans(
    log: &Log,
    install: &Install,
    after: Timestamp,
    until: Timestamp,
    batch_row_count_max: usize,
) -> Result<Vec<RelationScan>, Error> {
    let mut scans = Vec::new();
    for (relation, columns) in columns_read(&install.plan) {
        let Some(InputSource::Log { schemas }) = install.inputs.get(&relation) else { continue };
        let Some(schema) = schemas.last() else { continue };
        let parts = log.scan(&Scan {
            relation,
            kind: RowKind::Rows,
            columns: columns.clone(),
            schema: schema.clone(),
            after,
            until,
            ranges: Vec::new(),
            batch_row_count_max,
        })?;
        let row_count = parts.iter().map(|part| part.row_count).sum();
        scans.push(RelationScan { relation, columns: Arc::new(columns), parts, row_count });
    }
    Ok(scans)
}

fn slice(batch: &HistoryBatch, offset: usize, length: usize) -> HistoryBatch {
    HistoryBatch {
        rows: batch.rows.slice(offset, length),
        times: batch.times.slice(offset, length),
        seqs: batch.seqs.slice(offset, length),
        diffs: batch.diffs.as_ref().map(|diffs: &Int64Array| diffs.slice(offset, length)),
    }
}

/// The columns that a plan reads of each relation.
pub(super) fn columns_read(plan: &ViewPlan) -> BTreeMap<RelationId, Vec<ColumnId>> {
    let mut columns: BTreeMap<RelationId, BTreeSet<ColumnId>> = BTreeMap::new();
    for input in plan.root.inputs() {
        columns.entry(input.relation).or_default().extend(&input.columns);
    }
    columns.into_iter().map(|(relation, set)| (relation, set.into_iter().collect())).collect()
}

/// Decodes parts in order on a thread of its own.
fn read_ahead(
    parts: Vec<Part>,
    batches_ahead_max: usize,
) -> Result<Receiver<Result<HistoryBatch, kappa_log::Error>>, Error> {
    let (sender, receiver) = sync_channel(batches_ahead_max);
    if parts.is_empty() {
        return Ok(receiver);
    }
    let read = move || {
        for part in parts {
            let reader = match part.open() {
                Ok(reader) => reader,
                Err(error) => {
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            for batch in reader {
                // Whoever asked for the rows may have given up.
                if sender.send(batch).is_err() {
                    return;
                }
            }
        }
    };
    std::thread::Builder::new()
        .name("kappa-replay-read".to_owned())
        .spawn(read)
        .map_err(|error| Error::Start(error.to_string()))?;
    Ok(receiver)
}
