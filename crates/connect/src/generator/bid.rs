//! Nexmark's bids.

use fastrand::Rng;

use super::columns::{Columns, Made, Sort};
use super::kind::Timing;
use super::{nexmark, words};

/// The columns, in the order of [`make`].
pub(super) const COLUMNS: &[Made] = &[
    ("auction", Sort::Integer),
    ("bidder", Sort::Integer),
    ("price", Sort::Integer),
    ("channel", Sort::Text),
    ("url", Sort::Text),
    ("date_time", Sort::Time),
    ("extra", Sort::Text),
];

/// Of so many bids all but one are on a hot auction.
const HOT_AUCTION_RATIO: u64 = 2;
/// Of so many bids all but one are by a hot bidder.
const HOT_BIDDER_RATIO: u64 = 4;
/// The channels of half of the bids.
const HOT_CHANNELS: &[&str] = &["Google", "Facebook", "Baidu", "Apple"];
/// How many other channels there are.
const CHANNEL_COUNT: u64 = 10_000;
/// Letters in `extra`.
const EXTRA_LENGTH: usize = 10;

/// Makes a bid. Text has dice of its own, so that leaving it out changes nothing else.
pub(super) fn make(timing: &Timing, dice: &mut Rng, columns: &mut Columns) {
    let extra = dice.fork();
    let auction = if dice.u64(..HOT_AUCTION_RATIO) > 0 {
        nexmark::last_auction(timing.event) / nexmark::HOT_STEP * nexmark::HOT_STEP
    } else {
        nexmark::any_auction(timing.event, dice)
    };
    let bidder = if dice.u64(..HOT_BIDDER_RATIO) > 0 {
        nexmark::last_person(timing.event) / nexmark::HOT_STEP * nexmark::HOT_STEP + 1
    } else {
        nexmark::any_person(timing.event, dice)
    };
    let hot_channel = dice.bool().then(|| words::any(HOT_CHANNELS, dice));
    let channel = dice.u64(..CHANNEL_COUNT);
    columns.integer(0, auction + nexmark::FIRST_ID);
    columns.integer(1, bidder + nexmark::FIRST_ID);
    columns.integer(2, nexmark::price(dice));
    columns.text(3, || hot_channel.map_or_else(|| format!("channel-{channel}"), str::to_owned));
    columns.text(4, || match hot_channel {
        Some(name) => {
            format!("https://www.nexmark.com/{}/item.htm?query=1", name.to_lowercase())
        }
        None => {
            format!("https://www.nexmark.com/item.htm?query=1&channel_id={channel}")
        }
    });
    columns.time(5, timing.time);
    columns.text(6, || words::letters(EXTRA_LENGTH, extra));
}
