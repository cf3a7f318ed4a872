//! [`LogOptions`]: every bound of the log, by name.

/// Bounds of the log. Each default has its reason beside it.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// Size of the first WAL files, bytes; a multiple of 4096. Small, so that an empty database is.
    pub wal_file_size_bytes_min: u64,
    /// Largest WAL file, bytes. Files double while they fill within seconds.
    pub wal_file_size_bytes_max: u64,
    /// Past this much unsealed WAL, bytes, slow relations are sealed whatever their size, so that
    /// recovery reads a bounded amount.
    pub wal_total_bytes_max: u64,
    /// A relation is sealed when it has this many unsealed rows.
    pub seal_row_count: usize,
    /// … or this many unsealed bytes in memory.
    pub seal_bytes: usize,
    /// … or when its oldest unsealed row is this old, microseconds of the clock.
    pub seal_age_micros: i64,
    /// Writers wait while all relations together have more unsealed bytes than this.
    pub unsealed_bytes_max: usize,
    /// Rows in a Parquet row group.
    pub row_group_row_count: usize,
    /// Level of zstd in segments; 0 stores them uncompressed. Higher levels gain 5 % at a third of the
    /// speed.
    pub segment_zstd_level: i32,
    /// Rows of one part of a scan, rounded up to whole row groups.
    pub part_row_count: usize,
    /// Segments of this many rows are not merged any further.
    pub merge_row_count: u64,
    /// Adjacent segments of one size that are merged into one.
    pub merge_fan_in: usize,
    /// Rows of one statement up to this many bytes stand in the WAL; larger statements use
    /// [`crate::Log::spool`].
    pub statement_inline_bytes_max: usize,
    /// Bytes of one commit group. A group is one write, so this bounds the wait for its sync.
    pub group_bytes_max: usize,
    /// Bytes placed and not yet durable; past it a writer writes out groups before it places more.
    pub queue_bytes_max: usize,
    /// Bytes of the newest groups that are kept in memory for [`crate::Log::groups`].
    pub recent_bytes_max: usize,
    /// Whether threads seal, merge and make spare WAL files. Without them this happens inside
    /// commits, which makes a run repeatable.
    pub background: bool,
    /// Seed of salts and file names; `None` takes it from the operating system.
    pub seed: Option<u64>,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            wal_file_size_bytes_min: 1 << 20,
            wal_file_size_bytes_max: 128 << 20,
            wal_total_bytes_max: 512 << 20,
            seal_row_count: 1 << 20,
            seal_bytes: 64 << 20,
            seal_age_micros: 60_000_000,
            unsealed_bytes_max: 256 << 20,
            row_group_row_count: 256 << 10,
            segment_zstd_level: 1,
            part_row_count: 1 << 20,
            merge_row_count: 16 << 20,
            merge_fan_in: 8,
            statement_inline_bytes_max: 32 << 20,
            group_bytes_max: 8 << 20,
            queue_bytes_max: 64 << 20,
            recent_bytes_max: 64 << 20,
            background: true,
            seed: None,
        }
    }
}
