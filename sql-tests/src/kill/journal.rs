//! What one writer was promised: rows acknowledged, and at most one statement in doubt.
//!
//! Bullets that always hold:
//! - a statement enters the journal before it is sent, and is settled before the next one is;
//! - after a kill the server shows the acknowledged state, or that state with the one in doubt applied.

use crate::outcome::Outcome;
use std::collections::BTreeMap;

/// A writer's rows: the table's by id, the source's in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    /// `n` of each id in the table.
    pub(crate) table: BTreeMap<u64, u64>,
    /// `seq` of each row in the source, as written.
    pub(crate) source: Vec<u64>,
}

/// What a statement does to a writer's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// A new row of the table, and of the source if `both`.
    Insert {
        /// The row's id.
        id: u64,
        /// The row's n.
        n: u64,
        /// Whether one transaction writes to the source too.
        both: bool,
    },
    /// A row of the source.
    Append {
        /// The row's number.
        seq: u64,
    },
    /// A new n for a row.
    Update {
        /// The row's id.
        id: u64,
        /// The new n.
        n: u64,
    },
    /// A row taken away.
    Delete {
        /// The row's id.
        id: u64,
    },
}

impl Change {
    /// The statement of a writer; several statements are one transaction.
    pub(crate) fn sql(&self, writer: usize) -> String {
        match self {
            Self::Insert { id, n, both: false } => {
                format!("INSERT INTO t VALUES ({writer}, {id}, {n})")
            }
            Self::Insert { id, n, both: true } => format!(
                "BEGIN; INSERT INTO t VALUES ({writer}, {id}, {n}); INSERT INTO s VALUES ({writer}, {id}); COMMIT"
            ),
            Self::Append { seq } => format!("INSERT INTO s VALUES ({writer}, {seq})"),
            Self::Update { id, n } => {
                format!("UPDATE t SET n = {n} WHERE writer = {writer} AND id = {id}")
            }
            Self::Delete { id } => format!("DELETE FROM t WHERE writer = {writer} AND id = {id}"),
        }
    }

    fn apply(&self, rows: &mut Rows) {
        match self {
            Self::Insert { id, n, both } => {
                rows.table.insert(*id, *n);
                rows.source.extend(both.then_some(*id));
            }
            Self::Append { seq } => rows.source.push(*seq),
            Self::Update { id, n } => drop(rows.table.insert(*id, *n)),
            Self::Delete { id } => drop(rows.table.remove(id)),
        }
    }
}

/// One writer's journal.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal {
    /// What was acknowledged.
    rows: Rows,
    in_doubt: Option<Change>,
    /// The next number, for ids and rows of the source.
    next: u64,
}

impl Journal {
    /// Draws the next change and enters it as in doubt.
    pub(crate) fn begin(&mut self, random: &mut fastrand::Rng) -> Change {
        let some_id = random.choice(self.rows.table.keys()).copied();
        let (id, n) = (self.next, random.u64(..1_000));
        let change = match (random.u32(..10), some_id) {
            (0..=2, _) => Change::Insert { id, n, both: false },
            (3..=4, _) => Change::Insert { id, n, both: true },
            (5..=6, _) | (_, None) => Change::Append { seq: id },
            (7..=8, Some(id)) => Change::Update { id, n },
            (_, Some(id)) => Change::Delete { id },
        };
        self.next += 1;
        self.in_doubt = Some(change.clone());
        change
    }

    /// The change in doubt was acknowledged.
    pub(crate) fn acknowledge(&mut self) {
        if let Some(change) = self.in_doubt.take() {
            change.apply(&mut self.rows);
        }
    }

    /// Compares with what the server shows, and goes on from that; gives whether the change in doubt, if
    /// there was one, is there.
    pub(crate) fn settle(&mut self, shown: Rows) -> Result<Option<bool>, String> {
        let mut possible = self.rows.clone();
        if let Some(change) = &self.in_doubt {
            change.apply(&mut possible);
        }
        if shown != self.rows && shown != possible {
            return Err(difference(&self.rows, &shown, &self.in_doubt));
        }
        let is_there = self.in_doubt.take().map(|_| shown == possible);
        self.rows = shown;
        Ok(is_there)
    }
}

/// The rows that the server shows of a writer: `id, n` of its table and `seq` of its source.
pub(crate) fn read(table: &Outcome, source: &Outcome) -> Result<Rows, String> {
    let number = |value: Option<&Option<String>>| -> Result<u64, String> {
        let text = value.and_then(Option::as_deref).unwrap_or("NULL");
        text.parse().map_err(|_| format!("not a number: {text}"))
    };
    let mut rows = Rows::default();
    for row in &table.rows {
        let (id, n) = (number(row.first())?, number(row.get(1))?);
        if rows.table.insert(id, n).is_some() {
            return Err(format!("the table has the key {id} twice"));
        }
    }
    rows.source = source.rows.iter().map(|row| number(row.first())).collect::<Result<_, _>>()?;
    Ok(rows)
}

fn difference(promised: &Rows, shown: &Rows, in_doubt: &Option<Change>) -> String {
    let lost: Vec<_> =
        promised.table.iter().filter(|(id, n)| shown.table.get(id) != Some(n)).collect();
    let extra: Vec<_> =
        shown.table.iter().filter(|(id, n)| promised.table.get(id) != Some(n)).collect();
    let same = promised.source.iter().zip(&shown.source).take_while(|(a, b)| a == b).count();
    format!(
        "in doubt: {in_doubt:?}\ntable: promised but not shown: {lost:?}, shown but not promised: {extra:?}\n\
         source: the first {same} rows agree, then promised {:?} and shown {:?}",
        &promised.source[same..],
        &shown.source[same..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        let mut journal = Journal { next: 2, ..Journal::default() };
        journal.rows.table.insert(1, 10);
        journal.in_doubt = Some(Change::Insert { id: 2, n: 20, both: true });
        journal
    }

    fn rows(table: &[(u64, u64)], source: &[u64]) -> Rows {
        Rows { table: table.iter().copied().collect(), source: source.to_vec() }
    }

    #[test]
    fn what_is_in_doubt_is_all_or_nothing() {
        assert!(journal().settle(rows(&[(1, 10)], &[])).is_ok());
        assert!(journal().settle(rows(&[(1, 10), (2, 20)], &[2])).is_ok());
        assert!(journal().settle(rows(&[(1, 10), (2, 20)], &[])).is_err());
        assert!(journal().settle(rows(&[(1, 10)], &[2])).is_err());
    }

    #[test]
    fn what_was_acknowledged_is_there_once() {
        assert!(journal().settle(rows(&[], &[])).is_err());
        assert!(journal().settle(rows(&[(1, 11)], &[])).is_err());
        let mut journal = journal();
        journal.acknowledge();
        assert!(journal.clone().settle(rows(&[(1, 10), (2, 20)], &[2, 2])).is_err());
        assert!(journal.settle(rows(&[(1, 10), (2, 20)], &[2])).is_ok());
    }

    #[test]
    fn a_seed_draws_the_same_changes() {
        let draw = || {
            let (mut journal, mut random) = (Journal::default(), fastrand::Rng::with_seed(7));
            let mut changes = Vec::new();
            for _ in 0..100 {
                changes.push(journal.begin(&mut random));
                journal.acknowledge();
            }
            changes
        };
        assert_eq!(draw(), draw());
        assert!(draw().iter().any(|change| matches!(change, Change::Delete { .. })));
    }
}
