//! [`Shelf`]: where the last operator of a plan puts its rows itself, each in a numbered slot.
//!
//! The one idea: an operator that knows which of its rows a change replaces need not say what the
//! old row was. It names the slot, and nobody has to look the old row up.

use arrow::record_batch::RecordBatch;
use kappa_types::Timestamp;

/// No slot.
pub(crate) const NO_SLOT: u32 = u32::MAX;

/// Rows in slots. The runtime's is the contents of the view.
pub(crate) trait Shelf {
    /// Adds rows; appends the slot of each to `slots`.
    fn append(&mut self, time: Timestamp, rows: &RecordBatch, slots: &mut Vec<u32>);

    /// Row `i` takes the place of the row in `slots[i]`.
    fn update(&mut self, time: Timestamp, slots: &[u32], rows: &RecordBatch);

    /// Takes the rows in `slots` away.
    fn retract(&mut self, time: Timestamp, slots: &[u32]);

    /// Whether others follow the view: then changes must be put out as well.
    fn is_followed(&self) -> bool;
}
