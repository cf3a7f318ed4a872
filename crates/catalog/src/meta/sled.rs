//! [`SledStore`]: sled 0.34.7 behind [`MetaStore`], with the care it needs.
//!
//! * A kill while sled writes its recovery snapshot leaves `snap.*.generating`, after which it never
//!   opens again: such files are deleted first.
//! * `flush` does not reach the disk (it calls `sync_file_range`): the file `db` is synced after it,
//!   and the directory once.
//! * Files only grow: when they are many times what is live, they are thrown away at a start.
//! * One tree, small values, a small cache (the default is 1 GiB).
//! * It may panic on a damaged file: a panic at open is an error like any other.
//!
//! This is the one file outside `log` and `connect` that names `std::fs`: sled does not go through
//! `Fs`, and what it holds may be lost.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::store::{Batch, Broken, MetaStore};

/// Page cache of sled.
const CACHE_SIZE_BYTES: u64 = 32 << 20;
/// How often sled's own thread writes what was applied, milliseconds. Losing it costs a longer start.
const FLUSH_INTERVAL_MS: u64 = 500;
/// Files are thrown away when larger than this many times the live bytes…
const GARBAGE_FACTOR_MAX: u64 = 10;
/// … and larger than this. sled's segments make a small index a few megabytes.
const GARBAGE_SIZE_BYTES_MIN: u64 = 16 << 20;

/// A sled database with one tree.
pub(super) struct SledStore {
    dir: PathBuf,
    db: sled::Db,
}

impl From<sled::Error> for Broken {
    fn from(error: sled::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl SledStore {
    /// Opens or makes the store in `dir`. Throws old garbage away.
    pub(super) fn open(dir: &Path) -> Result<Self, Broken> {
        fs::create_dir_all(dir)?;
        delete_unfinished_snapshots(dir)?;
        let store = Self::open_sled(dir)?;
        let live: u64 = store
            .scan_prefix(&[])?
            .iter()
            .map(|(key, value)| (key.len() + value.len()) as u64)
            .sum();
        let size = store.db.size_on_disk()?;
        if size <= GARBAGE_SIZE_BYTES_MIN.max(live.saturating_mul(GARBAGE_FACTOR_MAX)) {
            return Ok(store);
        }
        drop(store);
        Self::remake(dir)
    }

    /// An empty store in `dir`, whatever was there.
    pub(super) fn remake(dir: &Path) -> Result<Self, Broken> {
        if dir.exists() {
            fs::remove_dir_all(dir)?;
        }
        fs::create_dir_all(dir)?;
        Self::open_sled(dir)
    }

    fn open_sled(dir: &Path) -> Result<Self, Broken> {
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(CACHE_SIZE_BYTES)
            .flush_every_ms(Some(FLUSH_INTERVAL_MS));
        let db = catch_unwind(AssertUnwindSafe(|| config.open()))
            .map_err(|_| Broken("sled panicked at open".to_owned()))??;
        File::open(dir)?.sync_all()?;
        Ok(Self { dir: dir.to_owned(), db })
    }
}

impl MetaStore for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Broken> {
        Ok(self.db.get(key)?.map(|value| value.to_vec()))
    }

    fn scan_prefix(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Broken> {
        let found = self.db.scan_prefix(prefix).map(|pair| {
            let (key, value) = pair?;
            Ok((key.to_vec(), value.to_vec()))
        });
        found.collect()
    }

    fn apply(&mut self, batch: Batch) -> Result<(), Broken> {
        let mut changes = sled::Batch::default();
        for (key, value) in batch {
            match value {
                Some(value) => changes.insert(key, value),
                None => changes.remove(key),
            }
        }
        Ok(self.db.apply_batch(changes)?)
    }

    fn sync(&mut self) -> Result<(), Broken> {
        self.db.flush()?;
        Ok(File::open(self.dir.join("db"))?.sync_data()?)
    }

    fn wipe(&mut self) -> Result<(), Broken> {
        Ok(self.db.clear()?)
    }
}

fn delete_unfinished_snapshots(dir: &Path) -> Result<(), Broken> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
