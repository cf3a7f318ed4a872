//! [`Order`]: the one lock under which commits get their place, and the WAL files they get it in.
//!
//! ```text
//!            place                        lead                     publish
//! commit ──────────► queue of groups ──────────► WAL file, synced ─────────► State
//!                    last one open        (one at a time)
//! ```
//!
//! A group's place in a file is fixed when its first commit is placed, and it never grows past that
//! file: room is found, or refused, before anything is promised. A group that waits for a sync takes
//! in whatever comes meanwhile; there is no timer.
//!
//! The first commit after a pause writes its group itself; what was placed meanwhile is written by the
//! log's own thread, so that nobody who has what he waited for works for others.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

use kappa_types::Timestamp;
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::history::Entry;
use crate::meta::Change;
use crate::wal::{BLOCK_SIZE_BYTES, Frame, GROUP_HEADER_SIZE_BYTES, GroupHeader, WalFile, padded};
use crate::{Error, LogOptions, Observer};

/// The wall clock of a group may be off by this much, microseconds, before it is written down: a
/// clock that was set back costs one entry and not one for each group.
const WALL_SLACK_MICROS: i64 = 10_000;

/// A file that filled within this time, microseconds, is followed by one twice as large …
const GROW_WITHIN_MICROS: i64 = 5_000_000;

/// … and one that took longer than this by one of half the size.
const SHRINK_AFTER_MICROS: i64 = 60_000_000;

/// Files ready before they are needed …
const SPARE_COUNT: usize = 2;

/// … and from this size on, which takes longer to fill than to make.
const SPARE_COUNT_LARGE: usize = 1;

/// Bytes of a large file.
const LARGE_FILE_BYTES: u64 = 32 << 20;

/// Where the members of one group wait: threads and tasks.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    condvar: Condvar,
    parked: AtomicUsize,
    /// Only touched under the order lock, so nobody waits for this one.
    wakers: Mutex<Vec<Waker>>,
}

impl Signal {
    pub(crate) fn park(&self, order: &mut MutexGuard<'_, Order>) {
        self.parked.fetch_add(1, Ordering::Relaxed);
        self.condvar.wait(order);
        self.parked.fetch_sub(1, Ordering::Relaxed);
    }

    /// Has a task woken with the others; once per task and group.
    pub(crate) fn register(&self, waker: &Waker) {
        let mut wakers = self.wakers.lock();
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    fn wake_all(&self) {
        self.condvar.notify_all();
        self.wakers.lock().drain(..).for_each(Waker::wake);
    }

    fn wake_one(&self) -> bool {
        self.parked.load(Ordering::Relaxed) > 0 && self.condvar.notify_one()
    }
}

/// A group that is not durable.
#[derive(Debug)]
pub(crate) struct PlacedGroup {
    pub(crate) lsn: u64,
    pub(crate) time: Timestamp,
    pub(crate) wall_micros: i64,
    /// Where it is written.
    pub(crate) file: Arc<WalFile>,
    /// Where in the file.
    pub(crate) offset: u64,
    /// Bytes of header and frames.
    pub(crate) size_bytes: u64,
    pub(crate) frames: Vec<Frame>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) changes: Vec<Change>,
    pub(crate) signal: Arc<Signal>,
    next_seq: u64,
    /// Takes no more commits.
    closed: bool,
}

impl PlacedGroup {
    /// Its header, as of the writing.
    pub(crate) fn header(&self, durable_lsn: u64) -> GroupHeader {
        GroupHeader {
            salt: self.file.header.salt,
            lsn: self.lsn,
            durable_lsn,
            time: self.time.0,
            wall_micros: self.wall_micros,
            body_size_bytes: self.size_bytes - GROUP_HEADER_SIZE_BYTES as u64,
            frame_count: u32::try_from(self.frames.len()).expect("groups are bounded in bytes"),
        }
    }

    fn end(&self) -> u64 {
        self.offset + padded(self.size_bytes)
    }
}

/// What is to be done about WAL files.
#[derive(Debug)]
pub(crate) enum FileTask {
    /// Make a spare of this generation and size.
    Make { generation: u64, size_bytes: u64 },
    /// Make a spare of this generation out of a file that is not needed.
    Recycle { generation: u64, old: Arc<WalFile> },
    /// Remove a file that is not needed.
    Remove(Arc<WalFile>),
}

/// The order of commits.
pub(crate) struct Order {
    /// Groups to be written; the last may be open.
    pub(crate) queue: VecDeque<PlacedGroup>,
    /// Bytes in `queue`.
    pub(crate) queue_bytes: u64,
    /// Whether somebody writes a group.
    pub(crate) writing: bool,
    /// Whether the log's own thread has been asked to write the next group.
    pub(crate) handed_over: bool,
    /// Newest durable group.
    pub(crate) durable_lsn: u64,
    /// Its time.
    pub(crate) durable_time: Timestamp,
    /// Why nothing can be written any more.
    pub(crate) poison: Option<Error>,
    /// Whether the last attempt to make a file or a segment found the disk full.
    pub(crate) disk_full: bool,
    pub(crate) observer: Option<Observer>,
    next_lsn: u64,
    last_time: Timestamp,
    wall_offset: i64,
    /// Files with groups, oldest first, each with its first group's number; the last is written to.
    files: VecDeque<(Arc<WalFile>, u64)>,
    /// Where the next group begins, if none is open.
    offset: u64,
    /// When the current file was begun, microseconds of the clock.
    file_begun_micros: i64,
    spares: VecDeque<Arc<WalFile>>,
    /// Files of which nothing is needed.
    free: Vec<Arc<WalFile>>,
    next_generation: u64,
    /// Size of the next spare.
    spare_size_bytes: u64,
    /// A commit waits for a file of at least this size.
    needed_size_bytes: u64,
    size_bytes_min: u64,
    size_bytes_max: u64,
}

/// Where recovery left the WAL.
pub(crate) struct OrderStart {
    /// Files, the current one last, with their first groups.
    pub(crate) files: Vec<(Arc<WalFile>, u64)>,
    /// Where to go on in the current one.
    pub(crate) offset: u64,
    /// Files after it.
    pub(crate) spares: Vec<Arc<WalFile>>,
    /// Number of the next group.
    pub(crate) next_lsn: u64,
    /// Newest time.
    pub(crate) last_time: Timestamp,
    /// Wall clock less time then.
    pub(crate) wall_offset: i64,
}

impl Order {
    pub(crate) fn new(start: OrderStart, options: &LogOptions, now_micros: i64) -> Self {
        let all = start.files.iter().map(|(file, _)| file).chain(&start.spares);
        let next_generation = all.map(|file| file.header.generation).max().unwrap_or(0) + 1;
        let (min, max) = (options.wal_file_size_bytes_min, options.wal_file_size_bytes_max);
        Self {
            queue: VecDeque::new(),
            queue_bytes: 0,
            writing: false,
            handed_over: false,
            durable_lsn: start.next_lsn - 1,
            durable_time: start.last_time,
            poison: None,
            disk_full: false,
            observer: None,
            next_lsn: start.next_lsn,
            last_time: start.last_time,
            wall_offset: start.wall_offset,
            files: start.files.into(),
            offset: start.offset,
            file_begun_micros: now_micros,
            spares: start.spares.into(),
            free: Vec::new(),
            next_generation,
            spare_size_bytes: min,
            needed_size_bytes: 0,
            size_bytes_min: min,
            size_bytes_max: max,
        }
    }

    /// Whether the last group takes a commit of this size.
    pub(crate) fn fits_open_group(&self, size_bytes: u64, group_bytes_max: u64) -> bool {
        self.queue.back().is_some_and(|group| {
            let size_bytes = group.size_bytes + size_bytes;
            !group.closed
                && size_bytes <= group_bytes_max
                && group.offset + padded(size_bytes) <= group.file.header.size_bytes
        })
    }

    /// Opens a group for a commit of this size; `false` if there is no file with room for it.
    pub(crate) fn open_group(&mut self, size_bytes: u64, now_micros: i64) -> bool {
        self.close_group();
        let size_bytes = GROUP_HEADER_SIZE_BYTES as u64 + size_bytes;
        if self.offset + padded(size_bytes) > self.current().header.size_bytes
            && !self.next_file(size_bytes, now_micros)
        {
            return false;
        }
        let now = Timestamp(u64::try_from(now_micros).unwrap_or(0));
        let time = self.last_time.next().max(now);
        assert!(time > self.last_time, "there is time left");
        let wall_micros = self.wall_clock(time, now_micros);
        self.queue.push_back(PlacedGroup {
            lsn: self.next_lsn,
            time,
            wall_micros,
            file: Arc::clone(self.current()),
            offset: self.offset,
            size_bytes: GROUP_HEADER_SIZE_BYTES as u64,
            frames: Vec::new(),
            entries: Vec::new(),
            changes: Vec::new(),
            signal: Arc::new(Signal::default()),
            next_seq: 0,
            closed: false,
        });
        self.last_time = time;
        self.next_lsn += 1;
        true
    }

    /// The wall clock to write down: the time itself as long as the clock has not jumped.
    fn wall_clock(&mut self, time: Timestamp, now_micros: i64) -> i64 {
        let predicted = time.micros().wrapping_add(self.wall_offset);
        if now_micros == time.micros() {
            self.wall_offset = 0;
        } else if now_micros.abs_diff(predicted) > WALL_SLACK_MICROS as u64 {
            self.wall_offset = now_micros.wrapping_sub(time.micros());
        }
        time.micros().wrapping_add(self.wall_offset)
    }

    fn current(&self) -> &Arc<WalFile> {
        &self.files.back().expect("there is always a file").0
    }

    /// Goes on to a spare with room for a group of this size.
    fn next_file(&mut self, size_bytes: u64, now_micros: i64) -> bool {
        let needed = BLOCK_SIZE_BYTES + padded(size_bytes);
        while let Some(spare) = self.spares.pop_front() {
            if spare.header.size_bytes < needed {
                self.free.push(spare);
                continue;
            }
            let took = now_micros.saturating_sub(self.file_begun_micros);
            let size = self.current().header.size_bytes;
            let target = if took < GROW_WITHIN_MICROS {
                size * 2
            } else if took > SHRINK_AFTER_MICROS {
                size / 2
            } else {
                size
            };
            let whole = target.next_multiple_of(BLOCK_SIZE_BYTES);
            self.spare_size_bytes = whole.clamp(self.size_bytes_min, self.size_bytes_max);
            self.file_begun_micros = now_micros;
            self.files.push_back((spare, self.next_lsn));
            self.offset = BLOCK_SIZE_BYTES;
            self.needed_size_bytes = 0;
            return true;
        }
        self.needed_size_bytes = needed;
        false
    }

    /// Adds a commit to the open group and gives it the seq returned, with the group's time.
    pub(crate) fn place(&mut self, seq_count: u64, size_bytes: u64) -> (&mut PlacedGroup, u64) {
        let group = self.queue.back_mut().expect("a group was opened");
        let seq = group.next_seq;
        group.next_seq += seq_count;
        group.size_bytes += size_bytes;
        self.queue_bytes += size_bytes;
        assert!(group.end() <= group.file.header.size_bytes, "a group stays within its file");
        (group, seq)
    }

    /// Lets the open group take no more commits.
    pub(crate) fn close_group(&mut self) {
        if let Some(group) = self.queue.back_mut()
            && !group.closed
        {
            group.closed = true;
            self.offset = group.end();
        }
    }

    /// The next group to be written.
    pub(crate) fn begin_write(&mut self) -> Option<PlacedGroup> {
        assert!(!self.writing, "one group is written at a time");
        if self.queue.len() == 1 {
            self.close_group();
        }
        let group = self.queue.pop_front()?;
        self.writing = true;
        Some(group)
    }

    /// The group is durable and those who wait for it go on. The next one is the log's own thread's,
    /// if there is one (`has_writer`), else one of its members writes it.
    pub(crate) fn end_write(&mut self, group: &GroupDone, has_writer: bool) {
        self.writing = false;
        (self.durable_lsn, self.durable_time) = (group.lsn, group.time);
        self.queue_bytes -= group.frames_bytes;
        group.signal.wake_all();
        if has_writer {
            self.handed_over = !self.queue.is_empty();
            return;
        }
        for next in &self.queue {
            if next.signal.wake_one() {
                break;
            }
        }
    }

    /// Nothing is written any more; everybody learns why.
    pub(crate) fn set_poison(&mut self, error: Error) {
        self.writing = false;
        self.poison.get_or_insert(error);
        self.queue.iter().for_each(|group| group.signal.wake_all());
    }

    /// Sets free the files that hold only groups before this number.
    pub(crate) fn free_before(&mut self, lsn: u64) {
        while self.files.len() > 1 && self.files[1].1 <= lsn {
            let (file, _) = self.files.pop_front().expect("there are several");
            self.free.push(file);
        }
    }

    /// Bytes of files that hold groups.
    pub(crate) fn files_bytes(&self) -> u64 {
        self.files.iter().map(|(file, _)| file.header.size_bytes).sum()
    }

    /// Whether something is to be done about files.
    pub(crate) fn has_file_task(&self) -> bool {
        self.lacks_spares() || !self.free.is_empty()
    }

    fn lacks_spares(&self) -> bool {
        let wanted = self.spare_size_bytes.max(self.needed_size_bytes);
        let count = if wanted < LARGE_FILE_BYTES { SPARE_COUNT } else { SPARE_COUNT_LARGE };
        self.spares.len() < count || self.needed_size_bytes > 0
    }

    /// What is to be done about files, if anything.
    pub(crate) fn next_file_task(&mut self) -> Option<FileTask> {
        let wanted = self.spare_size_bytes.max(self.needed_size_bytes);
        if self.disk_full
            && let Some(at) = self.free.iter().position(|file| file.header.size_bytes != wanted)
        {
            return Some(FileTask::Remove(self.free.swap_remove(at)));
        }
        if self.lacks_spares() {
            let generation = self.next_generation;
            self.next_generation += 1;
            let same = self.free.iter().position(|file| file.header.size_bytes == wanted);
            return Some(match same {
                Some(at) => FileTask::Recycle { generation, old: self.free.swap_remove(at) },
                None => FileTask::Make { generation, size_bytes: wanted },
            });
        }
        self.free.pop().map(FileTask::Remove)
    }

    /// There was no room for a file; the next attempt is for a small one.
    pub(crate) fn set_disk_full(&mut self) {
        self.disk_full = true;
        self.spare_size_bytes = self.size_bytes_min;
    }

    /// A spare is ready.
    pub(crate) fn add_spare(&mut self, file: WalFile) {
        if file.header.size_bytes >= self.needed_size_bytes {
            self.needed_size_bytes = 0;
        }
        self.disk_full = false;
        self.spares.push_back(Arc::new(file));
    }
}

/// What is left of a group when it was written.
pub(crate) struct GroupDone {
    pub(crate) lsn: u64,
    pub(crate) time: Timestamp,
    /// Bytes of its frames.
    pub(crate) frames_bytes: u64,
    pub(crate) signal: Arc<Signal>,
}
