//! [`RuntimeOptions`]: every bound of the runtime, by name.

use kappa_types::Timestamp;

/// Bounds of a runtime. Each default has its reason beside it.
#[derive(Clone, Debug)]
pub struct RuntimeOptions {
    /// Worker threads; state and contents are split over them.
    pub worker_count: usize,
    /// Live steps start with the first commit after this time; the initial actions take effect at it.
    pub start: Timestamp,
    /// Commits are merged into one step up to this many rows: large enough to be vectorised, small
    /// enough that a boundary comes every few milliseconds under full load.
    pub step_row_count_max: usize,
    /// Commit groups read ahead of the coordinator.
    pub group_count_ahead_max: usize,
    /// Rows of one tick of a replay; a live step waits for one such tick at most.
    pub replay_row_count: usize,
    /// Replay ticks given to the workers and not finished, per version.
    pub replay_ticks_in_flight_max: usize,
    /// Decoded history batches waiting, per version.
    pub replay_batches_ahead_max: usize,
    /// Part of each worker's time that replays get while live steps wait, percent.
    pub replay_share_percent: u32,
    /// A version joins the live steps when no more than this many rows are missing.
    pub join_row_count_max: u64,
    /// … or after this many catch-up rounds, whatever is missing.
    pub catch_up_round_count_max: u32,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        Self {
            worker_count: 1,
            start: Timestamp::MIN,
            step_row_count_max: 64 << 10,
            group_count_ahead_max: 4096,
            replay_row_count: 32 << 10,
            replay_ticks_in_flight_max: 4,
            replay_batches_ahead_max: 8,
            replay_share_percent: 25,
            join_row_count_max: 16 << 10,
            catch_up_round_count_max: 16,
        }
    }
}
