//! [`Runtime`]: one execution of all dataflows, as the rest of the server sees it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use bytes::Bytes;
use kappa_log::Log;
use kappa_plan::ViewPlan;
use kappa_serving::Store;
use kappa_types::{Timestamp, VersionId};
use parking_lot::Mutex;

use super::coordinator::Event;
use super::shared::Shared;
use super::threads::{StartParts, Threads};
use crate::build::{Place, build};
use crate::{Action, Error, Progress, RuntimeOptions};

/// Called for each DDL record when a step reaches its time; returns what to do there. It runs on
/// the coordinator's thread: steps wait for it.
pub type OnDdl = Box<dyn FnMut(Timestamp, &Bytes) -> Vec<Action> + Send>;

/// All running dataflows. Dropping it stops them.
///
/// A runtime can be stopped and another one started in the same process, with another number of
/// workers, over the same log and store: give it the boundary where it shall begin and an
/// [`Action::Install`] for each version. Versions installed again get new, empty contents in the
/// store; readers keep the old ones they hold.
pub struct Runtime {
    shared: Arc<Shared>,
    events: Sender<Event>,
    /// Ended by the drop.
    threads: Mutex<Option<Threads>>,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("boundary", &self.boundary()).finish_non_exhaustive()
    }
}

impl Runtime {
    /// Starts the workers and the coordinator. `initial` takes effect at `options.start`, which
    /// must be a durable time of the log (or the minimum); then the log is followed from there.
    ///
    /// # Errors
    /// [`Error::Start`]; [`Error::Unsupported`] or [`Error::UnknownVersion`] for `initial`.
    pub fn start(
        options: RuntimeOptions,
        log: Log,
        store: Arc<Store>,
        initial: Vec<Action>,
        on_ddl: OnDdl,
    ) -> Result<Self, Error> {
        let shared = Arc::new(Shared::default());
        store.publish(options.start);
        shared.set_boundary(options.start);
        let (events, inbox) = channel();
        let threads = Threads::start(StartParts {
            options,
            log,
            store,
            shared: Arc::clone(&shared),
            events: events.clone(),
            inbox,
            initial,
            on_ddl,
        })?;
        Ok(Self { shared, events, threads: Mutex::new(Some(threads)) })
    }

    /// Whether every node of `plan` has an operator. To be asked before a statement is logged,
    /// since what is logged cannot fail any more.
    ///
    /// # Errors
    /// [`Error::Unsupported`] names the first thing that has none.
    pub fn check(plan: &ViewPlan) -> Result<(), Error> {
        build(plan, Place { worker: 0, worker_count: 1 }).map(|_| ())
    }

    /// Carries out `actions` between two steps, at the newest boundary, and returns it. DDL that is
    /// in the log comes through [`OnDdl`] instead; this is for pause, resume, rate limits, and for
    /// installing what is not logged. A flip is refused here: it needs a time of its own.
    ///
    /// # Errors
    /// [`Error::UnknownVersion`], [`Error::Unsupported`], [`Error::Stopped`].
    pub fn execute(&self, actions: Vec<Action>) -> Result<Timestamp, Error> {
        let (reply, answer) = channel();
        self.events.send(Event::Execute(actions, reply)).map_err(|_| Error::Stopped)?;
        answer.recv().map_err(|_| Error::Stopped)?
    }

    /// The newest boundary: everything live is complete there.
    #[must_use]
    pub fn boundary(&self) -> Timestamp {
        self.shared.boundary()
    }

    /// Blocks until the newest boundary is at or after `at`, or `timeout` has passed; returns it.
    #[must_use]
    pub fn wait_for_boundary(&self, at: Timestamp, timeout: Duration) -> Timestamp {
        self.shared.wait_for_boundary(at, timeout)
    }

    /// Where a version stands; `None` if it is not installed.
    #[must_use]
    pub fn progress(&self, version: VersionId) -> Option<Progress> {
        self.shared.progress(version)
    }

    /// Where each version stands.
    #[must_use]
    pub fn progress_all(&self) -> BTreeMap<VersionId, Progress> {
        self.shared.progress_all()
    }

    /// Blocks until `done` is true of the version's progress, or `timeout` has passed; returns the
    /// progress then. `None` once the version is not installed.
    pub fn wait_until(
        &self,
        version: VersionId,
        timeout: Duration,
        done: impl Fn(&Progress) -> bool,
    ) -> Option<Progress> {
        self.shared.wait_until(version, timeout, done)
    }

    /// Ends all threads and waits for them. The store keeps its contents; later calls of
    /// [`Runtime::execute`] answer [`Error::Stopped`].
    pub fn stop(&self) {
        if let Some(threads) = self.threads.lock().take() {
            // A coordinator that has ended by itself needs no telling.
            let _ = self.events.send(Event::Stop);
            threads.join();
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.stop();
    }
}
