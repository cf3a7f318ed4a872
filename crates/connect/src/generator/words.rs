//! Words to make text of.

use fastrand::Rng;

/// First names of persons.
pub(super) const FIRST_NAMES: &[&str] = &[
    "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter",
];
/// Last names of persons.
pub(super) const LAST_NAMES: &[&str] =
    &["Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"];
/// States, each with the cities of the same place in [`CITIES`].
pub(super) const STATES: &[&str] = &["AZ", "CA", "ID", "OR", "WA", "WY"];
/// Cities.
pub(super) const CITIES: &[&str] = &[
    "Phoenix",
    "Los Angeles",
    "San Francisco",
    "Boise",
    "Portland",
    "Bend",
    "Redmond",
    "Seattle",
    "Kent",
    "Cheyenne",
];

/// One of `words`.
pub(super) fn any(words: &[&'static str], dice: &mut Rng) -> &'static str {
    words[dice.usize(..words.len())]
}

/// Lower-case letters and spaces, about `length` of them (four fifths to six fifths).
pub(super) fn letters(length: usize, mut dice: Rng) -> String {
    let length = dice.usize(length * 4 / 5..=length * 6 / 5);
    let letter = |_| if dice.u8(..13) == 0 { ' ' } else { char::from(b'a' + dice.u8(..26)) };
    (0..length).map(letter).collect()
}
