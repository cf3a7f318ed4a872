//! Opening a log: lock, manifest, WAL, and away with what no commit names.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kappa_types::{Clock, RelationId, Schema, Timestamp};
use parking_lot::{Condvar, Mutex, RwLock};

use crate::background::Background;
use crate::encoding::Malformed;
use crate::history::{DurableGroup, Entry, Source, State};
use crate::log::Shared;
use crate::manifest::Manifest;
use crate::meta::Change;
use crate::order::{Order, OrderStart};
use crate::prepare::{Reread, reread};
use crate::segment::{Segment, SegmentMeta};
use crate::wal::{
    BLOCK_SIZE_BYTES, FileHeader, Recovered, RecoveredGroup, WalFile, WalFiles, recover,
};
use crate::{Error, Fs, LogOptions, RowKind, reject_schema};

/// Opens or makes the log in `dir`.
pub(crate) fn open(
    fs: Arc<dyn Fs>,
    dir: &Path,
    clock: Arc<dyn Clock>,
    options: LogOptions,
) -> Result<Shared, Error> {
    let io = |error| Error::io_or_full("make the data directory", error);
    fs.create_dir(dir).map_err(io)?;
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs.sync_dir(parent).map_err(io)?; // data_dir_sync
    }
    let lock = fs.lock(&dir.join("LOCK")).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => Error::Locked { path: dir.to_owned() },
        _ => Error::io_or_full("lock the data directory", error),
    })?;
    for name in ["wal", "seg"] {
        fs.create_dir(&dir.join(name)).map_err(io)?;
    }
    fs.sync_dir(dir).map_err(io)?;
    let mut random = options.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
    let wal = WalFiles::new(Arc::clone(&fs), dir.join("wal"));
    let (manifest, edits) = match Manifest::open(Arc::clone(&fs), dir, MANIFEST_CHUNK_BYTES)? {
        Some(found) => found,
        None => (initialize(&fs, dir, &wal, &mut random, &options)?, Vec::new()),
    };
    let mut opener = Opener {
        fs: Arc::clone(&fs),
        dir: dir.join("seg"),
        reject_schema: Arc::new(reject_schema()),
        state: State::new(options.recent_bytes_max),
    };
    opener.restore(edits)?;
    let recovered = opener.replay(&wal)?;
    manifest.collect().map_err(|error| Error::io("collect old manifests", error))?;
    let dirs = opener.collect()?;
    let Opener { state, reject_schema, .. } = opener;
    let recovered = match recovered.files.is_empty() {
        true => with_a_file(&wal, recovered, &mut random, &options)?,
        false => recovered,
    };
    let now_micros = clock.now_micros();
    let order = Order::new(order_start(&state, recovered), &options, now_micros);
    let schemas: HashMap<_, _> =
        state.meta.schemas().map(|(key, schema)| (*key, Arc::clone(schema))).collect();
    Ok(Shared {
        dir: dir.to_owned(),
        fs,
        clock,
        options,
        reject_schema,
        wal,
        order: Mutex::new(order),
        room: Condvar::new(),
        durable: Condvar::new(),
        state: RwLock::new(state),
        manifest: Mutex::new(manifest),
        schemas: RwLock::new(schemas),
        dirs: Mutex::new(dirs.into_iter().collect()),
        random: Mutex::new(random),
        write_buffer: Mutex::new(Vec::new()),
        sealing: Mutex::new(()),
        merging: Mutex::new(()),
        closed: AtomicBool::new(false),
        lock: Mutex::new(Some(lock)),
        background: Background::default(),
    })
}

/// Bytes by which the manifest grows.
const MANIFEST_CHUNK_BYTES: u64 = 16 << 10;

/// Makes the first manifest. `CURRENT` comes last: a directory without it was never used, and what
/// an interrupted start left there goes.
fn initialize(
    fs: &Arc<dyn Fs>,
    dir: &Path,
    wal: &WalFiles,
    random: &mut fastrand::Rng,
    options: &LogOptions,
) -> Result<Manifest, Error> {
    // Groups without a manifest mean that it was lost, not that there was none yet.
    let found = recover(wal, u64::MAX, 0, |_| {
        Err(Error::corrupt(dir, "there are commits, but CURRENT is missing"))
    })?;
    for entry in &found.files {
        wal.remove(entry.file.header.generation)?;
    }
    wal.make(first_file(random, options))?;
    Manifest::create(Arc::clone(fs), dir, 1, random.u64(..), MANIFEST_CHUNK_BYTES, &[])
}

fn first_file(random: &mut fastrand::Rng, options: &LogOptions) -> FileHeader {
    FileHeader {
        salt: random.u64(..),
        generation: 1,
        size_bytes: options.wal_file_size_bytes_min.max(2 * BLOCK_SIZE_BYTES),
    }
}

fn with_a_file(
    wal: &WalFiles,
    recovered: Recovered,
    random: &mut fastrand::Rng,
    options: &LogOptions,
) -> Result<Recovered, Error> {
    let file: WalFile = wal.make(first_file(random, options))?;
    let files = vec![crate::wal::RecoveredFile { file: Arc::new(file), first_lsn: None }];
    Ok(Recovered { files, current: 0, offset: BLOCK_SIZE_BYTES, ..recovered })
}

fn order_start(state: &State, recovered: Recovered) -> OrderStart {
    let mut files = Vec::new();
    let mut spares = Vec::new();
    for (index, entry) in recovered.files.into_iter().enumerate() {
        if index <= recovered.current {
            files.push((entry.file, entry.first_lsn.unwrap_or(recovered.next_lsn)));
        } else {
            spares.push(entry.file);
        }
    }
    OrderStart {
        files,
        offset: recovered.offset,
        spares,
        next_lsn: recovered.next_lsn,
        last_time: state.durable_time,
        wall_offset: state.meta.wall_offset(state.durable_time),
    }
}

/// The state while it is read.
struct Opener {
    fs: Arc<dyn Fs>,
    /// Directory of all segments.
    dir: std::path::PathBuf,
    reject_schema: Arc<Schema>,
    state: State,
}

impl Opener {
    fn restore(&mut self, edits: Vec<crate::manifest::Edit>) -> Result<(), Error> {
        let (fs, dir) = (Arc::clone(&self.fs), self.dir.clone());
        let open = move |meta: SegmentMeta, schema| open_segment(&fs, &dir, meta, schema);
        let restored = self.state.restore(edits, open, &self.reject_schema);
        restored.map_err(|what| Error::corrupt(&self.dir, what))?;
        for segment in self.state.histories.values().flat_map(|history| &history.segments) {
            segment.check_present()?;
        }
        Ok(())
    }

    /// Reads the groups that only the WAL has.
    fn replay(&mut self, wal: &WalFiles) -> Result<Recovered, Error> {
        let (durable_lsn, durable_time) = (self.state.durable_lsn, self.state.durable_time);
        let replay_lsn = self.state.replay_lsn;
        self.state.durable_lsn = replay_lsn - 1;
        self.state.durable_time = Timestamp::MIN;
        let mut is_first = true;
        let recovered = recover(wal, replay_lsn, durable_lsn, |group| {
            if group.header.lsn < replay_lsn {
                return Ok(());
            }
            if std::mem::take(&mut is_first) {
                self.state.recent_after = Timestamp(group.header.time.saturating_sub(1));
            }
            self.replay_group(wal, group)
        })?;
        if is_first {
            self.state.recent_after = durable_time;
        }
        self.state.durable_time = self.state.durable_time.max(durable_time);
        Ok(recovered)
    }

    fn replay_group(&mut self, wal: &WalFiles, group: RecoveredGroup) -> Result<(), Error> {
        let time = Timestamp(group.header.time);
        if time <= self.state.durable_time {
            return Err(Error::corrupt(wal.dir(), format!("time {time} does not move forward")));
        }
        let mut entries: Vec<Entry> = Vec::new();
        let mut changes: Vec<Change> = Vec::new();
        for (head, payload) in group.frames {
            let known = |relation, version| match head.row_kind {
                RowKind::Rejects => Some(Arc::clone(&self.reject_schema)),
                RowKind::Rows => {
                    let own = changes.iter().find_map(|change| match change {
                        Change::Schema(of, schema)
                            if *of == relation && schema.version == version =>
                        {
                            Some(Arc::clone(schema))
                        }
                        _ => None,
                    });
                    own.or_else(|| self.state.meta.schema(relation, version).cloned())
                }
            };
            let open = |meta, schema| open_segment(&self.fs, &self.dir, meta, schema);
            let lsn = group.header.lsn;
            let read = reread(&head, &payload, time, known, open).map_err(|Malformed(what)| {
                Error::corrupt(wal.dir(), format!("group {lsn} cannot be read: {what}"))
            })?;
            match read {
                Reread::Entry(entry) => {
                    self.check_attached(lsn, &entry)?;
                    entries.push(entry);
                }
                Reread::Change(change) => changes.push(change),
            }
        }
        self.state.publish(DurableGroup {
            lsn: group.header.lsn,
            time,
            wall_micros: group.header.wall_micros,
            entries,
            changes,
        });
        Ok(())
    }

    /// Attached files must be there, unless they were taken over by the manifest.
    fn check_attached(&self, lsn: u64, entry: &Entry) -> Result<(), Error> {
        let is_sealed =
            self.state.histories.get(&entry.key).is_some_and(|history| lsn <= history.sealed_lsn);
        match &entry.source {
            Source::Segments(segments) if !is_sealed => {
                segments.iter().try_for_each(|segment| segment.check_present())
            }
            _ => Ok(()),
        }
    }

    /// Removes segment files that no commit names; returns the relations that have a directory.
    fn collect(&self) -> Result<Vec<RelationId>, Error> {
        let io = |error| Error::io("read the directory of segments", error);
        let files = self.state.files();
        let mut relations = Vec::new();
        for dir_name in self.fs.list(&self.dir).map_err(io)? {
            let Ok(number) = dir_name.parse() else { continue };
            let relation = RelationId(number);
            relations.push(relation);
            let dir = self.dir.join(&dir_name);
            for name in self.fs.list(&dir).map_err(io)? {
                if name.ends_with(".parquet") && !files.contains(&(relation, name.clone())) {
                    self.fs.remove(&dir.join(&name)).map_err(io)?;
                }
            }
        }
        // Their names may not have been synced before the crash.
        self.fs.sync_dir(&self.dir).map_err(io)?; // seg_dir_sync_at_open
        Ok(relations)
    }
}

fn open_segment(fs: &Arc<dyn Fs>, root: &Path, meta: SegmentMeta, schema: Arc<Schema>) -> Segment {
    let dir = root.join(meta.relation.to_string());
    Segment::new(Arc::clone(fs), &dir, meta, schema)
}
