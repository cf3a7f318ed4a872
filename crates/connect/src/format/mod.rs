//! Formats: what the bytes of a source mean.
//!
//! ```text
//!   bytes ─ text ─┬─ csv  ─┐                       ┌─ RecordBatch of the physical columns
//!                 └─ json ─┴─ fields by name ─ rows ┤
//!   Parquet file ── parquet: columns by name ───────┴─ rows that cannot be read, with the reason
//! ```
//!
//! Columns are found by name; what the outside does not have is NULL. A format does not know where
//! bytes come from.

mod csv;
mod json;
mod list;
pub(crate) mod parquet;
mod rows;
mod text;

pub use list::{CsvFormat, Format, FormatInfo, formats};
pub(crate) use text::{Found, NO_END, Span, TextDecoder};
