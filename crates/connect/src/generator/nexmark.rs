//! Nexmark's numbers: which event is what, and which ids exist when.
//!
//! After nexmark-java's `GeneratorConfig`, `PersonGenerator`, `AuctionGenerator`: events come in
//! rounds of 50, first a person, then three auctions, then 46 bids. Persons and auctions are numbered
//! in the order of events, so the newest id is known from the number of an event alone.

use fastrand::Rng;

/// Persons in a round.
pub(super) const PERSON_COUNT: u64 = 1;
/// Auctions in a round.
pub(super) const AUCTION_COUNT: u64 = 3;
/// Bids in a round.
pub(super) const BID_COUNT: u64 = 46;
/// Events in a round.
pub(super) const EVENT_COUNT: u64 = PERSON_COUNT + AUCTION_COUNT + BID_COUNT;

/// The least id of persons, and of auctions.
pub(super) const FIRST_ID: u64 = 1000;
/// Every so many persons or auctions one is hot.
pub(super) const HOT_STEP: u64 = 100;
/// Auctions that are open at a time.
pub(super) const OPEN_AUCTION_COUNT: u64 = 100;
/// Persons that are active at a time.
const ACTIVE_PERSON_COUNT: u64 = 1000;
/// So many ids are named before they exist.
const LEAD: u64 = 10;

/// The event that is row `row` of those standing at `offset` in each round, `count` of them.
pub(super) const fn event(row: u64, offset: u64, count: u64) -> u64 {
    (row / count) * EVENT_COUNT + offset + row % count
}

/// The number of the newest person at an event, counted from 0.
pub(super) const fn last_person(event: u64) -> u64 {
    event / EVENT_COUNT
}

/// The number of the newest auction at an event, counted from 0; 0 before the first.
pub(super) fn last_auction(event: u64) -> u64 {
    let (round, offset) = (event / EVENT_COUNT, event % EVENT_COUNT);
    let begun = (offset + 1).saturating_sub(PERSON_COUNT).min(AUCTION_COUNT);
    (round * AUCTION_COUNT + begun).saturating_sub(1)
}

/// The number of an active person.
pub(super) fn any_person(event: u64, dice: &mut Rng) -> u64 {
    let count = last_person(event) + 1;
    let active = count.min(ACTIVE_PERSON_COUNT);
    count - active + dice.u64(..active + LEAD)
}

/// The number of an open auction.
pub(super) fn any_auction(event: u64, dice: &mut Rng) -> u64 {
    let last = last_auction(event);
    let first = last.saturating_sub(OPEN_AUCTION_COUNT);
    first + dice.u64(..last - first + 1 + LEAD)
}

/// A price in cents: from 1 to 1,000,000 whole units, evenly by order of magnitude.
pub(super) fn price(dice: &mut Rng) -> u64 {
    (10f64.powf(dice.f64() * 6.0) * 100.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_events() {
        let last: Vec<_> = [0, 1, 2, 3, 4, 49, 50, 51].map(last_auction).into();
        assert_eq!(last, [0, 0, 1, 2, 2, 2, 2, 3]);
        assert_eq!((last_person(49), last_person(50)), (0, 1));
    }

    #[test]
    fn rows_are_their_places_in_the_rounds() {
        let bids: Vec<_> = [0, 1, 45, 46].map(|row| event(row, 4, 46)).into();
        assert_eq!(bids, [4, 5, 49, 54]);
        let auctions: Vec<_> = [0, 2, 3].map(|row| event(row, 1, 3)).into();
        assert_eq!(auctions, [1, 3, 51]);
    }
}
