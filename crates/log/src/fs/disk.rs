//! [`Disk`]: what a simulated disk holds, and what of it a power cut leaves.
//!
//! ```text
//! file       durable bytes │ un-synced writes, in sectors of 512 bytes, each kept or lost by itself
//! directory  durable names │ un-synced links, renames, unlinks, each kept or lost by itself
//! ```
//!
//! Later un-synced writes may survive while earlier ones do not, and half of one write may: whatever
//! order the disk likes. A sector is never torn, as disks promise.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// Number of a file's contents.
pub(crate) type InodeId = u64;

/// A file's contents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inode {
    /// As a reader sees it.
    pub(crate) bytes: Vec<u8>,
    /// As a power cut leaves it.
    durable: Vec<u8>,
    /// Offsets and sizes of un-synced writes, in order; their bytes as written.
    pending: Vec<(usize, Vec<u8>)>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// A file.
    File(InodeId),
    /// A directory.
    Dir,
}

/// A change of names.
#[derive(Clone, Debug)]
enum NameChange {
    Link(String, Node),
    Unlink(String),
    Rename(String, String, Node),
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, Node>) {
        match self {
            Self::Link(name, node) => {
                names.insert(name.clone(), *node);
            }
            Self::Unlink(name) => {
                names.remove(name);
            }
            Self::Rename(from, to, node) => {
                if names.get(from) == Some(node) {
                    names.remove(from);
                }
                names.insert(to.clone(), *node);
            }
        }
    }
}

/// A directory.
#[derive(Clone, Debug, Default)]
struct Dir {
    names: BTreeMap<String, Node>,
    durable: BTreeMap<String, Node>,
    pending: Vec<NameChange>,
}

/// How much of what was not synced survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// Nothing.
    Nothing,
    /// Everything.
    Everything,
    /// Each sector and each change of a name by itself, by this seed.
    Some(u64),
}

/// Files and directories.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    inodes: HashMap<InodeId, Inode>,
    dirs: BTreeMap<PathBuf, Dir>,
    next_inode: InodeId,
}

/// Decides about one thing at a time.
struct Fate {
    random: fastrand::Rng,
    /// Of a hundred, how many survive.
    percent: u8,
}

impl Fate {
    fn new(crash: Crash) -> Self {
        let (seed, percent) = match crash {
            Crash::Nothing => (0, Some(0)),
            Crash::Everything => (0, Some(100)),
            Crash::Some(seed) => (seed, None),
        };
        let mut random = fastrand::Rng::with_seed(seed);
        let drawn = [3, 20, 50, 80, 97][random.usize(..5)];
        Self { percent: percent.unwrap_or(drawn), random }
    }

    fn keeps(&mut self) -> bool {
        self.random.u8(..100) < self.percent
    }
}

impl Disk {
    /// An empty disk with a root directory.
    pub(crate) fn new(root: &Path) -> Self {
        let dirs = [(root.to_owned(), Dir::default())].into();
        Self { inodes: HashMap::new(), dirs, next_inode: 1 }
    }

    /// What a power cut leaves.
    pub(crate) fn crash(&self, crash: Crash) -> Self {
        let mut fate = Fate::new(crash);
        let mut left =
            Self { inodes: HashMap::new(), dirs: BTreeMap::new(), next_inode: self.next_inode };
        for (path, dir) in &self.dirs {
            let reached = path.parent().is_none_or(|parent| {
                let of: Option<&Dir> = left.dirs.get(parent);
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                !self.dirs.contains_key(parent) || of.is_some_and(|of| of.names.contains_key(name))
            });
            if !reached {
                continue;
            }
            let mut names = dir.durable.clone();
            dir.pending.iter().filter(|_| fate.keeps()).for_each(|change| change.apply(&mut names));
            left.dirs
                .insert(path.clone(), Dir { durable: names.clone(), names, pending: Vec::new() });
        }
        let nodes = left.dirs.values().flat_map(|dir| dir.names.values());
        let mut ids: Vec<InodeId> = nodes
            .filter_map(|node| match node {
                Node::File(id) => Some(*id),
                Node::Dir => None,
            })
            .collect();
        ids.sort_unstable();
        for id in ids {
            left.inodes.insert(id, self.inodes[&id].crash(&mut fate));
        }
        left
    }

    pub(crate) fn inode(&mut self, id: InodeId) -> &mut Inode {
        self.inodes.get_mut(&id).expect("contents stay while a handle or a name has them")
    }

    pub(crate) fn node(&self, path: &Path) -> Option<Node> {
        let (parent, name) = split(path)?;
        self.dirs.get(parent)?.names.get(name).copied()
    }

    pub(crate) fn has_dir(&self, path: &Path) -> bool {
        self.dirs.contains_key(path)
    }

    pub(crate) fn names(&self, dir: &Path) -> Option<Vec<String>> {
        Some(self.dirs.get(dir)?.names.keys().cloned().collect())
    }

    /// All files with names, with their contents as a reader sees them.
    pub(crate) fn files(&self) -> Vec<(PathBuf, &[u8])> {
        let mut files = Vec::new();
        for (path, dir) in &self.dirs {
            for (name, node) in &dir.names {
                if let Node::File(id) = node {
                    files.push((path.join(name), self.inodes[id].bytes.as_slice()));
                }
            }
        }
        files
    }

    /// Bytes of all files with names.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.files().iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    pub(crate) fn create(&mut self, path: &Path) -> Option<InodeId> {
        let id = self.next_inode;
        self.change(path, |name| NameChange::Link(name, Node::File(id)))?;
        self.inodes.insert(id, Inode::default());
        self.next_inode += 1;
        Some(id)
    }

    pub(crate) fn create_dir(&mut self, path: &Path) -> Option<()> {
        self.change(path, |name| NameChange::Link(name, Node::Dir))?;
        self.dirs.insert(path.to_owned(), Dir::default());
        Some(())
    }

    pub(crate) fn unlink(&mut self, path: &Path) -> Option<()> {
        self.change(path, NameChange::Unlink)
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path) -> Option<()> {
        let node = self.node(from)?;
        let (to_dir, to_name) = split(to)?;
        assert_eq!(from.parent(), Some(to_dir), "renames stay in their directory");
        self.change(from, |name| NameChange::Rename(name, to_name.to_owned(), node))
    }

    fn change(&mut self, path: &Path, change: impl FnOnce(String) -> NameChange) -> Option<()> {
        let (parent, name) = split(path)?;
        let dir = self.dirs.get_mut(parent)?;
        let change = change(name.to_owned());
        change.apply(&mut dir.names);
        dir.pending.push(change);
        Some(())
    }

    pub(crate) fn sync_dir(&mut self, path: &Path) -> Option<()> {
        let dir = self.dirs.get_mut(path)?;
        dir.durable.clone_from(&dir.names);
        dir.pending.clear();
        Some(())
    }
}

fn split(path: &Path) -> Option<(&Path, &str)> {
    Some((path.parent()?, path.file_name()?.to_str()?))
}

impl Inode {
    pub(crate) fn write(&mut self, data: &[u8], offset: usize) {
        write_at(&mut self.bytes, data, offset);
        self.pending.push((offset, data.to_vec()));
    }

    pub(crate) fn sync(&mut self) {
        for (offset, data) in self.pending.drain(..) {
            write_at(&mut self.durable, &data, offset);
        }
    }

    /// A failed sync: the kernel forgets what it could not write, and the next sync succeeds without
    /// it.
    pub(crate) fn forget(&mut self) {
        self.pending.clear();
    }

    /// Changes both what is read and what is on the disk: damage.
    pub(crate) fn damage(&mut self, change: impl Fn(&mut Vec<u8>)) {
        change(&mut self.bytes);
        change(&mut self.durable);
    }

    fn crash(&self, fate: &mut Fate) -> Self {
        let mut bytes = self.durable.clone();
        for (offset, data) in &self.pending {
            let mut from = 0;
            while from < data.len() {
                let to_boundary = SECTOR_BYTES - (offset + from) % SECTOR_BYTES;
                let to = (from + to_boundary).min(data.len());
                if fate.keeps() {
                    write_at(&mut bytes, &data[from..to], offset + from);
                }
                from = to;
            }
        }
        Self { durable: bytes.clone(), bytes, pending: Vec::new() }
    }
}

fn write_at(bytes: &mut Vec<u8>, data: &[u8], offset: usize) {
    let end = offset + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(data);
}
