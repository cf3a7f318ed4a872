//! The connector `file`: a file or a glob of files, read once or followed.
//!
//! ```text
//!   path ─ listing ─ files in order of their names ─┬─ text_file:    bytes, a position per row
//!                                                   └─ parquet_file: rows, a position per row
//!                          chunk ─ replay (optional): hold rows back until they are due ─ batch
//! ```
//!
//! The one idea: a position says what stood just before it (a checksum of up to 1 KiB), so that a
//! file that was truncated, rotated or replaced is told apart from one that has grown. A file is
//! only ever read forwards from its position.
//!
//! It does not decompress, does not watch directories by notification (it looks at them every
//! 100 ms), and does not know a file again that was renamed within the glob: it is another partition.

mod chunk;
mod info;
mod listing;
mod options;
mod parquet_file;
mod position;
mod reader;
mod replay;
mod text_file;
mod validate;

#[cfg(test)]
mod tests;

pub(crate) use info::INFO;
pub(crate) use reader::FileReader;
pub(crate) use validate::{is_load, validate};
