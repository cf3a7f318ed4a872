//! How many views were accepted, by construct, so that a generator that degenerates is seen.

use std::collections::BTreeMap;
use std::fmt;

/// Views sent and accepted.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    counts: BTreeMap<&'static str, Count>,
    /// The first refusal of each message, with how often it came.
    refusals: BTreeMap<String, usize>,
    all: Count,
    /// Rounds done.
    pub(super) round_count: usize,
    /// Statements that change rows, and how many of them succeeded.
    pub(super) change: Count,
    /// Comparisons of a view with its query.
    pub(super) check_count: usize,
    /// Comparisons of a view with PostgreSQL.
    pub(super) reference_count: usize,
}

/// How many were sent, and of these, accepted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    sent: usize,
    accepted: usize,
}

/// Sent views below which the share of accepted ones says nothing.
const SENT_COUNT_MIN: usize = 20;

impl Count {
    /// Counts one.
    pub(super) fn add(&mut self, is_accepted: bool) {
        self.sent += 1;
        self.accepted += usize::from(is_accepted);
    }

    fn is_degenerate(self) -> bool {
        self.sent >= SENT_COUNT_MIN && self.accepted * 2 < self.sent
    }
}

impl Tally {
    /// Counts a view with its constructs.
    pub(super) fn add(&mut self, constructs: &[&'static str], refusal: Option<String>) {
        for construct in constructs {
            self.counts.entry(construct).or_default().add(refusal.is_none());
        }
        self.all.add(refusal.is_none());
        if let Some(refusal) = refusal {
            *self.refusals.entry(refusal).or_default() += 1;
        }
    }

    /// The constructs of which fewer than half were accepted.
    pub(super) fn degenerate(&self) -> Vec<&'static str> {
        let of = |(name, count): (&&'static str, &Count)| count.is_degenerate().then_some(*name);
        let all = self.all.is_degenerate().then_some("views");
        self.counts.iter().filter_map(of).chain(all).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} rounds, {} comparisons, {} with PostgreSQL, changes {}/{}, views {}/{}",
            self.round_count,
            self.check_count,
            self.reference_count,
            self.change.accepted,
            self.change.sent,
            self.all.accepted,
            self.all.sent
        )?;
        for (name, count) in &self.counts {
            write!(formatter, ", {name} {}/{}", count.accepted, count.sent)?;
        }
        for (refusal, count) in &self.refusals {
            write!(formatter, "\n  refused {count} times: {refusal}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_construct_that_is_always_refused_is_seen() {
        let mut tally = Tally::default();
        for _ in 0..SENT_COUNT_MIN {
            tally.add(&["join"], None);
            tally.add(&["window"], Some("0A000: no".to_owned()));
        }
        assert_eq!(tally.degenerate(), ["window"]);
    }
}
