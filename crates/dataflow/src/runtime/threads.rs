//! The threads of a runtime: workers, the one that follows the log, and the coordinator.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use kappa_log::Log;
use kappa_serving::Store;
use parking_lot::Mutex;
use timely::communication::WorkerGuards;

use super::command::{Command, Mailbox, StepReport};
use super::coordinator::{Coordinator, CoordinatorParts, Event};
use super::follow::{Gate, follow};
use super::handle::OnDdl;
use super::shared::Shared;
use super::worker::{WorkerOptions, run};
use crate::{Action, Error, RuntimeOptions};

/// Step number in the report of a worker that has died.
const DIED: u64 = u64::MAX;

/// What a runtime is made from.
pub(super) struct StartParts {
    pub(super) options: RuntimeOptions,
    pub(super) log: Log,
    pub(super) store: Arc<Store>,
    pub(super) shared: Arc<Shared>,
    pub(super) events: Sender<Event>,
    pub(super) inbox: Receiver<Event>,
    pub(super) initial: Vec<Action>,
    pub(super) on_ddl: OnDdl,
}

/// All threads, to be waited for.
pub(super) struct Threads {
    coordinator: JoinHandle<()>,
    follower: JoinHandle<()>,
    workers: WorkerGuards<()>,
}

impl Threads {
    /// Starts everything. The initial actions are carried out before the log is followed.
    pub(super) fn start(parts: StartParts) -> Result<Self, Error> {
        let StartParts { options, log, store, shared, events, inbox, initial, on_ddl } = parts;
        let (reports, reported) = channel();
        let (workers, mailboxes) = start_workers(&options, &reports)?;
        let gate = Arc::new(Gate::default());
        let (start, groups_max) = (options.start, options.group_count_ahead_max);
        let horizon = Arc::clone(store.horizon());
        let mut coordinator = Coordinator::new(CoordinatorParts {
            options,
            log: log.clone(),
            store,
            shared,
            mailboxes: mailboxes.clone(),
            reports: reported,
            events: inbox,
            own_events: events.clone(),
            gate: Arc::clone(&gate),
            on_ddl,
        });
        if let Err(error) = coordinator.act(initial, start) {
            coordinator.end();
            return Err(error);
        }
        let follower = spawn("kappa-follow", move || {
            follow(&log, &horizon, start, groups_max, &gate, &events);
        })?;
        let coordinator = spawn("kappa-step", move || coordinator.run())?;
        Ok(Self { coordinator, follower, workers })
    }

    /// Waits until all have ended, which they do once the coordinator has.
    pub(super) fn join(self) {
        for (name, thread) in [("coordinator", self.coordinator), ("follower", self.follower)] {
            if thread.join().is_err() {
                tracing::error!(name, "a thread of the dataflow runtime panicked");
            }
        }
        drop(self.workers);
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder.spawn(body).map_err(|error| Error::Start(error.to_string()))
}

/// Starts timely's workers and waits until each can be woken.
fn start_workers(
    options: &RuntimeOptions,
    reports: &Sender<StepReport>,
) -> Result<(WorkerGuards<()>, Vec<Mailbox>), Error> {
    let worker_count = options.worker_count.max(1);
    let config = match worker_count {
        1 => timely::Config::thread(),
        count => timely::Config::process(count),
    };
    let (share, in_flight) = (options.replay_share_percent, options.replay_ticks_in_flight_max);
    let mut senders = Vec::new();
    let mut receivers: Vec<Option<Receiver<Command>>> = Vec::new();
    for _ in 0..worker_count {
        let (sender, receiver) = channel();
        senders.push(sender);
        receivers.push(Some(receiver));
    }
    let receivers = Mutex::new(receivers);
    let (started, starts) = channel();
    let reports = reports.clone();
    let guards = timely::execute(config, move |worker| {
        let index = worker.index();
        let commands = receivers.lock()[index].take().expect("each worker starts once");
        // Nobody waits any more if the start has failed elsewhere.
        let _ = started.send((index, std::thread::current()));
        let options = WorkerOptions {
            commands,
            reports: reports.clone(),
            replay_share_percent: share,
            replay_ticks_in_flight_max: in_flight,
        };
        if catch_unwind(AssertUnwindSafe(|| run(worker, options))).is_err() {
            let _ = reports.send(StepReport { number: DIED, versions: Vec::new() });
        }
    })
    .map_err(Error::Start)?;
    let mut threads: Vec<_> = starts.iter().take(worker_count).collect();
    threads.sort_by_key(|(index, _)| *index);
    let mailboxes = senders
        .into_iter()
        .zip(threads)
        .map(|(commands, (_, thread))| Mailbox { commands, thread })
        .collect();
    Ok((guards, mailboxes))
}
