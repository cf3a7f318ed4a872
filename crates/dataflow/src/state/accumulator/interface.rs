//! [`Accumulator`]: the values of one aggregate for all groups of a table.
//!
//! ```text
//! Accumulator (per aggregate, called with vectors of group numbers)
//!   = Cells<Kind>: one cell per group  +  Kind: how a cell takes values and what it gives
//! ```
//! The one idea: any change can be taken back, and nothing is read by destroying it. A cell that
//! held values and lost them all is like new.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryBuilder};

use crate::operator::Reason;

/// Results of one aggregate for some groups.
pub(crate) struct Evaluated {
    /// One result per group; NULL where it is in error.
    pub(crate) array: ArrayRef,
    /// Which groups have no result, and why; ascending.
    pub(crate) errors: Vec<(usize, Reason)>,
}

impl From<ArrayRef> for Evaluated {
    fn from(array: ArrayRef) -> Self {
        Self { array, errors: Vec::new() }
    }
}

/// The values of one aggregate for all groups of a table.
///
/// `counts` is how many values (not NULL, not filtered out) each group holds.
pub(crate) trait Accumulator {
    /// Makes room for groups numbered below `capacity`.
    fn grow(&mut self, capacity: usize);

    /// Adds value `i` to group `groups[i]`, `diffs[i]` times (once without diffs). No value is NULL.
    fn update(&mut self, groups: &[u32], values: &ArrayRef, diffs: Option<&[i64]>);

    /// The results of these groups.
    fn evaluate(&self, groups: &[u32], counts: &[i64]) -> Evaluated;

    /// Remembers the results of these groups as they are now.
    fn save(&mut self, groups: &[u32]);

    /// The remembered results, in the order they were saved; forgets them.
    fn saved(&mut self, counts: &[i64]) -> Evaluated;

    /// Makes a group that holds no value like new.
    fn clear(&mut self, group: u32);

    /// Adds what `other` (of the same kind) holds for `others[i]` to group `groups[i]`.
    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator, others: &[u32]);

    /// Bytes in memory.
    fn size_bytes(&self) -> usize;

    /// Gives back memory that will not be needed while nothing changes.
    fn shrink(&mut self);

    /// What these groups hold, as a column of whatever type.
    fn export(&self, groups: &[u32]) -> ArrayRef;

    /// Adds row `i` of a column that [`Accumulator::export`] made to group `groups[i]`.
    fn absorb(&mut self, groups: &[u32], cells: &ArrayRef);

    /// For [`Accumulator::merge`].
    fn as_any(&self) -> &dyn Any;
}

/// How one kind of aggregate works on a cell.
pub(crate) trait Kind: 'static {
    /// What is kept per group; the default holds no value.
    type Cell: Default + 'static;
    /// What the result is made of.
    type Part;

    /// Adds values to cells.
    fn update(
        &self,
        cells: &mut [Self::Cell],
        groups: &[u32],
        values: &ArrayRef,
        diffs: Option<&[i64]>,
    );

    /// What the result of a cell will be made of.
    fn part(&self, cell: &Self::Cell) -> Self::Part;

    /// The results.
    fn finish(&self, parts: &[Self::Part], counts: &[i64]) -> Evaluated;

    /// Adds what `other` holds.
    fn merge(&self, cell: &mut Self::Cell, other: &Self::Cell);

    /// Bytes that the cell holds elsewhere.
    fn heap_bytes(&self, _cell: &Self::Cell) -> usize {
        0
    }

    /// Whether [`Kind::heap_bytes`] is ever above 0.
    const HAS_HEAP: bool = false;

    /// The cells as a column.
    fn export<'a>(&self, cells: impl ExactSizeIterator<Item = &'a Self::Cell>) -> ArrayRef;

    /// Adds what a column that [`Kind::export`] made holds to the cells of `groups`.
    fn absorb(&self, cells: &mut [Self::Cell], groups: &[u32], column: &ArrayRef);
}

/// One cell per group.
pub(crate) struct Cells<K: Kind> {
    kind: K,
    cells: Vec<K::Cell>,
    saved: Vec<K::Part>,
}

impl<K: Kind> Cells<K> {
    pub(crate) const fn new(kind: K) -> Self {
        Self { kind, cells: Vec::new(), saved: Vec::new() }
    }
}

impl<K: Kind> Accumulator for Cells<K> {
    fn grow(&mut self, capacity: usize) {
        if capacity > self.cells.len() {
            self.cells.resize_with(capacity, K::Cell::default);
        }
    }

    fn update(&mut self, groups: &[u32], values: &ArrayRef, diffs: Option<&[i64]>) {
        self.kind.update(&mut self.cells, groups, values, diffs);
    }

    fn evaluate(&self, groups: &[u32], counts: &[i64]) -> Evaluated {
        let part = |group: &u32| self.kind.part(&self.cells[*group as usize]);
        let parts: Vec<K::Part> = groups.iter().map(part).collect();
        self.kind.finish(&parts, counts)
    }

    fn save(&mut self, groups: &[u32]) {
        let (kind, cells) = (&self.kind, &self.cells);
        self.saved.extend(groups.iter().map(|group| kind.part(&cells[*group as usize])));
    }

    fn saved(&mut self, counts: &[i64]) -> Evaluated {
        let results = self.kind.finish(&self.saved, counts);
        self.saved.clear();
        results
    }

    fn clear(&mut self, group: u32) {
        self.cells[group as usize] = K::Cell::default();
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator, others: &[u32]) {
        let other =
            other.as_any().downcast_ref::<Self>().expect("tables of one operator are alike");
        for (group, from) in groups.iter().zip(others) {
            self.kind.merge(&mut self.cells[*group as usize], &other.cells[*from as usize]);
        }
    }

    fn size_bytes(&self) -> usize {
        let heap = if K::HAS_HEAP {
            self.cells.iter().map(|cell| self.kind.heap_bytes(cell)).sum()
        } else {
            0
        };
        heap + self.cells.capacity() * size_of::<K::Cell>()
            + self.saved.capacity() * size_of::<K::Part>()
    }

    fn shrink(&mut self) {
        self.cells.shrink_to_fit();
        self.saved = Vec::new();
    }

    fn export(&self, groups: &[u32]) -> ArrayRef {
        self.kind.export(groups.iter().map(|group| &self.cells[*group as usize]))
    }

    fn absorb(&mut self, groups: &[u32], cells: &ArrayRef) {
        self.kind.absorb(&mut self.cells, groups, cells);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Calls `take(group, value, diff)` for each row.
#[inline(always)]
pub(crate) fn each_row<V: Copy>(
    groups: &[u32],
    values: &[V],
    diffs: Option<&[i64]>,
    mut take: impl FnMut(usize, V, i64),
) {
    match diffs {
        None => {
            groups.iter().zip(values).for_each(|(group, value)| take(*group as usize, *value, 1))
        }
        Some(diffs) => groups
            .iter()
            .zip(values)
            .zip(diffs)
            .for_each(|((group, value), diff)| take(*group as usize, *value, *diff)),
    }
}

/// A column of what `write` makes of each item.
pub(crate) fn bytes_column<T>(
    items: impl ExactSizeIterator<Item = T>,
    write: impl Fn(T, &mut Vec<u8>),
) -> ArrayRef {
    let mut column = BinaryBuilder::with_capacity(items.len(), 0);
    let mut bytes = Vec::new();
    for item in items {
        bytes.clear();
        write(item, &mut bytes);
        column.append_value(&bytes);
    }
    Arc::new(column.finish())
}

/// Calls `take(group, bytes)` for each row of a column that [`bytes_column`] made.
pub(crate) fn each_bytes(groups: &[u32], column: &ArrayRef, mut take: impl FnMut(u32, &[u8])) {
    let column = column.as_binary::<i32>();
    groups.iter().enumerate().for_each(|(row, group)| take(*group, column.value(row)));
}

/// Reads the next `N` bytes.
pub(crate) fn next<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (head, rest) = bytes.split_first_chunk().expect("state was written whole");
    *bytes = rest;
    *head
}
