//! Nexmark's auctions.

use fastrand::Rng;

use super::columns::{Columns, Made, Sort};
use super::kind::Timing;
use super::{nexmark, words};

/// The columns, in the order of [`make`].
pub(super) const COLUMNS: &[Made] = &[
    ("id", Sort::Integer),
    ("item_name", Sort::Text),
    ("description", Sort::Text),
    ("initial_bid", Sort::Integer),
    ("reserve", Sort::Integer),
    ("date_time", Sort::Time),
    ("expires", Sort::Time),
    ("seller", Sort::Integer),
    ("category", Sort::Integer),
    ("extra", Sort::Text),
];

/// Of so many auctions all but one are of a hot seller.
const HOT_SELLER_RATIO: u64 = 4;
/// The least category.
const FIRST_CATEGORY: u64 = 10;
/// How many categories there are.
const CATEGORY_COUNT: u64 = 5;
/// Letters in `item_name`.
const NAME_LENGTH: usize = 20;
/// Letters in `description`.
const DESCRIPTION_LENGTH: usize = 100;
/// Letters in `extra`, so that an auction has about 500 bytes.
const EXTRA_LENGTH: usize = 320;

/// Makes an auction. Text has dice of its own, so that leaving it out changes nothing else.
pub(super) fn make(timing: &Timing, dice: &mut Rng, columns: &mut Columns) {
    let (name, description, extra) = (dice.fork(), dice.fork(), dice.fork());
    let initial = nexmark::price(dice);
    let reserve = initial + nexmark::price(dice);
    let seller = if dice.u64(..HOT_SELLER_RATIO) > 0 {
        nexmark::last_person(timing.event) / nexmark::HOT_STEP * nexmark::HOT_STEP
    } else {
        nexmark::any_person(timing.event, dice)
    };
    // An auction is open until about as many have begun after it as are open at a time.
    let events = nexmark::OPEN_AUCTION_COUNT * nexmark::EVENT_COUNT / nexmark::AUCTION_COUNT;
    let open_micros = 1 + dice.u64(..(2 * events).saturating_mul(timing.event_micros).max(1));
    columns.integer(0, nexmark::last_auction(timing.event) + nexmark::FIRST_ID);
    columns.text(1, || words::letters(NAME_LENGTH, name));
    columns.text(2, || words::letters(DESCRIPTION_LENGTH, description));
    columns.integer(3, initial);
    columns.integer(4, reserve);
    columns.time(5, timing.time);
    columns.time(6, timing.time.saturating_add_unsigned(open_micros));
    columns.integer(7, seller + nexmark::FIRST_ID);
    columns.integer(8, FIRST_CATEGORY + dice.u64(..CATEGORY_COUNT));
    columns.text(9, || words::letters(EXTRA_LENGTH, extra));
}
