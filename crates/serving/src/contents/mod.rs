//! Contents: versioned columnar rows, and everything that reads and writes them.
//!
//! ```text
//! Contents
//!   Shard (one per writer)
//!     published: [Chunk]      what readers see; short lock
//!     Writer                  what only the writer touches
//!       slots: slot -> place  index: key -> slot
//!   Chunk   rows (Arrow)   begins: runs of (first row, time)   ends: one time per row, atomic
//!           ranges, reading index: made when first asked for
//! ```
//! Rows are appended as small chunks in order of time, so that those begun by T are a prefix of each
//! chunk. Chunks of like size are merged as they pile up; a merge leaves out what no readable time
//! shows. A row keeps its slot through merges: only the slot's place changes.

mod changes;
mod chunk;
mod chunk_index;
#[expect(clippy::module_inception, reason = "the contents among what makes them up")]
mod contents;
mod difference;
mod directory;
mod history;
mod index;
mod merge;
mod range;
mod scan;
mod shard;
mod slots;
mod writer;

pub use contents::{Contents, ContentsOptions, HEAD};
pub use difference::difference;
pub use range::Range;
pub use slots::Slot;
