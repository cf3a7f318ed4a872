//! COPY data in and out: text, CSV and binary, straight into and out of Arrow columns.
//!
//! Reading is done in two steps per row, so that a row cut off by the end of a message leaves no
//! trace: first its fields are found, then they are appended to the columns.

mod binary;
mod csv;
#[cfg(test)]
mod cuts;
mod decoder;
mod encoder;
mod field;
mod format;
mod text;

pub(crate) use decoder::{CopyDecoder, DecoderLimits};
pub(crate) use encoder::CopyEncoder;
pub use format::{CopyCsv, CopyFormat, CopyHeader, CopyText};
