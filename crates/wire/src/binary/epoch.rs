//! PostgreSQL counts binary times from 2000-01-01.

/// Days from 1970-01-01 to 2000-01-01.
pub(super) const EPOCH_DAYS: i32 = 10_957;
/// Microseconds from 1970-01-01 to 2000-01-01.
pub(super) const EPOCH_MICROS: i64 = 946_684_800_000_000;
