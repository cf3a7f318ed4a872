//! [`Timestamp`]: the name of a consistent cut over every relation. Made only by the log.

use std::fmt;

/// Microseconds since 1970-01-01 UTC, strictly increasing over commit groups.
///
/// A timestamp is made by the log alone, as `max(previous + 1, wall clock)`, one per commit group.
/// The content of anything "at T" is everything committed at times `<= T`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Before every commit.
    pub const MIN: Self = Self(0);
    /// After every commit; as the end time of a row it means "not retracted".
    pub const MAX: Self = Self(u64::MAX);

    /// The least timestamp greater than this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Microseconds since the epoch as the signed integer that Arrow timestamps hold.
    #[must_use]
    pub const fn micros(self) -> i64 {
        if self.0 > i64::MAX as u64 { i64::MAX } else { self.0 as i64 }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
