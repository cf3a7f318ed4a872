//! [`Fs`] and [`File`]: all that the log (and checkpoints) need of a file system.
//!
//! The one idea: every write, sync, rename and directory entry passes through these two traits, so
//! offset; there is no cursor to get wrong.
//!
//! Neither trait buffers, retries or creates parent directories.

mod disk;
mod real;
mod sim;

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use disk::Crash;
pub use real::RealFs;
pub use sim::{Fault, SimFs};

/// A file system.
pub trait Fs: Send + Sync + Debug {
    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    /// As the operating system says; `NotFound` if there is none.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Creates a file that must not exist. Its name is durable after [`Fs::sync_dir`].
    ///
    /// # Errors
    /// As the operating system says; `AlreadyExists` if there is one.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Gives a file another name, replacing what had it; durable after [`Fs::sync_dir`].
    ///
    /// # Errors
    /// As the operating system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name; open handles stay readable.
    ///
    /// # Errors
    /// As the operating system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Creates a directory whose parent exists; no error if it is there already.
    ///
    /// # Errors
    /// As the operating system says.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Names of files and directories in a directory, sorted; those that are no UTF-8 are left out.
    ///
    /// # Errors
    /// As the operating system says; `NotFound` if there is no such directory.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// As the operating system says. After an error nothing about the names is known.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Takes the exclusive lock of the file at `path`, creating it; held until the result is
    /// dropped or the process ends.
    ///
    /// # Errors
    /// `WouldBlock` if another process (or another part of this one) holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;

    /// Called after a failed write or sync of the log: nothing more may be acknowledged, since the
    /// kernel may have dropped what it could not write. The real one aborts the process.
    fn fatal(&self, what: &str, error: &io::Error);
}

/// An open file.
pub trait File: Send + Sync + Debug {
    /// Fills `buffer` from `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file ends before, else as the operating system says.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `data` at `offset`, growing the file if need be.
    ///
    /// # Errors
    /// As the operating system says; part may have been written.
    fn write_all_at(&self, data: &[u8], offset: u64) -> io::Result<()>;

    /// Makes written data durable, and as much of the metadata as is needed to read it.
    ///
    /// # Errors
    /// As the operating system says. After an error nothing about un-synced writes is known.
    fn sync_data(&self) -> io::Result<()>;

    /// Size in bytes.
    ///
    /// # Errors
    /// As the operating system says.
    fn size_bytes(&self) -> io::Result<u64>;
}

/// Held for as long as the directory is in use.
pub trait Lock: Send + Sync + Debug {}
