//! [`Shutdown`]: the one way to ask a source to stop, and the one way for it to wait.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// A request to stop, shared by whoever asks and whoever obeys. One per source.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(Arc<(Mutex<bool>, Condvar)>);

impl Shutdown {
    /// Nothing requested yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop; cannot be taken back.
    pub fn request(&self) {
        *self.0.0.lock() = true;
        self.0.1.notify_all();
    }

    /// Whether a stop was asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.0.lock()
    }

    /// Waits at most `duration`, shorter if a stop is asked for; returns whether it is.
    #[must_use]
    pub fn wait(&self, duration: Duration) -> bool {
        let mut requested = self.0.0.lock();
        if !*requested {
            self.0.1.wait_for(&mut requested, duration);
        }
        *requested
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_every_wait() {
        let shutdown = Shutdown::new();
        assert!(!shutdown.wait(Duration::ZERO));
        shutdown.clone().request();
        assert!(shutdown.is_requested());
        assert!(shutdown.wait(Duration::MAX));
    }
}
