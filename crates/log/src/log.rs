//! [`Log`]: the durable, ordered history of everything.
//!
//! ```text
//! place ─► Order (queue) ─► WAL ─► State ─► seal ─► segments, manifest ─► WAL files set free
//! wait  ─► leads the queue's first group, or waits for who does
//! ```
//!
//! There is no log thread: whoever waits for a commit and finds nobody writing writes the next group
//! himself, and those who come meanwhile form the group after it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kappa_types::{Clock, RelationId, Schema, SchemaVersionId, Timestamp};
use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};

use crate::background::Background;
use crate::fault::fault_point;
use crate::history::{DurableGroup, Source, State};
use crate::manifest::Manifest;
use crate::order::{FileTask, GroupDone, Order, PlacedGroup, Signal};
use crate::prepare::{Prepared, changes_of, prepare};
use crate::spool::SpoolTarget;
use crate::wal::{FileHeader, GROUP_HEADER_SIZE_BYTES, WalFile, WalFiles, group_bytes};
use crate::{
    Commit, Error, Fs, Group, Lock, LogOptions, Part, PlacedCommit, RelationStatistics, RowKind,
    Scan, Spool, groups, open, scan,
};

/// How long a writer waits at a time for room; it looks again then, whatever happened.
const ROOM_WAIT: Duration = Duration::from_millis(100);

/// Bytes of the buffer for groups that are kept from one to the next.
const WRITE_BUFFER_BYTES_KEPT: usize = 2 << 20;

/// Called for each commit when it has its place, in order, under the order lock.
pub type Observer = Arc<dyn Fn(&PlacedCommit<'_>) + Send + Sync>;

/// The place of a commit in the order of all commits.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The time of its group.
    pub time: Timestamp,
    /// `_seq` of its first row within the time.
    pub seq: u64,
    /// Where to wait.
    signal: Arc<Signal>,
}

/// Everything that threads of the log share.
pub(crate) struct Shared {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) dir: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: LogOptions,
    pub(crate) reject_schema: Arc<Schema>,
    pub(crate) wal: WalFiles,
    pub(crate) order: Mutex<Order>,
    /// Signalled when groups became durable, rows were sealed, or a spare file is ready.
    pub(crate) room: Condvar,
    /// Signalled when a group became durable.
    pub(crate) durable: Condvar,
    pub(crate) state: RwLock<State>,
    pub(crate) manifest: Mutex<Manifest>,
    /// Schema versions of all placed commits.
    pub(crate) schemas: RwLock<HashMap<(RelationId, SchemaVersionId), Arc<Schema>>>,
    /// Directories of relations that exist and whose names are durable.
    pub(crate) dirs: Mutex<HashSet<RelationId>>,
    /// Salts and file names.
    pub(crate) random: Mutex<fastrand::Rng>,
    /// What the writer of a group puts it together in.
    pub(crate) write_buffer: Mutex<Vec<u8>>,
    /// Held while rows are sealed.
    pub(crate) sealing: Mutex<()>,
    /// Held while segments are merged.
    pub(crate) merging: Mutex<()>,
    pub(crate) closed: AtomicBool,
    pub(crate) lock: Mutex<Option<Box<dyn Lock>>>,
    pub(crate) background: Background,
}

/// Where a placed commit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is durable.
    Durable(Timestamp),
    /// Somebody writes.
    Wait,
    /// Nobody writes.
    Write,
}

/// A handle to the log; clones share it.
#[derive(Clone)]
pub struct Log {
    handle: Arc<Handle>,
}

/// Ends the threads with the last clone.
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.background.stop();
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("dir", &self.handle.shared.dir).finish_non_exhaustive()
    }
}

impl Log {
    /// Locks and recovers the log in `dir`, or makes an empty one there (the parent of `dir` must
    /// exist).
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Corrupt`], [`Error::UnknownVersion`], [`Error::DiskFull`],
    /// [`Error::Io`].
    pub fn open(
        fs: Arc<dyn Fs>,
        dir: &Path,
        clock: Arc<dyn Clock>,
        options: LogOptions,
    ) -> Result<Self, Error> {
        let shared = Arc::new(open::open(fs, dir, clock, options)?);
        if shared.options.background {
            Background::start(&shared)?;
        } else {
            match shared.tend_files() {
                // What is there can be read, and the current file may have room.
                Ok(()) | Err(Error::DiskFull) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { handle: Arc::new(Handle { shared }) })
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    /// Sets who is told of each commit when it has its place (time and seq known), before it is
    /// durable. It runs under the order lock: it must be short and must not call the log.
    pub fn set_observer(&self, observer: Observer) {
        self.shared().order.lock().observer = Some(observer);
    }

    /// Gives the commit its place. It becomes durable with the group it is in; somebody must
    /// [`Log::wait`] for it.
    ///
    /// # Errors
    /// [`Error::DiskFull`], [`Error::Invalid`], [`Error::Closed`], [`Error::Io`]: nothing was kept.
    pub fn place(&self, commit: Commit) -> Result<Placed, Error> {
        self.shared().place(&commit)
    }

    /// Blocks until the commit is durable.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk failed; whether the commit is kept is known after a restart.
    pub fn wait(&self, placed: &Placed) -> Result<Timestamp, Error> {
        self.shared().wait(placed)
    }

    /// As [`Log::wait`] for a task: where the commit stands. With [`Turn::Wait`] the task is woken when
    /// that changes; with [`Turn::Write`] somebody has to call [`Log::write_next`], which blocks.
    ///
    /// # Errors
    /// As [`Log::wait`].
    pub fn poll_durable(&self, placed: &Placed, waker: &Waker) -> Result<Turn, Error> {
        let order = self.shared().order.lock();
        if order.durable_time >= placed.time {
            return Ok(Turn::Durable(placed.time));
        }
        if let Some(error) = &order.poison {
            return Err(error.clone());
        }
        if order.writing || order.handed_over {
            placed.signal.register(waker);
            return Ok(Turn::Wait);
        }
        Ok(Turn::Write)
    }

    /// Writes the first group that waits, unless somebody writes just now.
    pub fn write_next(&self) {
        let shared = self.shared();
        let mut order = shared.order.lock();
        if !order.writing {
            shared.lead(&mut order);
        }
    }

    /// [`Log::place`] and [`Log::wait`].
    ///
    /// # Errors
    /// As those.
    pub fn commit(&self, commit: Commit) -> Result<Timestamp, Error> {
        self.wait(&self.place(commit)?)
    }

    /// Starts writing a statement too large for the WAL. The schema version must be in the log, or
    /// in the commit that attaches the rows.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::DiskFull`], [`Error::Io`].
    pub fn spool(&self, relation: RelationId, schema: &Schema) -> Result<Spool, Error> {
        let shared = self.shared();
        shared.check_open()?;
        Ok(Spool::new(SpoolTarget {
            fs: Arc::clone(&shared.fs),
            dir: shared.relation_dir(relation)?,
            relation,
            schema: Arc::new(schema.clone()),
            row_group_row_count: shared.options.row_group_row_count,
            zstd_level: shared.options.segment_zstd_level,
            file_row_count: shared.options.merge_row_count.div_ceil(4),
            seed: shared.random.lock().u64(..),
        }))
    }

    /// Time of the newest durable commit.
    #[must_use]
    pub fn durable_time(&self) -> Timestamp {
        self.shared().state.read().durable_time
    }

    /// Blocks until [`Log::durable_time`] is greater than `after`, or `timeout` has passed; returns
    /// the durable time.
    #[must_use]
    pub fn wait_for(&self, after: Timestamp, timeout: Duration) -> Timestamp {
        let shared = self.shared();
        let deadline = Instant::now() + timeout;
        let mut order = shared.order.lock();
        while order.durable_time <= after {
            if shared.durable.wait_until(&mut order, deadline).timed_out() {
                break;
            }
        }
        order.durable_time
    }

    /// Durable groups after `after`, in order: at least one if there is any, then as long as they
    /// hold no more than `row_count_max` rows together. Groups older than what is kept in memory
    /// are put together from the history; of those, groups without rows or DDL are left out.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn groups(&self, after: Timestamp, row_count_max: usize) -> Result<Vec<Arc<Group>>, Error> {
        groups::groups(&self.shared().state, after, row_count_max as u64)
    }

    /// The history of one relation, consistent at the time of the call. Parts are in ascending
    /// (time, seq).
    ///
    /// # Errors
    /// [`Error::Invalid`] if `columns` names one that `schema` has not.
    pub fn scan(&self, scan: &Scan) -> Result<Vec<Part>, Error> {
        let shared = self.shared();
        let state = shared.state.read();
        match state.histories.get(&(scan.relation, scan.kind)) {
            Some(history) => scan::parts(history, scan, shared.options.part_row_count),
            None => Ok(Vec::new()),
        }
    }

    /// All durable DDL records after `after`.
    ///
    /// # Errors
    /// None today; a log that keeps old records on disk may fail to read them.
    pub fn ddl(&self, after: Timestamp) -> Result<Vec<(Timestamp, Bytes)>, Error> {
        Ok(self.shared().state.read().meta.ddl(after).to_vec())
    }

    /// The watermark of a relation at a durable time: the largest candidate committed up to and
    /// including it.
    #[must_use]
    pub fn watermark(&self, relation: RelationId, at: Timestamp) -> Option<i64> {
        self.shared().state.read().meta.watermark(relation, at)
    }

    /// The times after `after` at which the watermark rose, and to what.
    #[must_use]
    pub fn watermark_steps(&self, relation: RelationId, after: Timestamp) -> Vec<(Timestamp, i64)> {
        self.shared().state.read().meta.steps(relation, after).to_vec()
    }

    /// Newest durable external offsets: partition to offset.
    #[must_use]
    pub fn offsets(&self, relation: RelationId) -> BTreeMap<String, String> {
        self.shared().state.read().meta.offsets(relation)
    }

    /// Epoch, sequence and time of the newest durable commit of a producer.
    #[must_use]
    pub fn producer(&self, name: &str) -> Option<(u64, u64, Timestamp)> {
        self.shared().state.read().meta.producer(name)
    }

    /// The wall clock at a time, microseconds.
    #[must_use]
    pub fn wall_clock(&self, time: Timestamp) -> i64 {
        let offset = self.shared().state.read().meta.wall_offset(time);
        time.micros().wrapping_add(offset)
    }

    /// Lets go of the newest groups in memory, which are kept for those who follow the log. Who has not
    /// read them yet gets them from where they are stored.
    pub fn forget_recent(&self) {
        self.shared().state.write().forget_recent();
    }

    /// Figures about a relation; zeros if it has no rows.
    #[must_use]
    pub fn statistics(&self, relation: RelationId) -> RelationStatistics {
        let state = self.shared().state.read();
        let mut statistics = RelationStatistics::default();
        for kind in [RowKind::Rows, RowKind::Rejects] {
            let Some(history) = state.histories.get(&(relation, kind)) else { continue };
            let sealed: u64 = history.segments.iter().map(|segment| segment.meta.row_count).sum();
            let unsealed: u64 =
                history.unsealed.iter().map(|unsealed| unsealed.entry.row_count).sum();
            let bytes: u64 = history.segments.iter().map(|segment| segment.meta.size_bytes).sum();
            let attached =
                history.unsealed.iter().flat_map(|unsealed| match &unsealed.entry.source {
                    Source::Segments(segments) => segments.as_slice(),
                    Source::Memory { .. } => &[],
                });
            let attached: u64 = attached.map(|segment| segment.meta.size_bytes).sum();
            statistics.disk_bytes += bytes + attached + history.unsealed_bytes as u64;
            match kind {
                RowKind::Rows => statistics.row_count = sealed + unsealed,
                RowKind::Rejects => statistics.reject_count = sealed + unsealed,
            }
            let newest = match history.unsealed.back() {
                Some(unsealed) => Some(unsealed.time),
                None => history.segments.last().map(|segment| segment.meta.time_max),
            };
            if let (RowKind::Rows, Some(time)) = (kind, newest) {
                let offset = state.meta.wall_offset(time);
                statistics.last_row_at = Some(time.micros().wrapping_add(offset));
            }
        }
        statistics
    }

    /// Seals all durable rows and waits for it.
    ///
    /// # Errors
    /// [`Error::DiskFull`] (try again later) or [`Error::Io`].
    pub fn seal(&self) -> Result<(), Error> {
        self.shared().check_open()?;
        self.shared().seal_all()
    }

    /// Merges small segments until there is nothing left to merge. Background threads do this by
    /// themselves.
    ///
    /// # Errors
    /// As [`Log::seal`].
    pub fn merge(&self) -> Result<(), Error> {
        self.shared().check_open()?;
        while self.shared().merge_one()? {}
        Ok(())
    }

    /// Makes all placed commits durable, seals, ends the threads and releases the directory. Later
    /// calls that write answer [`Error::Closed`].
    ///
    /// # Errors
    /// As [`Log::seal`]; a full disk is none, since the WAL has everything.
    pub fn close(self) -> Result<(), Error> {
        let shared = self.shared();
        shared.check_open()?;
        shared.closed.store(true, Ordering::SeqCst);
        let flushed = shared.flush();
        let sealed = flushed.and_then(|()| shared.seal_all());
        shared.background.stop();
        shared.lock.lock().take();
        match sealed {
            Err(Error::DiskFull) => Ok(()),
            other => other,
        }
    }
}

impl Shared {
    pub(crate) fn check_open(&self) -> Result<(), Error> {
        if self.closed.load(Ordering::SeqCst) { Err(Error::Closed) } else { Ok(()) }
    }

    fn place(&self, commit: &Commit) -> Result<Placed, Error> {
        self.check_open()?;
        let known = |relation, version| self.schemas.read().get(&(relation, version)).cloned();
        let mut prepared = prepare(commit, known, &self.reject_schema)?;
        let limit = self.options.statement_inline_bytes_max as u64;
        if prepared.size_bytes > limit {
            return Err(Error::Invalid(format!(
                "a commit of {} bytes does not fit the WAL: spool its rows",
                prepared.size_bytes
            )));
        }
        let alone = commit.ddl.is_some();
        let mut order = self.order.lock();
        self.find_room(&mut order, &prepared, alone)?;
        if !commit.schemas.is_empty() {
            let mut schemas = self.schemas.write();
            for (relation, schema) in &commit.schemas {
                schemas.insert((*relation, schema.version), Arc::new(schema.clone()));
            }
        }
        let (group, seq) = order.place(prepared.seq_count, prepared.size_bytes);
        prepared.put_at(group.time, seq);
        group.frames.append(&mut prepared.frames);
        group.entries.append(&mut prepared.entries);
        group.changes.append(&mut changes_of(commit, group.time));
        let placed = Placed { time: group.time, seq, signal: Arc::clone(&group.signal) };
        let wall_micros = group.wall_micros;
        if alone {
            order.close_group();
        }
        if let Some(observer) = &order.observer {
            observer(&PlacedCommit { time: placed.time, wall_micros, seq, commit });
        }
        Ok(placed)
    }

    /// Makes sure that the last group of the queue takes the commit, which then cannot fail.
    fn find_room(
        &self,
        order: &mut MutexGuard<'_, Order>,
        prepared: &Prepared,
        alone: bool,
    ) -> Result<(), Error> {
        let size_bytes = prepared.size_bytes;
        loop {
            if let Some(error) = &order.poison {
                return Err(error.clone());
            }
            if order.queue_bytes > 0
                && order.queue_bytes + size_bytes > self.options.queue_bytes_max as u64
            {
                self.lead_or_wait(order);
                continue;
            }
            if self.wait_for_sealing(order, !prepared.entries.is_empty())? {
                continue;
            }
            let group_bytes_max = self.options.group_bytes_max as u64;
            if !alone && order.fits_open_group(size_bytes, group_bytes_max) {
                return Ok(());
            }
            if order.open_group(size_bytes, self.clock.now_micros()) {
                if order.has_file_task() {
                    self.background.tend_files();
                }
                return Ok(());
            }
            if !self.options.background {
                let tended = MutexGuard::unlocked(order, || self.tend_files());
                if order.open_group(size_bytes, self.clock.now_micros()) {
                    return Ok(());
                }
                tended?;
                continue;
            }
            if order.disk_full {
                return Err(Error::DiskFull);
            }
            self.background.tend_files();
            self.room.wait_for(order, ROOM_WAIT);
        }
    }

    /// Waits while more rows are unsealed than memory is meant for; `true` if it waited.
    fn wait_for_sealing(
        &self,
        order: &mut MutexGuard<'_, Order>,
        has_rows: bool,
    ) -> Result<bool, Error> {
        let is_over = self.state.read().unsealed_bytes > self.options.unsealed_bytes_max;
        if !has_rows || !is_over {
            return Ok(false);
        }
        if order.disk_full {
            return Err(Error::DiskFull);
        }
        if self.options.background {
            self.background.tend_rows();
            self.room.wait_for(order, ROOM_WAIT);
        } else {
            MutexGuard::unlocked(order, || self.seal_all())?;
        }
        Ok(true)
    }

    fn lead_or_wait(&self, order: &mut MutexGuard<'_, Order>) {
        if order.writing {
            self.room.wait_for(order, ROOM_WAIT);
        } else {
            self.lead(order);
        }
    }

    fn wait(&self, placed: &Placed) -> Result<Timestamp, Error> {
        let mut order = self.order.lock();
        loop {
            if order.durable_time >= placed.time {
                return Ok(placed.time);
            }
            if let Some(error) = &order.poison {
                return Err(error.clone());
            }
            if order.writing || order.handed_over {
                placed.signal.park(&mut order);
            } else {
                self.lead(&mut order);
            }
        }
    }

    /// Makes everything placed durable.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        let mut order = self.order.lock();
        while order.writing || !order.queue.is_empty() {
            if let Some(error) = &order.poison {
                return Err(error.clone());
            }
            self.lead_or_wait(&mut order);
        }
        order.poison.clone().map_or(Ok(()), Err)
    }

    /// Writes what was handed over, until nothing waits.
    pub(crate) fn write_handed_over(&self) {
        let mut order = self.order.lock();
        while order.handed_over && !order.writing {
            order.handed_over = false;
            self.lead(&mut order);
        }
    }

    /// Writes the first group of the queue.
    fn lead(&self, order: &mut MutexGuard<'_, Order>) {
        let durable_lsn = order.durable_lsn;
        let Some(group) = order.begin_write() else { return };
        let written = MutexGuard::unlocked(order, || self.write(group, durable_lsn));
        match written {
            Ok(done) => order.end_write(&done, self.options.background),
            Err(error) => order.set_poison(error),
        }
        if order.handed_over {
            self.background.write_group();
        }
        self.durable.notify_all();
        self.room.notify_all();
        self.background.group_written(self.seal_is_due());
    }

    /// Makes a group durable, and then visible.
    fn write(&self, group: PlacedGroup, durable_lsn: u64) -> Result<GroupDone, Error> {
        let mut bytes = self.write_buffer.lock();
        group_bytes(&group.header(durable_lsn), &group.frames, &mut bytes);
        let file = &group.file.file;
        file.write_all_at(&bytes, group.offset)
            .inspect(|()| fault_point("wal.written"))
            .and_then(|()| file.sync_data()) // wal_sync
            .map_err(|error| self.wal.fatal("write the log", error))?;
        fault_point("wal.synced");
        bytes.clear();
        bytes.shrink_to(WRITE_BUFFER_BYTES_KEPT);
        drop(bytes);
        let done = GroupDone {
            lsn: group.lsn,
            time: group.time,
            frames_bytes: group.size_bytes - GROUP_HEADER_SIZE_BYTES as u64,
            signal: group.signal,
        };
        self.state.write().publish(DurableGroup {
            lsn: group.lsn,
            time: group.time,
            wall_micros: group.wall_micros,
            entries: group.entries,
            changes: group.changes,
        });
        Ok(done)
    }

    /// Makes, recycles and removes WAL files until all is as it should be.
    pub(crate) fn tend_files(&self) -> Result<(), Error> {
        loop {
            let task = self.order.lock().next_file_task();
            let Some(task) = task else { return Ok(()) };
            let made = self.do_file_task(task);
            let mut order = self.order.lock();
            match made {
                Ok(Some(file)) => order.add_spare(file),
                Ok(None) => {}
                Err(Error::DiskFull) => {
                    order.set_disk_full();
                    self.room.notify_all();
                    return Err(Error::DiskFull);
                }
                Err(error) => {
                    order.set_poison(error.clone());
                    self.room.notify_all();
                    return Err(error);
                }
            }
            self.room.notify_all();
        }
    }

    fn do_file_task(&self, task: FileTask) -> Result<Option<WalFile>, Error> {
        let salt = self.random.lock().u64(..);
        match task {
            FileTask::Make { generation, size_bytes } => {
                self.wal.make(FileHeader { salt, generation, size_bytes }).map(Some)
            }
            FileTask::Recycle { generation, old } => {
                let size_bytes = old.header.size_bytes;
                let header = FileHeader { salt, generation, size_bytes };
                self.wal.recycle(&old, header).map(Some)
            }
            FileTask::Remove(old) => self.wal.remove(old.header.generation).map(|()| None),
        }
    }

    /// The directory of a relation's segments; made if need be.
    pub(crate) fn relation_dir(&self, relation: RelationId) -> Result<PathBuf, Error> {
        let root = self.dir.join("seg");
        let dir = root.join(relation.to_string());
        let mut dirs = self.dirs.lock();
        if !dirs.contains(&relation) {
            self.fs
                .create_dir(&dir)
                .and_then(|()| self.fs.sync_dir(&root)) // relation_dir_sync
                .map_err(|error| Error::io_or_full("create a directory of segments", error))?;
            dirs.insert(relation);
        }
        Ok(dir)
    }
}
