//! [`TextFile`]: a file of CSV or JSON, read forwards from a position.
//!
//! ```text
//!   file:    ──────────────┬──── up to 1 KiB ────┬──── not read yet ────┬── not fetched yet ──
//!   buffer:                [ checked  ........... ][ .................. ]
//!                                                ^ position
//! ```
//! The one idea: the buffer keeps the bytes before the position that the checksum covers, so a
//! position can be named after every row without reading anything again.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use crate::Reject;
use crate::format::{Found, NO_END, Span, TextDecoder};

use super::chunk::Chunk;
use super::position::{CHECK_SIZE_BYTES, Place, Position};

/// Bytes fetched at once.
const FETCH_SIZE_BYTES: usize = 1 << 20;

/// Bytes that one chunk takes up at most, so that wide rows do not pile up in memory.
const CHUNK_SIZE_BYTES_MAX: u64 = 8 << 20;

/// The mark that some programs put at the beginning of UTF-8 files.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A file of text at a position.
#[derive(Debug)]
pub(super) struct TextFile {
    path: String,
    file: File,
    decoder: TextDecoder,
    /// See the drawing above.
    buffer: Vec<u8>,
    /// Where in the buffer the position is.
    begin: usize,
    /// Bytes before the position.
    bytes: u64,
    /// Lines before the position.
    lines: u64,
    /// How far the end of a line that is too long was looked for in vain.
    scanned: u64,
    /// Whether nothing in the file can be read.
    is_foreign: bool,
    /// Whether the path names another file by now: this one is read to its end and closed.
    is_detached: bool,
    /// How far the file reached when its turn began; what comes later waits for the next turn.
    turn_end: u64,
}

impl TextFile {
    /// Opens a file at a position, or at its beginning if it is not the file that the position was
    /// taken in.
    pub(super) fn open(path: &str, decoder: TextDecoder, position: &Position) -> io::Result<Self> {
        let mut opened = Self {
            path: path.to_owned(),
            file: File::open(path)?,
            decoder,
            buffer: Vec::new(),
            begin: 0,
            bytes: 0,
            lines: 0,
            scanned: 0,
            is_foreign: false,
            is_detached: false,
            turn_end: 0,
        };
        opened.restart();
        if let Place::Text { bytes, lines } = position.place
            && opened.check_at(bytes)? == Some(position.check)
        {
            (opened.bytes, opened.lines) = (bytes, lines);
            opened.is_foreign = position.is_foreign;
            opened.seek()?;
        }
        Ok(opened)
    }

    /// Where it is.
    pub(super) fn position(&self) -> Position {
        let checked = &self.buffer[self.begin.saturating_sub(CHECK_SIZE_BYTES)..self.begin];
        Position {
            is_foreign: self.is_foreign,
            place: Place::Text { bytes: self.bytes, lines: self.lines },
            check: crc32c::crc32c(checked),
        }
    }

    /// Begins a turn: looks at what is at the path now. A file that was cut off or written anew is
    /// read again from its beginning; one that was moved away is still read to its end.
    pub(super) fn begin_turn(&mut self) -> io::Result<()> {
        let own = self.file.metadata()?;
        let is_same = match std::fs::metadata(&self.path) {
            Ok(found) => (found.dev(), found.ino()) == (own.dev(), own.ino()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        self.is_detached |= !is_same;
        if own.len() != self.turn_end && self.check_at(self.bytes)? != Some(self.position().check) {
            self.restart();
        }
        self.turn_end = own.len();
        Ok(())
    }

    /// Whether the path names another file by now, or none.
    pub(super) const fn is_detached(&self) -> bool {
        self.is_detached
    }

    /// Reads up to `count_max` rows and rejects; nothing if the turn is over. With `to_end` the
    /// last line is whole even without its line end.
    pub(super) fn read(&mut self, count_max: usize, to_end: bool) -> io::Result<Option<Chunk>> {
        let to_end = to_end || self.is_detached;
        let (first, mut ends, mut rejects) = (self.bytes, Vec::new(), Vec::new());
        let mut fetched_all = false;
        while !self.is_foreign
            && ends.len() + rejects.len() < count_max
            && self.bytes - first < CHUNK_SIZE_BYTES_MAX
        {
            let at_end = fetched_all && to_end;
            let (span, reason) = match self.read_record(at_end) {
                Found::Partial if fetched_all => break,
                Found::Partial => {
                    fetched_all = self.fetch()? == 0;
                    continue;
                }
                Found::Row(span) => {
                    self.advance(span.size_bytes, span.line_count);
                    ends.push(self.position());
                    continue;
                }
                Found::Endless => match self.line_size(to_end)? {
                    None => break,
                    Some(size_bytes) => {
                        (Span { size_bytes, line_count: 1 }, Some(NO_END.to_owned()))
                    }
                },
                Found::Nothing(span) => (span, None),
                Found::Bad(span, reason) => (span, Some(reason)),
                Found::Foreign(span, reason) => {
                    self.is_foreign = true;
                    (span, Some(reason))
                }
            };
            if let Some(reason) = reason {
                let rest = &self.buffer[self.begin..];
                let row = rest[..span.size_bytes.min(rest.len())].trim_ascii_end();
                let position = format!("{}:{}", self.path, self.lines + 1);
                rejects.push((ends.len(), Reject::new(position, reason, row)));
            }
            self.advance(span.size_bytes, span.line_count);
            if self.begin > self.buffer.len() {
                self.fetch_checked()?;
            }
        }
        if self.bytes == first {
            return Ok(None);
        }
        let rows = self.decoder.finish().map_err(io::Error::other)?;
        debug_assert_eq!(rows.num_rows(), ends.len(), "a position per row");
        Ok(Some(Chunk { path: self.path.clone(), rows, ends, rejects, end: self.position() }))
    }

    /// Reads the record at the position; a byte order mark is part of the first one.
    fn read_record(&mut self, at_end: bool) -> Found {
        let bytes = &self.buffer[self.begin..];
        match bytes.strip_prefix(BYTE_ORDER_MARK) {
            Some(rest) if self.bytes == 0 => {
                self.decoder.read(rest, at_end).widened(BYTE_ORDER_MARK.len())
            }
            _ => self.decoder.read(bytes, at_end),
        }
    }

    /// How many bytes the line at the position has, which is longer than the buffer; `None` while
    /// its end is not there.
    fn line_size(&mut self, to_end: bool) -> io::Result<Option<usize>> {
        let buffered = self.bytes + (self.buffer.len() - self.begin) as u64;
        let mut offset = self.scanned.max(buffered);
        let mut block = vec![0; FETCH_SIZE_BYTES];
        let end = loop {
            let left = usize::try_from(self.turn_end.saturating_sub(offset)).unwrap_or(usize::MAX);
            let count = self.file.read_at(&mut block[..FETCH_SIZE_BYTES.min(left)], offset)?;
            match block[..count].iter().position(|byte| *byte == b'\n') {
                Some(end) => break offset + end as u64 + 1,
                None if count == 0 && to_end => break offset,
                None if count == 0 => {
                    self.scanned = offset;
                    return Ok(None);
                }
                None => offset += count as u64,
            }
        };
        Ok(Some(usize::try_from(end - self.bytes).unwrap_or(usize::MAX)))
    }

    fn advance(&mut self, size_bytes: usize, line_count: u64) {
        self.begin += size_bytes;
        self.bytes += size_bytes as u64;
        self.lines += line_count;
    }

    /// Fetches more of this turn's bytes; returns how many.
    fn fetch(&mut self) -> io::Result<usize> {
        let kept_from = self.begin.saturating_sub(CHECK_SIZE_BYTES);
        self.buffer.drain(..kept_from);
        self.begin -= kept_from;
        let length = self.buffer.len();
        let offset = self.bytes + (length - self.begin) as u64;
        let left = usize::try_from(self.turn_end.saturating_sub(offset)).unwrap_or(usize::MAX);
        self.buffer.resize(length + FETCH_SIZE_BYTES.min(left), 0);
        let count = self.file.read_at(&mut self.buffer[length..], offset)?;
        self.buffer.truncate(length + count);
        Ok(count)
    }

    /// Goes back to the beginning.
    fn restart(&mut self) {
        (self.begin, self.bytes, self.lines, self.scanned) = (0, 0, 0, 0);
        self.is_foreign = false;
        self.buffer.clear();
        self.decoder.begin_file();
    }

    /// Makes the buffer fit the position, and reads the header again if there is one.
    fn seek(&mut self) -> io::Result<()> {
        self.turn_end = self.bytes;
        if self.decoder.needs_header() && !self.is_foreign && self.bytes > 0 {
            let (bytes, lines) = (self.bytes, self.lines);
            (self.bytes, self.lines) = (0, 0);
            while self.decoder.needs_header() && self.fetch()? > 0 {
                // The header is all that this call can find: it is the first record.
                self.read_record(false);
            }
            (self.bytes, self.lines) = (bytes, lines);
        }
        self.fetch_checked()
    }

    /// Fills the buffer with what the checksum covers, up to the position.
    fn fetch_checked(&mut self) -> io::Result<()> {
        let size = usize::try_from(self.bytes).unwrap_or(usize::MAX).min(CHECK_SIZE_BYTES);
        self.buffer = vec![0; size];
        self.begin = size;
        self.file.read_exact_at(&mut self.buffer, self.bytes - size as u64)
    }

    /// The checksum of a position at `bytes`; `None` if the file ends before it.
    fn check_at(&self, bytes: u64) -> io::Result<Option<u32>> {
        let size = usize::try_from(bytes).unwrap_or(usize::MAX).min(CHECK_SIZE_BYTES);
        let mut checked = vec![0; size];
        match self.file.read_exact_at(&mut checked, bytes - size as u64) {
            Ok(()) => Ok(Some(crc32c::crc32c(&checked))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }
}
