//! Whether two answers are equal as multisets of rows.
//!
//! The one idea: everything is equal by its text but floating-point numbers, which may differ by 1e-12
//! of the larger one, since a view may add them in another order than a batch. PostgreSQL prints a
//! deviation with 8 or 9 digits where the variance has 16 before the point: where it is the other side,
//! numbers of that many digits may differ by half of the last one.

use crate::outcome::{Outcome, print};

/// By how much floating-point numbers may differ, relative to the larger of the two and 1.
const FLOAT_DIFFERENCE_MAX: f64 = 1e-12;
/// Rows that a report shows from each side.
const ROW_COUNT_SHOWN: usize = 10;

/// Digits that PostgreSQL gives of any deviation.
const DIGIT_COUNT_MIN: usize = 8;

/// How near two numbers must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nearness {
    /// As two sums of the same numbers.
    Sums,
    /// The same, or as near as the digits tell that the right side has.
    Digits,
}

/// Compares two answers; the error shows the rows that only one side has.
pub(crate) fn compare(left: &Outcome, right: &Outcome, is_float: &[bool]) -> Result<(), String> {
    compare_within(left, right, is_float, Nearness::Sums)
}

/// Compares two answers; the error shows the rows that only one side has.
pub(crate) fn compare_within(
    left: &Outcome,
    right: &Outcome,
    is_float: &[bool],
    nearness: Nearness,
) -> Result<(), String> {
    let mut left = left.rows.clone();
    let mut right = right.rows.clone();
    left.sort_unstable();
    right.sort_unstable();
    if left == right {
        return Ok(());
    }
    let (only_left, only_right) = difference(&left, &right);
    if only_left.len() == only_right.len()
        && pairs_match(&only_left, &only_right, is_float, nearness)
    {
        return Ok(());
    }
    Err(format!(
        "only left ({}):\n{}only right ({}):\n{}",
        only_left.len(),
        show(&only_left),
        only_right.len(),
        show(&only_right)
    ))
}

type Row = Vec<Option<String>>;

/// The rows of each sorted side that the other side lacks.
fn difference<'a>(left: &'a [Row], right: &'a [Row]) -> (Vec<&'a Row>, Vec<&'a Row>) {
    let (mut only_left, mut only_right) = (Vec::new(), Vec::new());
    let (mut at_left, mut at_right) = (0, 0);
    while at_left < left.len() && at_right < right.len() {
        match left[at_left].cmp(&right[at_right]) {
            std::cmp::Ordering::Equal => {
                at_left += 1;
                at_right += 1;
            }
            std::cmp::Ordering::Less => {
                only_left.push(&left[at_left]);
                at_left += 1;
            }
            std::cmp::Ordering::Greater => {
                only_right.push(&right[at_right]);
                at_right += 1;
            }
        }
    }
    only_left.extend(&left[at_left..]);
    only_right.extend(&right[at_right..]);
    (only_left, only_right)
}

/// Whether each left row finds a right row of its own that differs only in floats, and little.
fn pairs_match(left: &[&Row], right: &[&Row], is_float: &[bool], nearness: Nearness) -> bool {
    let mut free: Vec<_> = right.to_vec();
    let find = |row: &Row, free: &[&Row]| {
        free.iter().position(|other| rows_match(row, other, is_float, nearness))
    };
    left.iter().all(|row| match find(row, &free) {
        Some(at) => {
            free.swap_remove(at);
            true
        }
        None => false,
    })
}

fn rows_match(left: &Row, right: &Row, is_float: &[bool], nearness: Nearness) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).enumerate().all(|(column, (left, right))| {
            left == right
                || (is_float.get(column) == Some(&true) && floats_match(left, right, nearness))
        })
}

fn floats_match(left: &Option<String>, right: &Option<String>, nearness: Nearness) -> bool {
    let (Some(left), Some(right)) = (left, right) else { return false };
    let half_of_last_digit = match nearness {
        Nearness::Digits => half_of_last_digit(right),
        Nearness::Sums => 0.0,
    };
    match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(left), Ok(right)) if left.is_finite() && right.is_finite() => {
            let rounding = FLOAT_DIFFERENCE_MAX * left.abs().max(right.abs()).max(1.0);
            (left - right).abs() <= rounding.max(half_of_last_digit)
        }
        _ => false,
    }
}

/// Half of the value of the last digit of a number that is long enough to have been cut.
fn half_of_last_digit(number: &str) -> f64 {
    let digit_count = number.bytes().filter(u8::is_ascii_digit).count();
    if digit_count < DIGIT_COUNT_MIN || number.contains(['e', 'E']) {
        return 0.0;
    }
    let behind_point = number.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    0.5 * 10_f64.powi(-i32::try_from(behind_point).unwrap_or(i32::MAX))
}

fn show(rows: &[&Row]) -> String {
    let mut text = String::new();
    for row in rows.iter().take(ROW_COUNT_SHOWN) {
        let values: Vec<_> = row.iter().map(|value| print(value.as_deref())).collect();
        text.push_str(&format!("  {}\n", values.join(" ")));
    }
    if rows.len() > ROW_COUNT_SHOWN {
        text.push_str("  ...\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(left: &[&str], right: &[&str], is_float: bool) -> bool {
        let outcome = |values: &[&str]| Outcome {
            rows: values.iter().map(|value| vec![Some((*value).to_owned())]).collect(),
            ..Outcome::default()
        };
        compare(&outcome(left), &outcome(right), &[is_float]).is_ok()
    }

    #[test]
    fn rows_are_a_multiset() {
        assert!(check(&["a", "b", "a"], &["b", "a", "a"], false));
        assert!(!check(&["a", "b"], &["a", "b", "b"], false));
        assert!(!check(&["a", "a", "b"], &["a", "b", "b"], false));
    }

    #[test]
    fn only_floats_may_differ_a_little() {
        assert!(check(&["0.30000000000000004"], &["0.3"], true));
        assert!(!check(&["0.30000000000000004"], &["0.3"], false));
        assert!(!check(&["0.3001"], &["0.3"], true));
        assert!(!check(&["NaN"], &["0.3"], true));
        assert!(!check(&["1", "1.0000000000000001"], &["1", "2"], true));
    }

    #[test]
    fn postgresql_may_print_fewer_digits() {
        let near = |left: &str, right: &str| {
            let [left, right] = [left, right].map(|text| Some(text.to_owned()));
            floats_match(&left, &right, Nearness::Digits)
        };
        assert!(near("1071093874.2176093295593105", "1071093874"));
        assert!(!near("1071093874.7", "1071093874"));
        assert!(!near("3.4", "3"));
        assert!(!near("1071093.5", "1071093"));
    }
}
