//! [`State`]: what an operator keeps between times, behind one face.
//!
//! State is divided by virtual node and key, and reached by batches of keys in two steps: *request*
//! (find or make the places of all keys of a batch, `GroupTable::request`,
//! `Arrangement::request`), then *apply*. Between the two a cold partition could be read
//! without blocking a worker; today everything is warm.

use arrow::record_batch::RecordBatch;

/// What must survive for an operator to go on elsewhere with the same answers.
///
/// * Only looked at between times.
/// * Refilling an empty state with the batches of `export`, in any order and split in any way by
///   virtual node, gives an equal state.
pub trait State {
    /// Bytes in memory, allocated or used.
    fn size_bytes(&self) -> usize;

    /// Everything, as batches whose first column is the virtual node (UInt8) of the row's key.
    fn export(&self) -> Vec<RecordBatch>;

    /// Takes in a batch that [`State::export`] made.
    fn refill(&mut self, batch: &RecordBatch);
}
