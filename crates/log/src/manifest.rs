//! [`Manifest`]: which segments there are, from where the WAL is needed, and what is remembered of the
//! WAL files that are gone.
//!
//! ```text
//! CURRENT     magic 8 │ manifest number u64 │ crc u32
//! MANIFEST-n  header, padded to 512: magic 8 │ version u16 │ features u16 │ zeros u32 │ salt u64
//!             │ number u64 │ crc u32
//!             records, each padded to 512: magic 4 │ payload size u32 │ salt u64 │ index u64
//!             │ payload crc u32 │ crc u32 │ payload = edits
//! ```
//!
//! Record 0 is everything as of the file's making; the others are appended, each synced before the
//! next. So a record that is not intact is a torn tail if nothing good follows it, and damage if
//! something does. Room is zeroed ahead: a full disk shows there, before anything is written.
//! When appended records outweigh record 0, a new file is made and `CURRENT` renamed over to it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kappa_types::{RelationId, Timestamp};

use crate::encoding::{Malformed, Put, Take, row_kind_code, row_kind_of};
use crate::meta::Change;
use crate::segment::SegmentMeta;
use crate::{Error, File, Fs, RowKind};

const CURRENT_MAGIC: &[u8; 8] = b"KAPPACUR";
const FILE_MAGIC: &[u8; 8] = b"KAPPAMAN";
const RECORD_MAGIC: &[u8; 4] = b"KEDT";

/// Version of the manifest's formats.
const VERSION: u16 = 1;

/// Feature bits that this version knows: none yet.
const FEATURES_KNOWN: u16 = 0;

/// The unit of records: one disk sector.
const SECTOR_BYTES: u64 = 512;

const FILE_HEADER_BYTES: usize = 36;
const RECORD_HEADER_BYTES: usize = 32;

/// Appended records are worth a new file from here on.
const ROTATE_BYTES_MIN: u64 = 256 << 10;

/// One statement of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// Something remembered.
    Change(Change),
    /// A segment is part of the history.
    Add(SegmentMeta),
    /// A segment was merged into another.
    Remove(RelationId, RowKind, String),
    /// All rows of the relation in groups up to this number are in segments.
    Sealed(RelationId, RowKind, u64),
    /// Groups before this number are not needed from the WAL.
    Replay {
        /// The number.
        lsn: u64,
        /// Newest group that was durable then.
        durable_lsn: u64,
        /// Its time.
        durable_time: Timestamp,
    },
}

impl Edit {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Change(change) => {
                out.put_u8(1);
                change.encode(out);
            }
            Self::Add(meta) => {
                out.put_u8(2);
                meta.encode(out);
            }
            Self::Remove(relation, kind, name) => {
                out.put_u8(3);
                out.put_u32(relation.0);
                out.put_u8(row_kind_code(*kind));
                out.put_bytes(name.as_bytes());
            }
            Self::Sealed(relation, kind, lsn) => {
                out.put_u8(4);
                out.put_u32(relation.0);
                out.put_u8(row_kind_code(*kind));
                out.put_u64(*lsn);
            }
            Self::Replay { lsn, durable_lsn, durable_time } => {
                out.put_u8(5);
                out.put_u64(*lsn);
                out.put_u64(*durable_lsn);
                out.put_u64(durable_time.0);
            }
        }
    }

    fn decode(from: &mut Take<'_>) -> Result<Self, Malformed> {
        Ok(match from.u8()? {
            1 => Self::Change(Change::decode(from)?),
            2 => Self::Add(SegmentMeta::decode(from)?),
            3 => Self::Remove(RelationId(from.u32()?), row_kind_of(from.u8()?)?, from.string()?),
            4 => Self::Sealed(RelationId(from.u32()?), row_kind_of(from.u8()?)?, from.u64()?),
            5 => Self::Replay {
                lsn: from.u64()?,
                durable_lsn: from.u64()?,
                durable_time: Timestamp(from.u64()?),
            },
            _ => return Err(Malformed("edit that is not known")),
        })
    }
}

/// The open manifest.
#[derive(Debug)]
pub(crate) struct Manifest {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    file: Arc<dyn File>,
    number: u64,
    salt: u64,
    /// Index of the next record.
    index: u64,
    /// Where the next record goes.
    offset: u64,
    /// Up to where the file is filled.
    allocated: u64,
    /// Size of record 0.
    snapshot_bytes: u64,
    /// Bytes zeroed ahead at a time.
    chunk_bytes: u64,
}

impl Manifest {
    /// Makes the manifest `number` of these edits, and makes it the current one.
    ///
    /// # Errors
    /// [`Error::DiskFull`], with nothing changed; others are fatal.
    pub(crate) fn create(
        fs: Arc<dyn Fs>,
        dir: &Path,
        number: u64,
        salt: u64,
        chunk_bytes: u64,
        edits: &[Edit],
    ) -> Result<Self, Error> {
        let path = manifest_path(dir, number);
        match fs.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove an unfinished manifest", error));
            }
            _ => {}
        }
        let file =
            fs.create(&path).map_err(|error| Error::io_or_full("create a manifest", error))?;
        let mut manifest = Self {
            fs,
            dir: dir.to_owned(),
            file,
            number,
            salt,
            index: 0,
            offset: SECTOR_BYTES,
            allocated: 0,
            snapshot_bytes: 0,
            chunk_bytes,
        };
        let written = manifest
            .file
            .write_all_at(&header_bytes(number, salt), 0)
            .map_err(|error| Error::io_or_full("write a manifest", error));
        written.and_then(|()| manifest.append(edits)).inspect_err(|_| {
            if let Err(error) = manifest.fs.remove(&path) {
                tracing::warn!(%error, path = %path.display(), "could not remove an unfinished file");
            }
        })?;
        manifest.snapshot_bytes = manifest.offset - SECTOR_BYTES;
        manifest.make_current()?;
        Ok(manifest)
    }

    fn make_current(&self) -> Result<(), Error> {
        let mut bytes = CURRENT_MAGIC.to_vec();
        bytes.put_u64(self.number);
        let crc = crc32c::crc32c(&bytes);
        bytes.put_u32(crc);
        let temporary = self.dir.join("CURRENT.tmp");
        match self.fs.remove(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(self.fatal("replace CURRENT", error));
            }
            _ => {}
        }
        let file = self
            .fs
            .create(&temporary)
            .map_err(|error| Error::io_or_full("create CURRENT", error))?;
        file.write_all_at(&bytes, 0).map_err(|error| Error::io_or_full("write CURRENT", error))?;
        file.sync_data() // current_sync
            .and_then(|()| self.fs.sync_dir(&self.dir)) // manifest_sync_dir
            .and_then(|()| self.fs.rename(&temporary, &self.dir.join("CURRENT")))
            .and_then(|()| self.fs.sync_dir(&self.dir)) // current_sync_dir
            .map_err(|error| self.fatal("replace CURRENT", error))
    }

    /// Reads the current manifest; `None` if there is none yet.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::UnknownVersion`], [`Error::Io`].
    pub(crate) fn open(
        fs: Arc<dyn Fs>,
        dir: &Path,
        chunk_bytes: u64,
    ) -> Result<Option<(Self, Vec<Edit>)>, Error> {
        let Some(number) = read_current(fs.as_ref(), dir)? else { return Ok(None) };
        let path = manifest_path(dir, number);
        let io = |error| Error::io("read the manifest", error);
        let file = match fs.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::corrupt(path, "CURRENT names it, but it is missing"));
            }
            other => other.map_err(io)?,
        };
        // What we read must be what is on the disk.
        if let Err(error) = file.sync_data() {
            fs.fatal("sync the manifest", &error);
            return Err(Error::io("sync the manifest", error));
        }
        let mut bytes = vec![0; file.size_bytes().map_err(io)? as usize];
        file.read_exact_at(&mut bytes, 0).map_err(io)?;
        let salt = read_header(&path, number, &bytes)?;
        let mut edits = Vec::new();
        let (mut index, mut offset, mut snapshot_bytes) = (0, SECTOR_BYTES, 0);
        while let Some((payload, next)) = read_record(&bytes, offset, salt, index) {
            let mut from = Take::new(payload);
            while !from.is_empty() {
                let edit = Edit::decode(&mut from);
                edits.push(edit.map_err(|Malformed(what)| Error::corrupt(&path, what))?);
            }
            if index == 0 {
                snapshot_bytes = next - offset;
            }
            (index, offset) = (index + 1, next);
        }
        let later = (offset..bytes.len() as u64)
            .step_by(SECTOR_BYTES as usize)
            .any(|offset| read_record_of_any_index(&bytes, offset, salt));
        // manifest_torn_tail_rule
        if index == 0 || later {
            return Err(Error::corrupt(path, format!("record {index} is not intact")));
        }
        let dir = dir.to_owned();
        let allocated = bytes.len() as u64;
        let manifest = Self {
            fs,
            dir,
            file,
            number,
            salt,
            index,
            offset,
            allocated,
            snapshot_bytes,
            chunk_bytes,
        };
        Ok(Some((manifest, edits)))
    }

    /// Adds a record and makes it durable.
    ///
    /// # Errors
    /// [`Error::DiskFull`], with nothing changed; others are fatal.
    pub(crate) fn append(&mut self, edits: &[Edit]) -> Result<(), Error> {
        let mut payload = Vec::new();
        edits.iter().for_each(|edit| edit.encode(&mut payload));
        let mut record = Vec::with_capacity(RECORD_HEADER_BYTES + payload.len());
        record.put(RECORD_MAGIC);
        record.put_u32(u32::try_from(payload.len()).expect("a manifest is far below 4 GiB"));
        record.put_u64(self.salt);
        record.put_u64(self.index);
        record.put_u32(crc32c::crc32c(&payload));
        let crc = crc32c::crc32c(&record);
        record.put_u32(crc);
        record.put(&payload);
        record.resize(record.len().next_multiple_of(SECTOR_BYTES as usize), 0);
        self.allocate(self.offset + record.len() as u64)?;
        self.file
            .write_all_at(&record, self.offset)
            .and_then(|()| self.file.sync_data()) // manifest_sync
            .map_err(|error| self.fatal("write the manifest", error))?;
        self.offset += record.len() as u64;
        self.index += 1;
        Ok(())
    }

    /// Fills the file with zeros up to `end` at least.
    fn allocate(&mut self, end: u64) -> Result<(), Error> {
        if end <= self.allocated {
            return Ok(());
        }
        let end = end.next_multiple_of(self.chunk_bytes);
        let from = self.allocated.max(self.offset);
        self.file
            .write_all_at(&vec![0; (end - from) as usize], from)
            .map_err(|error| Error::io_or_full("grow the manifest", error))?;
        self.file.sync_data().map_err(|error| self.fatal("grow the manifest", error))?; // manifest_grow_sync
        self.allocated = end;
        Ok(())
    }

    /// Whether a new file is due.
    pub(crate) const fn is_long(&self) -> bool {
        let appended = self.offset - SECTOR_BYTES - self.snapshot_bytes;
        appended > ROTATE_BYTES_MIN && appended > self.snapshot_bytes
    }

    /// Replaces the file by a new one that says `edits` and nothing else.
    ///
    /// # Errors
    /// [`Error::DiskFull`], with nothing changed; others are fatal.
    pub(crate) fn rotate(&mut self, salt: u64, edits: &[Edit]) -> Result<(), Error> {
        let fs = Arc::clone(&self.fs);
        let next = Self::create(fs, &self.dir, self.number + 1, salt, self.chunk_bytes, edits)?;
        let old = std::mem::replace(self, next);
        let path = manifest_path(&old.dir, old.number);
        if let Err(error) = old.fs.remove(&path) {
            // It is collected at the next start.
            tracing::warn!(%error, path = %path.display(), "could not remove the old manifest");
        }
        Ok(())
    }

    /// Removes manifests other than this one.
    pub(crate) fn collect(&self) -> io::Result<()> {
        for name in self.fs.list(&self.dir)? {
            let number = name.strip_prefix("MANIFEST-").and_then(|rest| rest.parse::<u64>().ok());
            if number.is_some_and(|number| number != self.number) {
                self.fs.remove(&self.dir.join(name))?;
            }
        }
        Ok(())
    }

    fn fatal(&self, what: &str, error: io::Error) -> Error {
        self.fs.fatal(what, &error);
        Error::io(what, error)
    }
}

fn manifest_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("MANIFEST-{number}"))
}

fn read_current(fs: &dyn Fs, dir: &Path) -> Result<Option<u64>, Error> {
    let path = dir.join("CURRENT");
    let file = match fs.open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| Error::io("open CURRENT", error))?,
    };
    let mut bytes = [0; 20];
    file.read_exact_at(&mut bytes, 0).map_err(|_| Error::corrupt(&path, "it is too short"))?;
    let number = u64::from_le_bytes(bytes[8..16].try_into().expect("eight bytes"));
    let crc = u32::from_le_bytes(bytes[16..20].try_into().expect("four bytes"));
    if &bytes[..8] != CURRENT_MAGIC || crc32c::crc32c(&bytes[..16]) != crc {
        return Err(Error::corrupt(path, "its checksum does not match"));
    }
    Ok(Some(number))
}

fn header_bytes(number: u64, salt: u64) -> Vec<u8> {
    let mut out = FILE_MAGIC.to_vec();
    out.put_u16(VERSION);
    out.put_u16(FEATURES_KNOWN);
    out.put_u32(0);
    out.put_u64(salt);
    out.put_u64(number);
    let crc = crc32c::crc32c(&out);
    out.put_u32(crc);
    assert_eq!(out.len(), FILE_HEADER_BYTES, "manifest header layout");
    out.resize(SECTOR_BYTES as usize, 0);
    out
}

/// Checks the header and returns the salt.
fn read_header(path: &Path, number: u64, bytes: &[u8]) -> Result<u64, Error> {
    let read = || -> Result<_, Malformed> {
        let mut from = Take::new(bytes);
        let magic = from.take(8)?;
        let (version, features) = (from.u16()?, from.u16()?);
        from.u32()?;
        let (salt, of) = (from.u64()?, from.u64()?);
        let intact = magic == FILE_MAGIC
            && crc32c::crc32c(&bytes[..FILE_HEADER_BYTES - 4]) == from.u32()?
            && of == number;
        Ok((intact, version, features, salt))
    };
    match read() {
        Ok((true, VERSION, features, salt)) if features & !FEATURES_KNOWN == 0 => Ok(salt),
        Ok((true, version, features, _)) => Err(Error::UnknownVersion {
            path: path.to_owned(),
            what: format!(
                "format {version} with features {features:#x}, this program knows format {VERSION}"
            ),
        }),
        _ => Err(Error::corrupt(path, "its header is not intact")),
    }
}

/// The payload of record `index` at `offset` and where it ends, if it is intact.
fn read_record(bytes: &[u8], offset: u64, salt: u64, index: u64) -> Option<(&[u8], u64)> {
    let record = bytes.get(offset as usize..)?;
    let (size, found, payload_crc) = read_record_header(record, salt)?;
    let payload = record.get(RECORD_HEADER_BYTES..RECORD_HEADER_BYTES + size)?;
    if found != index || crc32c::crc32c(payload) != payload_crc {
        return None;
    }
    let end = offset + ((RECORD_HEADER_BYTES + size) as u64).next_multiple_of(SECTOR_BYTES);
    Some((payload, end))
}

fn read_record_of_any_index(bytes: &[u8], offset: u64, salt: u64) -> bool {
    let record = &bytes[offset as usize..];
    read_record_header(record, salt)
        .is_some_and(|(_, index, _)| read_record(bytes, offset, salt, index).is_some())
}

fn read_record_header(record: &[u8], salt: u64) -> Option<(usize, u64, u32)> {
    let mut from = Take::new(record);
    let magic = from.take(4).ok()?;
    let (size, of, index) = (from.u32().ok()?, from.u64().ok()?, from.u64().ok()?);
    let (payload_crc, crc) = (from.u32().ok()?, from.u32().ok()?);
    let intact = magic == RECORD_MAGIC
        && of == salt
        && crc32c::crc32c(&record[..RECORD_HEADER_BYTES - 4]) == crc;
    intact.then_some((size as usize, index, payload_crc))
}
