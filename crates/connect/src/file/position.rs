//! [`Position`]: how far a file was read, and what it was.
//!
//! ```text
//!   bytes=8192 lines=97 check=0badcafe     a text file: the next byte, lines before it, a checksum
//!                                          of the up to 1 KiB before it
//!   rows=4096 check=0badcafe               a Parquet file: the next row, a checksum of its footer
//!   foreign bytes=20 lines=1 check=…       nothing in the file can be read; it is left alone
//! ```
//! The checksum tells a file that has grown from another file at the same path.

use std::fmt;
use std::str::FromStr;

/// How much of a file stands behind its checksum.
pub(super) const CHECK_SIZE_BYTES: usize = 1024;

/// How far a file was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Whether nothing in the file can be read.
    pub(super) is_foreign: bool,
    /// What has been read.
    pub(super) place: Place,
    /// CRC32C of what stands before it.
    pub(super) check: u32,
}

/// What has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// So many bytes of text, over so many whole lines.
    Text { bytes: u64, lines: u64 },
    /// So many rows of Parquet.
    Parquet { rows: u64 },
}

impl Default for Place {
    fn default() -> Self {
        Self::Text { bytes: 0, lines: 0 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_foreign {
            f.write_str("foreign ")?;
        }
        match self.place {
            Place::Text { bytes, lines } => write!(f, "bytes={bytes} lines={lines}")?,
            Place::Parquet { rows } => write!(f, "rows={rows}")?,
        }
        write!(f, " check={:08x}", self.check)
    }
}

/// A text that is no position.
#[derive(Debug)]
pub(super) struct InvalidPosition;

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let (is_foreign, text) = match text.strip_prefix("foreign ") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let value = |key: &str| {
            let mut words = text.split(' ').filter_map(|word| word.split_once('='));
            words.find(|(name, _)| *name == key).map(|(_, value)| value).ok_or(InvalidPosition)
        };
        let number = |key: &str| value(key)?.parse::<u64>().map_err(|_| InvalidPosition);
        let place = match number("rows") {
            Ok(rows) => Place::Parquet { rows },
            Err(_) => Place::Text { bytes: number("bytes")?, lines: number("lines")? },
        };
        let check = u32::from_str_radix(value("check")?, 16).map_err(|_| InvalidPosition)?;
        Ok(Self { is_foreign, place, check })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_back() {
        for place in [Place::Text { bytes: 8192, lines: 97 }, Place::Parquet { rows: 4096 }] {
            for is_foreign in [false, true] {
                let position = Position { is_foreign, place, check: 0x0bad_cafe };
                assert_eq!(position.to_string().parse::<Position>().unwrap(), position);
            }
        }
        assert!("bytes=1".parse::<Position>().is_err());
    }
}
