//! Sources from outside into the log: connectors (where rows come from) and formats (what their
//! bytes mean).
//!
//! The one idea: a source is a position. A [`RowSink`] takes rows together with the positions up to
//! which they were read and commits both in one group of the log, so that a source started again at
//! its committed positions neither loses a row nor reads one twice.
//!
//! ```text
//!   file, glob ──┐                       ┌─ rows     (physical columns)
//!                ├─ reader ─ SourceBatch ┼─ rejects  (what could not be read, and why)  ──> RowSink
//!   generator ───┘   one named thread    └─ offsets  (partition -> position)
//! ```
//!
//! Truth: none. Positions live in the log, with the rows; what is kept here is read again from them.
//!
//! Each connector is a folder: `file`, `generator`. To add one, write its folder with an
//! [`ConnectorInfo`] and a reader, and name it in `connector.rs`.
//!
//! This crate does not compute generated columns or watermarks, does not write to the log itself,
//! does not stop a source because a row is bad, and reads no clock but the one it is given.

mod connector;
mod file;
mod format;
mod generator;
mod option;
mod reader;
mod running;
mod shutdown;
mod sink;
mod spec;

pub use connector::{connectors, is_load, start, validate};
pub use format::{CsvFormat, Format, FormatInfo, formats};
pub use option::{ConnectorInfo, OptionInfo};
pub use running::{Running, SourceState, SourceStatus};
pub use shutdown::Shutdown;
pub use sink::{Offset, Reject, RowSink, SourceBatch};
pub use spec::ConnectorSpec;
