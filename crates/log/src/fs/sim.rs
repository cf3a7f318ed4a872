//! [`SimFs`]: a disk in memory that can lose power, fill up and fail, by seed.
//!
//! A hook sees each change before it happens, and may look at what a power cut at that moment would
//! leave ([`SimFs::crash`]) without disturbing the run: one run gives as many crashes as it makes
//! changes, times as many seeds as one likes.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::disk::{Disk, InodeId, Node};
use super::{Crash, File, Fs, Lock};

/// A failure to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The disk answers EIO.
    Io,
    /// The disk is full.
    Full,
}

/// Sees each change before it happens.
type Hook = Arc<dyn Fn(&SimFs) + Send + Sync>;

/// A simulated file system; clones share it.
#[derive(Clone)]
pub struct SimFs {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    disk: Disk,
    locks: Arc<Mutex<HashSet<PathBuf>>>,
    /// Changes so far.
    change_count: u64,
    /// The change that fails, and how.
    fault: Option<(u64, Fault)>,
    /// Bytes of all files at most.
    capacity_bytes: u64,
    /// What [`Fs::fatal`] was told; nothing works any more.
    fatal: Option<String>,
    hook: Option<Hook>,
}

impl fmt::Debug for SimFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimFs")
    }
}

impl SimFs {
    /// An empty disk with the directory `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self::of(Disk::new(root))
    }

    fn of(disk: Disk) -> Self {
        Self {
            shared: Arc::new(Mutex::new(Shared {
                disk,
                locks: Arc::default(),
                change_count: 0,
                fault: None,
                capacity_bytes: u64::MAX,
                fatal: None,
                hook: None,
            })),
        }
    }

    /// The disk that a power cut now would leave. This one goes on.
    #[must_use]
    pub fn crash(&self, crash: Crash) -> Self {
        Self::of(self.shared.lock().disk.crash(crash))
    }

    /// Sets who sees each change (write, sync, create, rename, remove) before it happens.
    pub fn set_hook(&self, hook: Option<Hook>) {
        self.shared.lock().hook = hook;
    }

    /// How many changes there were.
    #[must_use]
    pub fn change_count(&self) -> u64 {
        self.shared.lock().change_count
    }

    /// Makes the change with this number fail (the next one is [`SimFs::change_count`]).
    pub fn fail_at(&self, change: u64, fault: Fault) {
        self.shared.lock().fault = Some((change, fault));
    }

    /// Sets how many bytes all files together may have.
    pub fn set_capacity_bytes(&self, capacity_bytes: u64) {
        self.shared.lock().capacity_bytes = capacity_bytes;
    }

    /// Bytes of all files.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.shared.lock().disk.size_bytes()
    }

    /// What [`Fs::fatal`] was told, if it was called: a real process would be gone.
    #[must_use]
    pub fn fatal_message(&self) -> Option<String> {
        self.shared.lock().fatal.clone()
    }

    /// All files and their contents.
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let shared = self.shared.lock();
        shared.disk.files().into_iter().map(|(path, bytes)| (path, bytes.to_vec())).collect()
    }

    /// Changes a file behind everybody's back.
    ///
    /// # Panics
    /// If there is no such file.
    pub fn damage(&self, path: &Path, change: impl Fn(&mut Vec<u8>)) {
        let mut shared = self.shared.lock();
        let Some(Node::File(id)) = shared.disk.node(path) else {
            panic!("there is no file {}", path.display())
        };
        shared.disk.inode(id).damage(change);
    }

    /// Called before each change; says how it fails, if it does.
    fn before_change(&self) -> io::Result<()> {
        let hook = self.shared.lock().hook.clone();
        if let Some(hook) = hook {
            hook(self);
        }
        let mut shared = self.shared.lock();
        if shared.fatal.is_some() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let number = shared.change_count;
        shared.change_count += 1;
        match shared.fault {
            Some((at, Fault::Io)) if at == number => Err(io::Error::from_raw_os_error(libc::EIO)),
            Some((at, Fault::Full)) if at == number => {
                Err(io::Error::from_raw_os_error(libc::ENOSPC))
            }
            _ => Ok(()),
        }
    }

    fn handle(&self, id: InodeId) -> Arc<dyn File> {
        Arc::new(SimFile { fs: self.clone(), id })
    }
}

fn missing() -> io::Error {
    ErrorKind::NotFound.into()
}

impl Fs for SimFs {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let node = self.shared.lock().disk.node(path);
        match node {
            Some(Node::File(id)) => Ok(self.handle(id)),
            Some(Node::Dir) => Err(ErrorKind::IsADirectory.into()),
            None => Err(missing()),
        }
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.before_change()?;
        let mut shared = self.shared.lock();
        if shared.disk.node(path).is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let id = shared.disk.create(path).ok_or_else(missing)?;
        drop(shared);
        Ok(self.handle(id))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.before_change()?;
        self.shared.lock().disk.rename(from, to).ok_or_else(missing)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if self.shared.lock().disk.node(path).is_none() {
            return Err(missing());
        }
        self.before_change()?;
        self.shared.lock().disk.unlink(path).ok_or_else(missing)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        if self.shared.lock().disk.has_dir(path) {
            return Ok(());
        }
        self.before_change()?;
        self.shared.lock().disk.create_dir(path).ok_or_else(missing)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.shared.lock().disk.names(path).ok_or_else(missing)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.before_change()?;
        self.shared.lock().disk.sync_dir(path).ok_or_else(missing)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let held = Arc::clone(&self.shared.lock().locks);
        if !held.lock().insert(path.to_owned()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock { held, path: path.to_owned() }))
    }

    fn fatal(&self, what: &str, error: &io::Error) {
        let mut shared = self.shared.lock();
        shared.fatal.get_or_insert_with(|| format!("could not {what}: {error}"));
    }
}

/// An open simulated file.
#[derive(Debug)]
struct SimFile {
    fs: SimFs,
    id: InodeId,
}

impl File for SimFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut shared = self.fs.shared.lock();
        let bytes = &shared.disk.inode(self.id).bytes;
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let read = from.checked_add(buffer.len()).and_then(|to| bytes.get(from..to));
        buffer.copy_from_slice(read.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        self.fs.before_change()?;
        let mut shared = self.fs.shared.lock();
        let size = shared.disk.size_bytes();
        let capacity = shared.capacity_bytes;
        let inode = shared.disk.inode(self.id);
        let growth = (offset + data.len() as u64).saturating_sub(inode.bytes.len() as u64);
        if growth > 0 && size.saturating_add(growth) > capacity {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        inode.write(data, offset as usize);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let failed = self.fs.before_change();
        let mut shared = self.fs.shared.lock();
        let inode = shared.disk.inode(self.id);
        match failed {
            Ok(()) => inode.sync(),
            Err(_) => inode.forget(),
        }
        failed
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.fs.shared.lock().disk.inode(self.id).bytes.len() as u64)
    }
}

/// A simulated lock.
#[derive(Debug)]
struct SimLock {
    held: Arc<Mutex<HashSet<PathBuf>>>,
    path: PathBuf,
}

impl Lock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.held.lock().remove(&self.path);
    }
}
