//! [`Catalog`]: the newest snapshot, and the index on disk that follows it.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use kappa_types::Timestamp;
use parking_lot::{Mutex, RwLock};

use crate::meta::Index;
use crate::{DdlRecord, Error, Ids, Snapshot};

/// What exists. Readers take a [`Snapshot`] and keep it as long as they like.
#[derive(Debug)]
pub struct Catalog {
    newest: RwLock<Arc<Snapshot>>,
    ids: Ids,
    index: Mutex<Index>,
}

impl Catalog {
    /// The catalogue that the DDL records of the log make, oldest first. `dir` holds the index; it
    /// may be missing, old or damaged, then it is made again. Without `dir` there is none.
    ///
    /// # Errors
    /// [`Error::Damaged`] and [`Error::UnknownVersion`] if a record cannot be read. Trouble with the
    /// index is never an error: it is logged, and the index is made again or left out.
    pub fn open(
        dir: Option<&Path>,
        ddl: impl Iterator<Item = (Timestamp, Bytes)>,
    ) -> Result<Self, Error> {
        let (index, snapshot) = Index::open(dir, ddl)?;
        let ids = Ids::default();
        ids.pass(&snapshot.counters);
        Ok(Self { newest: RwLock::new(Arc::new(snapshot)), ids, index: Mutex::new(index) })
    }

    /// The catalogue after the last applied DDL.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.newest.read())
    }

    /// Numbers for new things.
    #[must_use]
    pub const fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Applies a record that the log has taken at `time`. Records are applied in the order of the
    /// log; their edits were checked with [`crate::check()`] against the snapshot before, under a lock
    /// that the caller holds from the check to here.
    ///
    /// # Panics
    /// If `time` is not after the last applied one, or an edit does not fit.
    pub fn apply(&self, time: Timestamp, record: &DdlRecord) -> Arc<Snapshot> {
        // The index lock also keeps two callers from applying at once.
        let mut index = self.index.lock();
        let before = self.snapshot();
        assert!(time > before.time, "DDL is applied in the order of the log");
        let after = Arc::new(before.after(time, &record.edits));
        self.ids.pass(&after.counters);
        *self.newest.write() = Arc::clone(&after);
        index.follow(record, &before, &after);
        after
    }

    /// Writes the index through to the disk; for a clean stop. Without it the next start replays
    /// more records.
    pub fn sync(&self) {
        self.index.lock().sync();
    }
}
