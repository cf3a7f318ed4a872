//! Clicks: users clicking on items, a few of which are far more popular than the others.

use fastrand::Rng;

use super::columns::{Columns, Made, Sort};
use super::kind::Timing;

/// The columns, in the order of [`make`].
pub(super) const COLUMNS: &[Made] =
    &[("user_id", Sort::Integer), ("item_id", Sort::Integer), ("ts", Sort::Time)];

/// Users there are, all equally busy.
const USER_COUNT: u64 = 10_000;
/// Items there are; by the cube of a uniform number, the first thousandth gets a tenth of the clicks.
const ITEM_COUNT: f64 = 1_000.0;

/// Makes a click.
pub(super) fn make(timing: &Timing, dice: &mut Rng, columns: &mut Columns) {
    columns.integer(0, 1 + dice.u64(..USER_COUNT));
    columns.integer(1, 1 + (ITEM_COUNT * dice.f64().powi(3)) as u64);
    columns.time(2, timing.time);
}
