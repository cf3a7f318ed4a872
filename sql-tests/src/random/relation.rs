//! What a query can read: tables, sources and views, with the kinds of their columns.

use super::kind::{Kind, Profile};
use fastrand::Rng;

/// A column, or an expression over the columns of a FROM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// How it is written.
    pub(super) name: String,
    /// What it holds.
    pub(super) kind: Kind,
}

/// What rows can be changed in a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writes {
    /// All, and `id` is a primary key.
    Keyed,
    /// All.
    Free,
    /// Rows are only added, with a time `at` that has a watermark.
    Appended,
    /// None: a view.
    None,
}

/// Something that a query can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relation {
    /// Its name.
    pub(super) name: String,
    /// Its columns.
    pub(super) columns: Vec<Column>,
    /// What can be changed.
    pub(super) writes: Writes,
    /// Joins below it: rows multiply with each.
    pub(super) join_count: usize,
}

/// Columns beside the first, at most.
const COLUMN_COUNT_MAX: usize = 5;

impl Relation {
    /// A table or source, with its CREATE statement.
    pub(super) fn draw(
        name: &str,
        writes: Writes,
        profile: Profile,
        random: &mut Rng,
    ) -> (Self, String) {
        let first = match writes {
            Writes::Appended => ("at", Kind::Timestamp, ""),
            Writes::Keyed => ("id", Kind::Int, " PRIMARY KEY"),
            Writes::Free | Writes::None => ("id", Kind::Int, ""),
        };
        let mut columns = vec![Column { name: first.0.to_owned(), kind: first.1 }];
        let mut parts = vec![format!("{} {}{}", first.0, first.1.name(), first.2)];
        // A key to join by, of the same kind everywhere.
        columns.push(Column { name: "k".to_owned(), kind: Kind::Int });
        parts.push("k integer".to_owned());
        for number in 0..random.usize(2..=COLUMN_COUNT_MAX) {
            let kind = Kind::draw(random);
            let of = match kind {
                Kind::Numeric if !profile.is_extreme && random.bool() => "numeric(14,2)",
                kind => kind.name(),
            };
            parts.push(format!("c{number} {of}"));
            columns.push(Column { name: format!("c{number}"), kind });
        }
        let what = if writes == Writes::Appended {
            let delay = ["0 seconds", "30 seconds", "2 minutes"][random.usize(..3)];
            parts.push(format!("WATERMARK FOR at AS at - INTERVAL '{delay}'"));
            "SOURCE"
        } else {
            "TABLE"
        };
        let create = format!("CREATE {what} {name} ({})", parts.join(", "));
        (Self { name: name.to_owned(), columns, writes, join_count: 0 }, create)
    }
}
