//! The write-ahead log: files of commit groups, synced before anything is acknowledged.
//!
//! ```text
//! wal/00000000000000000007.wal
//! ┌ 4 KiB ──────┬ 4 KiB × n ───────────────────────────┬ 4 KiB × n ──┬ zeros or an earlier life ┐
//! │ file header │ group header │ frame │ frame │ zeros │ group …     │                          │
//! └─────────────┴──────────────────────────────────────┴─────────────┴──────────────────────────┘
//! ```

mod file;
mod frame;
mod header;
mod recovery;

pub(crate) use file::{WalFile, WalFiles};
pub(crate) use frame::{Frame, FrameHead, FrameKind, group_bytes};
pub(crate) use header::{
    BLOCK_SIZE_BYTES, FileHeader, GROUP_HEADER_SIZE_BYTES, GroupHeader, padded,
};
pub(crate) use recovery::{Recovered, RecoveredFile, RecoveredGroup, recover};
