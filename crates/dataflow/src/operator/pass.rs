//! Pass: puts out what it gets. Stands where rows must change their worker and nothing else.

use kappa_types::DeltaBatch;

use super::{Operator, Output};

/// Puts out what it gets.
pub(crate) struct Pass;

impl Operator for Pass {
    fn push(&mut self, _port: usize, delta: DeltaBatch, out: &mut Output) {
        out.delta(delta);
    }
}
