//! [`WalFiles`]: making, recycling and removing WAL files.
//!
//! A file comes into being under the name `….tmp`, is filled with zeros and synced, and only then
//! gets its real name: whatever is called `….wal` has a good header, so that a bad one is damage.
//! Filling ahead keeps the file system's journal, and a full disk, out of every commit.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::header::{BLOCK_SIZE_BYTES, FileHeader};
use crate::{Error, File, Fs};

/// Bytes zeroed by one write.
const ZERO_CHUNK_BYTES: u64 = 1 << 20;

/// Zeros written before a sync, so that a commit's sync in between waits for no more than this.
const ZERO_SYNC_BYTES: u64 = 16 << 20;

/// A WAL file in use or waiting to be.
#[derive(Debug)]
pub(crate) struct WalFile {
    /// The open file.
    pub(crate) file: Arc<dyn File>,
    /// Its header.
    pub(crate) header: FileHeader,
}

/// The directory of WAL files.
#[derive(Debug)]
pub(crate) struct WalFiles {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
}

impl WalFiles {
    pub(crate) fn new(fs: Arc<dyn Fs>, dir: PathBuf) -> Self {
        Self { fs, dir }
    }

    pub(crate) fn fs(&self) -> &Arc<dyn Fs> {
        &self.fs
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the file of a generation is.
    pub(crate) fn path(&self, generation: u64) -> PathBuf {
        self.dir.join(format!("{generation:020}.wal"))
    }

    fn temporary(&self, generation: u64) -> PathBuf {
        self.dir.join(format!("{generation:020}.tmp"))
    }

    /// The generation in a file name.
    pub(crate) fn generation_of(name: &str) -> Option<u64> {
        name.strip_suffix(".wal")?.parse().ok()
    }

    /// Makes a zero-filled file.
    ///
    /// # Errors
    /// [`Error::DiskFull`], after which nothing of the file is left; other errors are fatal.
    pub(crate) fn make(&self, header: FileHeader) -> Result<WalFile, Error> {
        assert_eq!(header.size_bytes % BLOCK_SIZE_BYTES, 0, "files are whole blocks");
        let temporary = self.temporary(header.generation);
        let filled = self.fill(&temporary, &header);
        if let Err(error) = &filled
            && crate::error::is_full(error)
        {
            // The room is needed, and the next attempt uses the same name.
            if let Err(error) = self.fs.remove(&temporary) {
                tracing::warn!(%error, path = %temporary.display(), "could not remove an unfinished file");
            }
            return Err(Error::DiskFull);
        }
        let file = filled.map_err(|error| self.fatal("make a WAL file", error))?;
        self.publish(&temporary, header, file)
    }

    fn fill(&self, path: &Path, header: &FileHeader) -> io::Result<Arc<dyn File>> {
        let file = match self.fs.create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.fs.remove(path)?;
                self.fs.create(path)?
            }
            other => other?,
        };
        file.write_all_at(&header.encode(), 0)?;
        let zeros = vec![0; ZERO_CHUNK_BYTES.min(header.size_bytes) as usize];
        let mut offset = BLOCK_SIZE_BYTES;
        while offset < header.size_bytes {
            let size = ZERO_CHUNK_BYTES.min(header.size_bytes - offset);
            file.write_all_at(&zeros[..size as usize], offset)?;
            offset += size;
            if offset.is_multiple_of(ZERO_SYNC_BYTES) {
                file.sync_data()?;
            }
        }
        file.sync_data()?; // wal_fill_sync
        Ok(file)
    }

    /// Gives an old file, of which nothing is needed any more, a new life.
    ///
    /// # Errors
    /// All are fatal.
    pub(crate) fn recycle(&self, old: &WalFile, header: FileHeader) -> Result<WalFile, Error> {
        assert_eq!(header.size_bytes, old.header.size_bytes, "recycling keeps the size");
        let temporary = self.temporary(header.generation);
        let renamed = self
            .fs
            .rename(&self.path(old.header.generation), &temporary)
            // Before the header changes, the old name must be gone for good.
            .and_then(|()| self.fs.sync_dir(&self.dir)) // wal_recycle_sync_dir
            .and_then(|()| old.file.write_all_at(&header.encode(), 0))
            .and_then(|()| old.file.sync_data()); // wal_recycle_sync
        renamed.map_err(|error| self.fatal("recycle a WAL file", error))?;
        self.publish(&temporary, header, Arc::clone(&old.file))
    }

    fn publish(
        &self,
        temporary: &Path,
        header: FileHeader,
        file: Arc<dyn File>,
    ) -> Result<WalFile, Error> {
        self.fs
            .rename(temporary, &self.path(header.generation))
            .and_then(|()| self.fs.sync_dir(&self.dir)) // wal_publish_sync_dir
            .map_err(|error| self.fatal("name a WAL file", error))?;
        Ok(WalFile { file, header })
    }

    /// Removes a file of which nothing is needed any more.
    ///
    /// # Errors
    /// All are fatal.
    pub(crate) fn remove(&self, generation: u64) -> Result<(), Error> {
        self.fs
            .remove(&self.path(generation))
            .map_err(|error| self.fatal("remove a WAL file", error))
    }

    /// Ends the process; what is returned is seen only by a simulated one.
    pub(crate) fn fatal(&self, what: &str, error: io::Error) -> Error {
        self.fs.fatal(what, &error);
        Error::io(what, error)
    }
}
