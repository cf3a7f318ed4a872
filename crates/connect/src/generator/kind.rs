//! [`Kind`]: what a generator makes, and the dice of a row.

use fastrand::Rng;

use super::columns::{Columns, Made};
use super::{auction, bid, clicks, nexmark, person};

/// Odd numbers that spread seeds and row numbers over 64 bits (the constants of splitmix64).
const SPREAD: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb];

/// What a generator makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Users clicking on items.
    Clicks,
    /// Nexmark's persons.
    Person,
    /// Nexmark's auctions.
    Auction,
    /// Nexmark's bids.
    Bid,
}

/// When a row and those around it happen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// The number of the row among the events of all kinds that belong together.
    pub(super) event: u64,
    /// Its own time in microseconds since 1970 UTC, the delay of a late row included.
    pub(super) time: i64,
    /// Microseconds between two events, at least 1 where rates are above a million.
    pub(super) event_micros: u64,
}

impl Kind {
    /// The columns it makes.
    pub(super) const fn columns(self) -> &'static [Made] {
        match self {
            Self::Clicks => clicks::COLUMNS,
            Self::Person => person::COLUMNS,
            Self::Auction => auction::COLUMNS,
            Self::Bid => bid::COLUMNS,
        }
    }

    /// Of how many events that belong together how many are of this kind.
    pub(super) const fn ratio(self) -> (u64, u64) {
        match self {
            Self::Clicks => (1, 1),
            Self::Person => (nexmark::PERSON_COUNT, nexmark::EVENT_COUNT),
            Self::Auction => (nexmark::AUCTION_COUNT, nexmark::EVENT_COUNT),
            Self::Bid => (nexmark::BID_COUNT, nexmark::EVENT_COUNT),
        }
    }

    /// The number of row `row` among the events of all kinds.
    pub(super) const fn event(self, row: u64) -> u64 {
        match self {
            Self::Clicks => row,
            Self::Person => nexmark::event(row, 0, nexmark::PERSON_COUNT),
            Self::Auction => nexmark::event(row, nexmark::PERSON_COUNT, nexmark::AUCTION_COUNT),
            Self::Bid => nexmark::event(
                row,
                nexmark::PERSON_COUNT + nexmark::AUCTION_COUNT,
                nexmark::BID_COUNT,
            ),
        }
    }

    /// Makes a row.
    pub(super) fn make(self, timing: &Timing, dice: &mut Rng, columns: &mut Columns) {
        match self {
            Self::Clicks => clicks::make(timing, dice, columns),
            Self::Person => person::make(timing, dice, columns),
            Self::Auction => auction::make(timing, dice, columns),
            Self::Bid => bid::make(timing, dice, columns),
        }
    }

    /// The dice of row `row`: the same for the same seed, kind and row.
    pub(super) fn dice(self, seed: u64, row: u64) -> Rng {
        let mut state = seed ^ (self as u64 + 1).wrapping_mul(SPREAD[2]);
        for part in [row, SPREAD[0]] {
            state = (state ^ part).wrapping_add(SPREAD[0]);
            state = (state ^ (state >> 30)).wrapping_mul(SPREAD[1]);
            state = (state ^ (state >> 27)).wrapping_mul(SPREAD[2]);
            state ^= state >> 31;
        }
        Rng::with_seed(state)
    }
}
