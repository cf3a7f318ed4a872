//! Sealing: unsealed rows of one relation become segments, and the WAL files that held them free.
//!
//! Order of events: segment written, synced, read back; its name synced; the manifest told, synced;
//! only then the state changes and WAL files go. A crash anywhere in between leaves either the WAL's
//! copy in force or the segment's, never both.

use std::path::Path;
use std::sync::Arc;

use arrow::array::UInt64Array;
use kappa_types::Schema;

use crate::fault::fault_point;
use crate::history::{HistoryKey, Source, Unsealed};
use crate::log::Shared;
use crate::manifest::Edit;
use crate::segment::{Hidden, Segment, SegmentMeta, SegmentTarget, SegmentWriter};
use crate::{Error, RowKind};

/// Entries that are segments now.
struct Sealed<'a> {
    key: HistoryKey,
    /// The first of them.
    first: &'a Arc<Unsealed>,
    /// How many.
    count: usize,
    /// What they became.
    segments: &'a [Arc<Segment>],
}

impl Shared {
    /// Whether some relation should be sealed now.
    pub(crate) fn seal_is_due(&self) -> bool {
        let state = self.state.read();
        state.histories.values().any(|history| {
            history.unsealed_row_count >= self.options.seal_row_count as u64
                || history.unsealed_bytes >= self.options.seal_bytes
        }) || state.unsealed_bytes > self.options.unsealed_bytes_max
    }

    /// Seals what is due; when the WAL is long, whatever holds it.
    pub(crate) fn seal_due(&self) -> Result<(), Error> {
        let due_before = self.clock.now_micros().saturating_sub(self.options.seal_age_micros);
        let due: Vec<HistoryKey> = {
            let state = self.state.read();
            let over = state.unsealed_bytes > self.options.unsealed_bytes_max;
            let due = state.histories.iter().filter(|(_, history)| {
                let old =
                    history.unsealed.front().is_some_and(|first| first.wall_micros <= due_before);
                history.unsealed_row_count >= self.options.seal_row_count as u64
                    || history.unsealed_bytes >= self.options.seal_bytes
                    || (!history.unsealed.is_empty() && (old || over))
            });
            due.map(|(key, _)| *key).collect()
        };
        for key in due {
            self.seal_history(key)?;
        }
        while self.order.lock().files_bytes() > self.options.wal_total_bytes_max {
            if !self.shorten_wal()? {
                break;
            }
        }
        Ok(())
    }

    /// Seals the relation that the oldest WAL file is kept for; `false` if there is nothing to do.
    fn shorten_wal(&self) -> Result<bool, Error> {
        let (oldest, before) = {
            let state = self.state.read();
            let oldest = state.histories.iter().filter_map(|(key, history)| {
                history.unsealed.front().map(|first| (first.lsn, *key))
            });
            (oldest.min(), state.replay_lsn)
        };
        match oldest {
            Some((_, key)) => self.seal_history(key)?,
            None => self.record(None, Vec::new())?,
        }
        Ok(self.state.read().replay_lsn > before)
    }

    /// Seals all that is durable.
    pub(crate) fn seal_all(&self) -> Result<(), Error> {
        let keys: Vec<HistoryKey> = {
            let state = self.state.read();
            let unsealed = state.histories.iter().filter(|(_, of)| !of.unsealed.is_empty());
            unsealed.map(|(key, _)| *key).collect()
        };
        for key in keys {
            self.seal_history(key)?;
        }
        let is_behind = {
            let state = self.state.read();
            state.replay_lsn <= state.durable_lsn
        };
        if is_behind { self.record(None, Vec::new()) } else { Ok(()) }
    }

    /// Seals the rows of one relation that are durable now.
    fn seal_history(&self, key: HistoryKey) -> Result<(), Error> {
        let _one_at_a_time = self.sealing.lock();
        let entries: Vec<Arc<Unsealed>> = {
            let state = self.state.read();
            let Some(history) = state.histories.get(&key) else { return Ok(()) };
            history.unsealed.iter().cloned().collect()
        };
        let Some(last) = entries.last() else { return Ok(()) };
        let sealed_lsn = last.lsn;
        let segments = self.write_segments(key, &entries)?;
        let mut edits = vec![Edit::Sealed(key.0, key.1, sealed_lsn)];
        edits.extend(segments.iter().map(|segment| Edit::Add(segment.meta.clone())));
        let result = self.record(
            Some(Sealed { key, first: &entries[0], count: entries.len(), segments: &segments }),
            edits,
        );
        if result.is_err() {
            // Nobody will read those that were made here; attached ones stay.
            for segment in segments.iter().filter(|segment| !segment.meta.is_attached()) {
                segment.set_dead(true);
            }
        }
        result
    }

    /// Entries as segments, in order: runs of rows in memory of one schema version become new files,
    /// attached files stay what they are.
    fn write_segments(
        &self,
        key: HistoryKey,
        entries: &[Arc<Unsealed>],
    ) -> Result<Vec<Arc<Segment>>, Error> {
        let mut segments: Vec<Arc<Segment>> = Vec::new();
        let kept = entries.chunk_by(|one, next| {
            one.entry.schema.version == next.entry.schema.version
                && matches!(one.entry.source, Source::Memory { .. })
                && matches!(next.entry.source, Source::Memory { .. })
        });
        for run in kept {
            let written = match &run[0].entry.source {
                Source::Segments(attached) => {
                    segments.extend(attached.iter().cloned());
                    continue;
                }
                Source::Memory { .. } => self.write_segment(key, run),
            };
            match written {
                Ok(segment) => segments.extend(segment),
                Err(error) => {
                    for segment in segments.iter().filter(|segment| !segment.meta.is_attached()) {
                        segment.set_dead(true);
                    }
                    return Err(error);
                }
            }
        }
        Ok(segments)
    }

    /// One new segment; none if there are no rows.
    fn write_segment(
        &self,
        key: HistoryKey,
        run: &[Arc<Unsealed>],
    ) -> Result<Option<Arc<Segment>>, Error> {
        let (first, last) = (&run[0], &run[run.len() - 1]);
        if run.iter().all(|unsealed| unsealed.entry.row_count == 0) {
            return Ok(None);
        }
        let has_diffs = run.iter().any(|unsealed| {
            matches!(&unsealed.entry.source, Source::Memory { diffs: Some(diffs), .. }
                if diffs.values().iter().any(|diff| *diff != 1))
        });
        let target = self.segment_target(key, &first.entry.schema, first.time.0, last.time.0)?;
        let hidden = if has_diffs { Hidden::PlacedWithDiffs } else { Hidden::Placed };
        self.write_file(target, hidden, |writer| {
            for unsealed in run {
                let Source::Memory { rows, diffs } = &unsealed.entry.source else {
                    unreachable!("runs are in memory")
                };
                let count = rows.num_rows();
                let times = UInt64Array::from_value(unsealed.time.0, count);
                let first_seq = unsealed.entry.seq;
                let seqs = UInt64Array::from_iter_values(first_seq..first_seq + count as u64);
                let diffs = diffs.as_ref().filter(|_| has_diffs);
                writer.append_placed(rows, &times, &seqs, diffs)?;
            }
            Ok(())
        })
        .map(Some)
    }

    /// Where a new segment goes.
    pub(crate) fn segment_target(
        &self,
        key: HistoryKey,
        schema: &Arc<Schema>,
        time_min: u64,
        time_max: u64,
    ) -> Result<SegmentTarget, Error> {
        let id = self.random.lock().u64(..);
        let kind = match key.1 {
            RowKind::Rows => "",
            RowKind::Rejects => "rejects-",
        };
        Ok(SegmentTarget {
            fs: Arc::clone(&self.fs),
            dir: self.relation_dir(key.0)?,
            name: format!("{kind}{time_min}-{time_max}-{id:016x}.parquet"),
            relation: key.0,
            kind: key.1,
            schema: Arc::clone(schema),
            row_group_row_count: self.options.row_group_row_count,
            zstd_level: self.options.segment_zstd_level,
        })
    }

    /// Writes a segment; after an error nothing of it is left.
    pub(crate) fn write_file(
        &self,
        target: SegmentTarget,
        hidden: Hidden,
        rows: impl FnOnce(&mut SegmentWriter) -> Result<(), Error>,
    ) -> Result<Arc<Segment>, Error> {
        let (dir, schema) = (target.dir.clone(), Arc::clone(&target.schema));
        let path = dir.join(&target.name);
        let written = SegmentWriter::create(target, hidden).and_then(|mut writer| {
            rows(&mut writer)?;
            writer.finish()
        });
        match written {
            Ok(meta) => Ok(Arc::new(self.open_segment(&dir, meta, schema))),
            Err(error) => {
                if let Err(error) = self.fs.remove(&path) {
                    // It is collected at the next start.
                    tracing::debug!(%error, path = %path.display(), "could not remove a segment");
                }
                Err(error)
            }
        }
    }

    fn open_segment(&self, dir: &Path, meta: SegmentMeta, schema: Arc<Schema>) -> Segment {
        Segment::new(Arc::clone(&self.fs), dir, meta, schema)
    }

    /// Tells the manifest of sealed entries (if any) and of all that WAL files are no longer needed
    /// for; then sets those free.
    fn record(&self, sealed: Option<Sealed<'_>>, edits: Vec<Edit>) -> Result<(), Error> {
        let replay_lsn = self.tell_manifest(sealed, edits)?;
        // From here on it is done: a disk without room for spare files is met by who needs one.
        self.order.lock().free_before(replay_lsn);
        self.room.notify_all();
        if self.options.background {
            self.background.tend_files();
        } else if let Err(error) = self.tend_files() {
            tracing::debug!(%error, "could not make WAL files");
        }
        Ok(())
    }

    /// Returns from which group on the WAL is needed now; after an error nothing has changed.
    fn tell_manifest(
        &self,
        sealed: Option<Sealed<'_>>,
        mut edits: Vec<Edit>,
    ) -> Result<u64, Error> {
        if sealed.is_some() {
            fault_point("segment.written");
        }
        let mut manifest = self.manifest.lock();
        let replay_lsn = {
            let state = self.state.read();
            let sealing = sealed.as_ref().map(|sealed| (sealed.key, sealed.count));
            let replay_lsn = state.replay_lsn_after(sealing);
            if let Some(sealed) = &sealed {
                edits.extend(state.schema_edits(sealed.segments));
            }
            edits.extend(state.edits_until(replay_lsn));
            replay_lsn
        };
        manifest.append(&edits)?;
        fault_point("manifest.told");
        let mut state = self.state.write();
        if let Some(Sealed { key, first, count, segments }) = sealed {
            state.sealed(key, first, count, segments.to_vec());
        }
        state.replay_from(replay_lsn);
        if manifest.is_long() {
            let edits = state.snapshot();
            drop(state);
            let salt = self.random.lock().u64(..);
            if let Err(error) = manifest.rotate(salt, &edits) {
                // The long one says the same; the next seal tries again.
                tracing::warn!(%error, "could not shorten the manifest");
            }
        }
        Ok(replay_lsn)
    }
}
