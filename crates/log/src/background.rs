//! [`Background`]: the threads that write groups under load, make spare WAL files, seal and merge.
//!
//! Each waits for a word, or for a while; what there is to do is read from the state, so a lost word
//! costs time and nothing else.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::Error;
use crate::log::Shared;

/// How often groups are looked at without a word.
const GROUPS_INTERVAL: Duration = Duration::from_secs(1);

/// How often rows are looked at without a word.
const ROWS_INTERVAL: Duration = Duration::from_secs(1);

/// How often WAL files are looked at without a word; also how soon a full disk is tried again.
const FILES_INTERVAL: Duration = Duration::from_millis(500);

/// How often segments are looked at without a word.
const MERGE_INTERVAL: Duration = Duration::from_secs(2);

/// The threads and their bells.
#[derive(Default)]
pub(crate) struct Background {
    groups: Bell,
    files: Bell,
    rows: Bell,
    segments: Bell,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Wakes one thread.
#[derive(Default)]
struct Bell {
    rung: Mutex<Rung>,
    condvar: Condvar,
}

#[derive(Default)]
struct Rung {
    now: bool,
    stop: bool,
}

impl Bell {
    fn ring(&self) {
        self.rung.lock().now = true;
        self.condvar.notify_one();
    }

    fn stop(&self) {
        self.rung.lock().stop = true;
        self.condvar.notify_one();
    }

    /// Waits for a word or for `interval`; `false` if it is time to end.
    fn wait(&self, interval: Duration) -> bool {
        let mut rung = self.rung.lock();
        if !rung.now && !rung.stop {
            self.condvar.wait_for(&mut rung, interval);
        }
        rung.now = false;
        !rung.stop
    }
}

impl Background {
    /// Starts the threads.
    pub(crate) fn start(shared: &Arc<Shared>) -> Result<(), Error> {
        let spawn = |name: &str, run: fn(&Shared)| {
            let shared = Arc::clone(shared);
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || run(&shared))
                .map_err(|error| Error::io("start a thread", error))
        };
        let threads = [
            spawn("kappa-log-write", write_groups)?,
            spawn("kappa-log-files", tend_files)?,
            spawn("kappa-log-seal", tend_rows)?,
            spawn("kappa-log-merge", tend_segments)?,
        ];
        shared.background.threads.lock().extend(threads);
        Ok(())
    }

    /// Ends the threads and waits for them.
    pub(crate) fn stop(&self) {
        self.groups.stop();
        self.files.stop();
        self.rows.stop();
        self.segments.stop();
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the log ended in a panic");
            }
        }
    }

    /// A group waits to be written.
    pub(crate) fn write_group(&self) {
        self.groups.ring();
    }

    /// There may be something to do about WAL files.
    pub(crate) fn tend_files(&self) {
        self.files.ring();
    }

    /// There is something to seal.
    pub(crate) fn tend_rows(&self) {
        self.rows.ring();
    }

    /// A group was written.
    pub(crate) fn group_written(&self, seal_is_due: bool) {
        if seal_is_due {
            self.rows.ring();
        }
    }
}

fn write_groups(shared: &Shared) {
    while shared.background.groups.wait(GROUPS_INTERVAL) {
        shared.write_handed_over();
    }
}

fn tend_files(shared: &Shared) {
    let mut is_full = false;
    while shared.background.files.wait(FILES_INTERVAL) {
        let result = shared.tend_files();
        report("make WAL files", &result, &mut is_full);
    }
}

fn tend_rows(shared: &Shared) {
    let mut is_full = false;
    while shared.background.rows.wait(ROWS_INTERVAL) {
        let result = shared.seal_due();
        report("seal rows", &result, &mut is_full);
        match result {
            Ok(()) => shared.background.segments.ring(),
            Err(Error::DiskFull) => {
                shared.order.lock().disk_full = true;
                shared.room.notify_all();
            }
            Err(_) => {}
        }
    }
}

fn tend_segments(shared: &Shared) {
    let mut is_full = false;
    while shared.background.segments.wait(MERGE_INTERVAL) {
        let result = loop {
            match shared.merge_one() {
                Ok(true) if !shared.background.segments.rung.lock().stop => {}
                other => break other.map(|_| ()),
            }
        };
        report("merge segments", &result, &mut is_full);
    }
}

/// Says once that the disk is full and once that there is room again; other errors each time.
fn report(what: &str, result: &Result<(), Error>, is_full: &mut bool) {
    match result {
        Ok(()) if *is_full => {
            *is_full = false;
            tracing::info!("there is room on the disk again: could {what}");
        }
        Ok(()) => {}
        Err(Error::DiskFull) if *is_full => {}
        Err(Error::DiskFull) => {
            *is_full = true;
            tracing::warn!("disk full: could not {what}; writes fail until there is room");
        }
        Err(error) => {
            let source = std::error::Error::source(error).map(ToString::to_string);
            tracing::error!(%error, source, "could not {what}");
        }
    }
}
