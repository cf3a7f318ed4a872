//! Reading the WAL back after a stop of any kind.
//!
//! Groups are followed by their numbers. Where the chain ends there is either a torn tail, the
//! remains of a group that nobody was told about, or damage to acknowledged groups:
//!
//! * Sectors of one un-synced write reach the disk in any order, so a good *frame* after a bad one
//!   proves nothing. A good later *group* proves that everything up to its `durable_lsn` was synced.
//! * So the end at number E is a torn tail only if no later good group has `durable_lsn >= E` (we look
//!   at every block boundary), and the manifest does not say that E was durable. Else recovery
//!   refuses.
//! * What remains open is rot in the very last synced group, which looks like a torn one.
//!
//! Heads of torn groups are overwritten with zeros and synced, so that the next recovery of the same
//! disk finds what this one found.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::file::{WalFile, WalFiles};
use super::frame::{FrameHead, read_frames};
use super::header::{
    BLOCK_SIZE_BYTES, FileHeader, GROUP_HEADER_SIZE_BYTES, GroupHeader, HeaderError, padded,
};
use crate::{Error, File};

/// Bytes read at a time.
const WINDOW_BYTES: u64 = 1 << 20;

/// A good group.
#[derive(Debug)]
pub(crate) struct RecoveredGroup {
    /// Its header.
    pub(crate) header: GroupHeader,
    /// Its frames.
    pub(crate) frames: Vec<(FrameHead, Vec<u8>)>,
}

/// The WAL as recovery left it.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// All files in order. The last with a first group is where writing goes on (the first of all if
    /// there are no groups); those after it are spares.
    pub(crate) files: Vec<RecoveredFile>,
    /// Index of the file where writing goes on.
    pub(crate) current: usize,
    /// Offset there.
    pub(crate) offset: u64,
    /// Number of the next group.
    pub(crate) next_lsn: u64,
}

/// One file of the WAL.
#[derive(Debug)]
pub(crate) struct RecoveredFile {
    /// The file.
    pub(crate) file: Arc<WalFile>,
    /// Number of its first group.
    pub(crate) first_lsn: Option<u64>,
}

/// Reads all groups in order.
///
/// # Errors
/// [`Error::Corrupt`] if acknowledged groups are missing; whatever `on_group` returns.
pub(crate) fn recover(
    wal: &WalFiles,
    replay_lsn: u64,
    durable_lsn: u64,
    mut on_group: impl FnMut(RecoveredGroup) -> Result<(), Error>,
) -> Result<Recovered, Error> {
    let mut files = open_files(wal)?;
    let mut chain = Chain { expected: None, replay_lsn, strays: Vec::new(), torn: Vec::new() };
    let (mut current, mut end) = (0, BLOCK_SIZE_BYTES);
    for (index, entry) in files.iter_mut().enumerate() {
        let path = wal.path(entry.file.header.generation);
        let mut reader = Reader::new(Arc::clone(&entry.file), path);
        let mut offset = BLOCK_SIZE_BYTES;
        while let Some((group, next)) = chain.next(&mut reader, offset)? {
            entry.first_lsn.get_or_insert(group.header.lsn);
            (current, end, offset) = (index, next, next);
            on_group(group)?;
        }
        chain.probe(&mut reader, offset)?;
    }
    let next_lsn = chain.finish(wal, durable_lsn)?;
    Ok(Recovered { files, current, offset: end, next_lsn })
}

/// Opens, syncs and checks the files, oldest first; removes unfinished ones.
fn open_files(wal: &WalFiles) -> Result<Vec<RecoveredFile>, Error> {
    let io = |error| Error::io("read the WAL directory", error);
    let mut files = Vec::new();
    for name in wal.fs().list(wal.dir()).map_err(io)? {
        let Some(generation) = WalFiles::generation_of(&name) else {
            if name.ends_with(".tmp") {
                wal.fs().remove(&wal.dir().join(&name)).map_err(io)?;
            }
            continue;
        };
        let path = wal.path(generation);
        let file = wal.fs().open(&path).map_err(io)?;
        // What we read must be what is on the disk, not what an earlier run left in memory.
        file.sync_data().map_err(|error| wal.fatal("sync a WAL file", error))?; // wal_open_sync
        let header = read_file_header(file.as_ref(), path.clone())?;
        let size_bytes = file.size_bytes().map_err(io)?;
        if header.generation != generation || size_bytes < header.size_bytes {
            return Err(Error::corrupt(path, "its header belongs to another file"));
        }
        files.push(RecoveredFile { file: Arc::new(WalFile { file, header }), first_lsn: None });
    }
    files.sort_by_key(|entry| entry.file.header.generation);
    Ok(files)
}

fn read_file_header(file: &dyn File, path: PathBuf) -> Result<FileHeader, Error> {
    let mut block = vec![0; BLOCK_SIZE_BYTES as usize];
    match file.read_exact_at(&mut block, 0) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(Error::corrupt(path, "it ends within its header"));
        }
        other => other.map_err(|error| Error::io("read a WAL file", error))?,
    }
    match FileHeader::decode(&block) {
        Ok(header) => Ok(header),
        Err(HeaderError::Invalid) => Err(Error::corrupt(path, "its header is not intact")),
        Err(HeaderError::Unknown(what)) => Err(Error::UnknownVersion { path, what }),
    }
}

/// Where we are in the numbers.
struct Chain {
    /// Number of the next group, once there was one.
    expected: Option<u64>,
    /// Number of the first group that the manifest does not cover.
    replay_lsn: u64,
    /// Good groups that are not in the chain, with the number that was expected then.
    strays: Vec<(PathBuf, GroupHeader, u64)>,
    /// Heads to wipe.
    torn: Vec<(Arc<WalFile>, u64)>,
}

impl Chain {
    /// The next group of the chain and where it ends, if it stands at `offset`.
    fn next(
        &mut self,
        reader: &mut Reader,
        offset: u64,
    ) -> Result<Option<(RecoveredGroup, u64)>, Error> {
        let Some((group, next)) = reader.group(offset)? else { return Ok(None) };
        let lsn = group.header.lsn;
        if self.expected.is_none() && lsn > self.replay_lsn {
            let what = format!("its first group is {lsn}, but {} is needed", self.replay_lsn);
            return Err(Error::corrupt(&reader.path, what));
        }
        // Files that are not needed go in any order, so there may be gaps before `replay_lsn`.
        let is_next = |expected| expected == lsn || (expected < lsn && lsn <= self.replay_lsn);
        if !self.expected.is_none_or(is_next) {
            return Ok(None);
        }
        self.expected = Some(lsn + 1);
        Ok(Some((group, next)))
    }

    /// Looks at every block from `offset` on for what is not in the chain.
    fn probe(&mut self, reader: &mut Reader, mut offset: u64) -> Result<(), Error> {
        let expected = self.expected.unwrap_or(0).max(self.replay_lsn);
        while offset < reader.file.header.size_bytes {
            if let Some(header) = reader.header(offset)? {
                self.torn.push((Arc::clone(&reader.file), offset));
                if reader.group(offset)?.is_some() {
                    self.strays.push((reader.path.clone(), header, expected));
                }
            }
            offset += BLOCK_SIZE_BYTES;
        }
        Ok(())
    }

    /// Decides between torn tail and damage, wipes torn heads, and returns the next number.
    fn finish(self, wal: &WalFiles, durable_lsn: u64) -> Result<u64, Error> {
        for (path, header, expected) in &self.strays {
            // wal_torn_tail_rule
            if header.durable_lsn >= *expected || header.lsn == *expected {
                let what = format!(
                    "group {expected} is not intact, but group {} after it says that it was durable",
                    header.lsn
                );
                return Err(Error::corrupt(path, what));
            }
        }
        let next_lsn = self.expected.unwrap_or(0).max(self.replay_lsn);
        if next_lsn <= durable_lsn {
            let what = format!("groups end before {next_lsn}, but {durable_lsn} was durable");
            return Err(Error::corrupt(wal.dir(), what));
        }
        let zeros = [0; GROUP_HEADER_SIZE_BYTES];
        for (file, offset) in &self.torn {
            file.file
                .write_all_at(&zeros, *offset)
                .and_then(|()| file.file.sync_data()) // wal_wipe_sync
                .map_err(|error| wal.fatal("wipe a torn group", error))?;
        }
        Ok(next_lsn)
    }
}

/// Reads one file through a window.
struct Reader {
    file: Arc<WalFile>,
    path: PathBuf,
    window: Vec<u8>,
    window_offset: u64,
}

impl Reader {
    const fn new(file: Arc<WalFile>, path: PathBuf) -> Self {
        Self { file, path, window: Vec::new(), window_offset: 0 }
    }

    /// `size` bytes at `offset`; `None` if the file ends before.
    fn bytes(&mut self, offset: u64, size: u64) -> Result<Option<&[u8]>, Error> {
        let file_size = self.file.header.size_bytes;
        let Some(end) = offset.checked_add(size).filter(|end| *end <= file_size) else {
            return Ok(None);
        };
        let window_end = self.window_offset + self.window.len() as u64;
        if offset < self.window_offset || end > window_end {
            let read = size.max(WINDOW_BYTES).min(file_size - offset);
            self.window.resize(read as usize, 0);
            self.window_offset = offset;
            self.file
                .file
                .read_exact_at(&mut self.window, offset)
                .map_err(|error| Error::io("read a WAL file", error))?;
        }
        let start = (offset - self.window_offset) as usize;
        Ok(Some(&self.window[start..start + size as usize]))
    }

    /// The group header at `offset`, if there is a good one of this life of the file.
    fn header(&mut self, offset: u64) -> Result<Option<GroupHeader>, Error> {
        let salt = self.file.header.salt;
        let Some(bytes) = self.bytes(offset, GROUP_HEADER_SIZE_BYTES as u64)? else {
            return Ok(None);
        };
        match GroupHeader::decode(bytes, salt) {
            Ok(header) => Ok(Some(header)),
            Err(HeaderError::Invalid) => Ok(None),
            Err(HeaderError::Unknown(what)) => {
                Err(Error::UnknownVersion { path: self.path.clone(), what })
            }
        }
    }

    /// The group at `offset` and where it ends, if all of it is good.
    fn group(&mut self, offset: u64) -> Result<Option<(RecoveredGroup, u64)>, Error> {
        let Some(header) = self.header(offset)? else { return Ok(None) };
        let body_offset = offset + GROUP_HEADER_SIZE_BYTES as u64;
        let Some(body) = self.bytes(body_offset, header.body_size_bytes)? else { return Ok(None) };
        let Some(frames) = read_frames(&header, body) else { return Ok(None) };
        let end = padded(body_offset + header.body_size_bytes);
        Ok(Some((RecoveredGroup { header, frames }, end)))
    }
}
