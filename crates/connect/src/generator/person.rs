//! Nexmark's persons: those who sell and bid.

use fastrand::Rng;

use super::columns::{Columns, Made, Sort};
use super::kind::Timing;
use super::{nexmark, words};

/// The columns, in the order of [`make`].
pub(super) const COLUMNS: &[Made] = &[
    ("id", Sort::Integer),
    ("name", Sort::Text),
    ("email_address", Sort::Text),
    ("credit_card", Sort::Text),
    ("city", Sort::Text),
    ("state", Sort::Text),
    ("date_time", Sort::Time),
    ("extra", Sort::Text),
];

/// Letters in `extra`, so that a person has about 200 bytes.
const EXTRA_LENGTH: usize = 110;

/// Makes a person. Text has dice of its own, so that leaving it out changes nothing else.
pub(super) fn make(timing: &Timing, dice: &mut Rng, columns: &mut Columns) {
    let (mut name, mut email, mut card, extra) =
        (dice.fork(), dice.fork(), dice.fork(), dice.fork());
    let (city, state) = (words::any(words::CITIES, dice), words::any(words::STATES, dice));
    columns.integer(0, nexmark::last_person(timing.event) + nexmark::FIRST_ID);
    columns.text(1, || {
        let first = words::any(words::FIRST_NAMES, &mut name);
        format!("{first} {}", words::any(words::LAST_NAMES, &mut name))
    });
    columns.text(2, || {
        let mut word = |length| -> String { (0..length).map(|_| email.lowercase()).collect() };
        format!("{}@{}.com", word(7), word(5))
    });
    columns.text(3, || {
        let group: Vec<_> = (0..4).map(|_| format!("{:04}", card.u16(..10_000))).collect();
        group.join(" ")
    });
    columns.text(4, || city.to_owned());
    columns.text(5, || state.to_owned());
    columns.time(6, timing.time);
    columns.text(7, || words::letters(EXTRA_LENGTH, extra));
}
