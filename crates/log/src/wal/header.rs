//! Headers of WAL files and of commit groups.
//!
//! ```text
//! file header, at the start of a 4 KiB block of its own
//!   magic 8 │ version u16 │ features u16 │ zeros u32 │ salt u64 │ generation u64 │ size u64 │ crc u32
//! group header, at a 4 KiB boundary
//!   magic 4 │ version u16 │ features u16 │ salt u64 │ lsn u64 │ durable_lsn u64 │ time u64
//!   │ wall i64 │ body_size u64 │ frame_count u32 │ crc u32
//! ```
//!
//! `salt` is new each time a file is used, so that groups of its earlier life never count. `lsn`
//! numbers groups without gaps. `durable_lsn` is the newest group that was durable when this one was
//! written: it is what tells a torn tail from damage.

use crate::encoding::{Malformed, Put, Take};

/// The unit in which the WAL is written: durable bytes are never written again with a later group.
pub(crate) const BLOCK_SIZE_BYTES: u64 = 4096;

/// Size of an encoded [`GroupHeader`].
pub(crate) const GROUP_HEADER_SIZE_BYTES: usize = 64;

/// Version of all WAL formats.
const VERSION: u16 = 1;

/// Feature bits that this version knows: none yet.
const FEATURES_KNOWN: u16 = 0;

const FILE_MAGIC: &[u8; 8] = b"KAPPAWAL";
const GROUP_MAGIC: &[u8; 4] = b"KGRP";
const FILE_HEADER_SIZE_BYTES: usize = 44;

/// `size` rounded up to whole blocks.
pub(crate) const fn padded(size_bytes: u64) -> u64 {
    size_bytes.next_multiple_of(BLOCK_SIZE_BYTES)
}

/// A header that cannot be used.
#[derive(Debug)]
pub(crate) enum HeaderError {
    /// Not a header of ours, or not of this life of the file.
    Invalid,
    /// Intact, and of a version or with features that we do not know.
    Unknown(String),
}

impl From<Malformed> for HeaderError {
    fn from(_: Malformed) -> Self {
        Self::Invalid
    }
}

/// What stands at the start of a WAL file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileHeader {
    /// Random, new for each use of the file.
    pub(crate) salt: u64,
    /// Order of the files; also their name.
    pub(crate) generation: u64,
    /// Size of the file, bytes.
    pub(crate) size_bytes: u64,
}

impl FileHeader {
    /// The header's block.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(BLOCK_SIZE_BYTES as usize);
        out.put(FILE_MAGIC);
        out.put_u16(VERSION);
        out.put_u16(FEATURES_KNOWN);
        out.put_u32(0);
        out.put_u64(self.salt);
        out.put_u64(self.generation);
        out.put_u64(self.size_bytes);
        let crc = crc32c::crc32c(&out);
        out.put_u32(crc);
        assert_eq!(out.len(), FILE_HEADER_SIZE_BYTES, "file header layout");
        out.resize(BLOCK_SIZE_BYTES as usize, 0);
        out
    }

    pub(crate) fn decode(block: &[u8]) -> Result<Self, HeaderError> {
        let mut from = Take::new(block);
        let magic = from.take(8)?;
        let (version, features) = (from.u16()?, from.u16()?);
        from.u32()?;
        let header = Self { salt: from.u64()?, generation: from.u64()?, size_bytes: from.u64()? };
        let crc = crc32c::crc32c(&block[..FILE_HEADER_SIZE_BYTES - 4]);
        if magic != FILE_MAGIC || crc != from.u32()? {
            return Err(HeaderError::Invalid);
        }
        known(version, features)?;
        Ok(header)
    }
}

/// What stands before the frames of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupHeader {
    /// Of the file, so that a group counts only in the life of the file it was written in.
    pub(crate) salt: u64,
    /// Number of the group.
    pub(crate) lsn: u64,
    /// Newest group known to be durable when this one was written.
    pub(crate) durable_lsn: u64,
    /// Timestamp of the group.
    pub(crate) time: u64,
    /// Wall clock of the group, microseconds.
    pub(crate) wall_micros: i64,
    /// Bytes of frames that follow, without padding.
    pub(crate) body_size_bytes: u64,
    /// Frames that follow.
    pub(crate) frame_count: u32,
}

impl GroupHeader {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.put(GROUP_MAGIC);
        out.put_u16(VERSION);
        out.put_u16(FEATURES_KNOWN);
        out.put_u64(self.salt);
        out.put_u64(self.lsn);
        out.put_u64(self.durable_lsn);
        out.put_u64(self.time);
        out.put_i64(self.wall_micros);
        out.put_u64(self.body_size_bytes);
        out.put_u32(self.frame_count);
        let crc = crc32c::crc32c(&out[start..]);
        out.put_u32(crc);
        assert_eq!(out.len() - start, GROUP_HEADER_SIZE_BYTES, "group header layout");
    }

    /// The header at the start of `bytes`, if it is one of the file with this salt.
    pub(crate) fn decode(bytes: &[u8], salt: u64) -> Result<Self, HeaderError> {
        let mut from = Take::new(bytes);
        let magic = from.take(4)?;
        let (version, features) = (from.u16()?, from.u16()?);
        let header = Self {
            salt: from.u64()?,
            lsn: from.u64()?,
            durable_lsn: from.u64()?,
            time: from.u64()?,
            wall_micros: from.i64()?,
            body_size_bytes: from.u64()?,
            frame_count: from.u32()?,
        };
        if magic != GROUP_MAGIC || header.salt != salt {
            return Err(HeaderError::Invalid);
        }
        let crc = crc32c::crc32c(&bytes[..GROUP_HEADER_SIZE_BYTES - 4]);
        if crc != from.u32()? {
            return Err(HeaderError::Invalid);
        }
        known(version, features)?;
        Ok(header)
    }
}

fn known(version: u16, features: u16) -> Result<(), HeaderError> {
    if version != VERSION || features & !FEATURES_KNOWN != 0 {
        return Err(HeaderError::Unknown(format!(
            "format {version} with features {features:#x}, this program knows format {VERSION}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_back_and_each_bit_matters() {
        let file = FileHeader { salt: 7, generation: 3, size_bytes: 1 << 20 };
        let mut block = file.encode();
        assert_eq!(FileHeader::decode(&block).unwrap(), file);
        for bit in 0..FILE_HEADER_SIZE_BYTES * 8 {
            block[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(FileHeader::decode(&block), Err(HeaderError::Invalid)), "bit {bit}");
            block[bit / 8] ^= 1 << (bit % 8);
        }
        let group = GroupHeader {
            salt: 7,
            lsn: 2,
            durable_lsn: 1,
            time: 99,
            wall_micros: -5,
            body_size_bytes: 10,
            frame_count: 1,
        };
        let mut bytes = Vec::new();
        group.encode(&mut bytes);
        assert_eq!(GroupHeader::decode(&bytes, 7).unwrap(), group);
        assert!(GroupHeader::decode(&bytes, 8).is_err());
        for bit in 0..GROUP_HEADER_SIZE_BYTES * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(
                matches!(GroupHeader::decode(&bytes, 7), Err(HeaderError::Invalid)),
                "bit {bit}"
            );
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn unknown_versions_and_features_are_refused() {
        for (at, value) in [(8, 2_u8), (10, 1)] {
            let mut block = FileHeader { salt: 7, generation: 3, size_bytes: 4096 }.encode();
            block[at] = value;
            let crc = crc32c::crc32c(&block[..FILE_HEADER_SIZE_BYTES - 4]).to_le_bytes();
            block[FILE_HEADER_SIZE_BYTES - 4..FILE_HEADER_SIZE_BYTES].copy_from_slice(&crc);
            assert!(matches!(FileHeader::decode(&block), Err(HeaderError::Unknown(_))));
        }
    }
}
