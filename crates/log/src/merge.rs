//! Merging: neighbouring small segments of one relation become one.
//!
//! Rows keep their order, time and seq. As many neighbours as the fan-in says are merged if none has
//! more than half of their rows: a row's segment at least doubles each time it is written again, so
//! that this happens a logarithmic number of times.

use std::sync::Arc;

use kappa_types::Timestamp;

use crate::Error;
use crate::fault::fault_point;
use crate::history::HistoryKey;
use crate::log::Shared;
use crate::manifest::Edit;
use crate::scan::{HistoryBatch, Part};
use crate::segment::{Hidden, Segment};

impl Shared {
    /// Merges one run of segments; `false` if there is none worth it.
    pub(crate) fn merge_one(&self) -> Result<bool, Error> {
        let _one_at_a_time = self.merging.lock();
        let found = {
            let state = self.state.read();
            state
                .histories
                .iter()
                .find_map(|(key, history)| self.find_run(&history.segments).map(|run| (*key, run)))
        };
        let Some((key, run)) = found else { return Ok(false) };
        let merged = self.merge_run(key, &run)?;
        self.replace(key, &run, merged)?;
        Ok(true)
    }

    /// The first run of neighbours worth merging.
    fn find_run(&self, segments: &[Arc<Segment>]) -> Option<Vec<Arc<Segment>>> {
        let fan_in = self.options.merge_fan_in.max(2);
        let mut from = 0;
        while from < segments.len() {
            let mut to = from;
            let mut row_count = 0;
            while to < segments.len()
                && to - from < fan_in
                && segments[to].schema.version == segments[from].schema.version
                && row_count + segments[to].meta.row_count <= self.options.merge_row_count
            {
                row_count += segments[to].meta.row_count;
                to += 1;
            }
            // Enough of them, and none so large that merging would mostly copy it.
            let largest = segments[from..to].iter().map(|segment| segment.meta.row_count).max();
            if to - from == fan_in && largest.unwrap_or(0) * 2 <= row_count {
                return Some(segments[from..to].to_vec());
            }
            from += 1;
        }
        None
    }

    fn merge_run(&self, key: HistoryKey, run: &[Arc<Segment>]) -> Result<Arc<Segment>, Error> {
        let has_diffs = run.iter().any(|segment| segment.meta.has_diffs());
        let hidden = if has_diffs { Hidden::PlacedWithDiffs } else { Hidden::Placed };
        let (first, last) = (&run[0], &run[run.len() - 1]);
        let target =
            self.segment_target(key, &first.schema, first.meta.time_min.0, last.meta.time_max.0)?;
        self.write_file(target, hidden, |writer| {
            for segment in run {
                for batch in Part::between(segment, Timestamp::MIN, Timestamp::MAX).open()? {
                    let HistoryBatch { rows, times, seqs, diffs } = batch?;
                    writer.append_placed(&rows, &times, &seqs, diffs.as_ref())?;
                }
            }
            Ok(())
        })
    }

    fn replace(
        &self,
        key: HistoryKey,
        run: &[Arc<Segment>],
        merged: Arc<Segment>,
    ) -> Result<(), Error> {
        let mut manifest = self.manifest.lock();
        let position = |segments: &[Arc<Segment>]| {
            segments.windows(run.len()).position(|window| {
                window.iter().zip(run).all(|(one, other)| Arc::ptr_eq(one, other))
            })
        };
        let at = {
            let state = self.state.read();
            state.histories.get(&key).and_then(|history| position(&history.segments))
        };
        let Some(at) = at else {
            // The relation was dropped meanwhile.
            merged.set_dead(true);
            return Ok(());
        };
        let mut edits: Vec<Edit> = run
            .iter()
            .map(|segment| Edit::Remove(key.0, key.1, segment.meta.name.clone()))
            .collect();
        edits.push(Edit::Add(merged.meta.clone()));
        if let Err(error) = manifest.append(&edits) {
            merged.set_dead(true);
            return Err(error);
        }
        fault_point("merge.told");
        let mut state = self.state.write();
        match state.histories.get_mut(&key) {
            Some(history) => {
                history.segments.splice(at..at + run.len(), [merged]);
            }
            // Dropped while the manifest was written: it will be told of the drop as of any.
            None => state.bury(&merged),
        }
        run.iter().for_each(|segment| segment.set_dead(true));
        Ok(())
    }
}
