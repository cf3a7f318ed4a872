//! A disk that fails or fills up: nothing is acknowledged after a failed write or sync of the log, what
//! was acknowledged is there after a restart, and a full disk is over when there is room.

use std::path::Path;
use std::sync::Arc;

use kappa_log::{Commit, Crash, Error, Fault, Fs, Log, RowKind, SimFs};
use kappa_types::{ManualClock, RelationId};

use crate::model::{Entry, Journal, check, open, rows, schema};

const RELATION: RelationId = RelationId(1);

/// A fixed run of every kind of change; stops at the first error.
struct Run {
    sim: SimFs,
    clock: Arc<ManualClock>,
    journal: Journal,
    next_id: i64,
}

impl Run {
    fn new() -> Self {
        let sim = SimFs::new(Path::new("/"));
        let clock = Arc::new(ManualClock::new(1_000_000));
        Self { sim, clock, journal: Journal::default(), next_id: 1 }
    }

    fn open(&self, seed: u64) -> Result<Log, Error> {
        let fs: Arc<dyn Fs> = Arc::new(self.sim.clone());
        open(&fs, &self.clock, seed)
    }

    fn commit(&mut self, log: &Log, count: i64) -> Result<(), Error> {
        let (mut commit, mut entry) = (Commit::default(), Entry::default());
        commit.schemas.push((RELATION, schema(RELATION, 1)));
        entry.add_rows(&mut commit, (RELATION, 1, RowKind::Rows), (self.next_id, count), None);
        self.next_id += count;
        self.finish(log, commit, entry)
    }

    fn attach(&mut self, log: &Log) -> Result<(), Error> {
        let (mut commit, mut entry) = (Commit::default(), Entry::default());
        let mut spool = log.spool(RELATION, &schema(RELATION, 1))?;
        spool.append(&rows(RELATION, 1, self.next_id, 30))?;
        entry.note_rows(RELATION, RowKind::Rows, (self.next_id, 30), false, None);
        self.next_id += 30;
        commit.attachments.push(spool.finish()?);
        self.finish(log, commit, entry)
    }

    fn finish(&mut self, log: &Log, mut commit: Commit, entry: Entry) -> Result<(), Error> {
        entry.finish(&mut commit);
        let placed = log.place(commit)?;
        self.journal.place(entry, &placed);
        let time = log.wait(&placed)?;
        assert_eq!(self.sim.fatal_message(), None, "nothing is acknowledged after a failure");
        self.journal.acknowledged = time.0;
        Ok(())
    }

    fn run(&mut self) -> Result<(), Error> {
        let log = self.open(1)?;
        for _ in 0..3 {
            for count in [1, 3, 200, 2] {
                self.commit(&log, count)?;
            }
            self.attach(&log)?;
            self.commit(&log, 5)?;
            log.seal()?;
        }
        log.merge()?;
        self.commit(&log, 1)?;
        drop(log);
        let log = self.open(2)?;
        self.commit(&log, 1)?;
        log.close()
    }

    /// Whatever power leaves after the error, acknowledged rows are there, and the log goes on.
    fn restart(&mut self, seed: u64) {
        for fate in 0..4 {
            let left = self.sim.crash(match fate {
                0 => Crash::Nothing,
                1 => Crash::Everything,
                _ => Crash::Some(seed * 31 + fate),
            });
            let mut after = Run {
                sim: left,
                clock: Arc::clone(&self.clock),
                journal: self.journal.clone(),
                next_id: self.next_id,
            };
            let log = after.open(seed).unwrap();
            check(&log, &after.journal);
            after.journal.restart(&log);
            after.commit(&log, 2).unwrap();
            log.seal().unwrap();
            check(&log, &after.journal);
        }
    }
}

fn change_count_of_a_run() -> u64 {
    let mut run = Run::new();
    run.run().unwrap();
    run.sim.change_count()
}

#[test]
fn nothing_is_acknowledged_after_an_io_error() {
    let count = change_count_of_a_run();
    assert!(count > 150, "the run makes enough changes to be worth it: {count}");
    for at in 0..count {
        let mut run = Run::new();
        run.sim.fail_at(at, Fault::Io);
        match run.run() {
            // The last changes of all are about spare files, with nothing left to acknowledge.
            Ok(()) | Err(Error::Io { .. }) => {}
            Err(other) => panic!("change {at}: {other}"),
        }
        run.restart(at);
    }
}

#[test]
fn a_full_disk_at_any_change_loses_nothing() {
    for at in 0..change_count_of_a_run() {
        let mut run = Run::new();
        run.sim.fail_at(at, Fault::Full);
        match run.run() {
            Ok(()) | Err(Error::DiskFull) => {}
            // A write to room that was filled ahead cannot find the disk full; if it did, it is fatal.
            Err(Error::Io { .. }) => {}
            Err(other) => panic!("change {at}: {other}"),
        }
        run.restart(at);
    }
}

#[test]
fn a_full_disk_refuses_writes_serves_reads_and_is_over_when_there_is_room() {
    let mut run = Run::new();
    let log = run.open(1).unwrap();
    run.commit(&log, 10).unwrap();
    run.sim.set_capacity_bytes(run.sim.size_bytes() + (40 << 10));
    let mut refused = 0;
    for _ in 0..200 {
        match run.commit(&log, 20) {
            Ok(()) => assert_eq!(refused, 0, "it stays full while it is"),
            Err(Error::DiskFull) => refused += 1,
            Err(other) => panic!("{other}"),
        }
        check(&log, &run.journal);
        if refused == 3 {
            break;
        }
    }
    assert_eq!(refused, 3, "the disk did fill up");
    assert_eq!(run.sim.fatal_message(), None);
    assert!(matches!(run.attach(&log), Err(Error::DiskFull)));
    run.restart_full(&log);
    run.sim.set_capacity_bytes(u64::MAX);
    run.commit(&log, 20).unwrap();
    run.attach(&log).unwrap();
    log.seal().unwrap();
    check(&log, &run.journal);
}

impl Run {
    /// A full disk opens too.
    fn restart_full(&mut self, log: &Log) {
        check(log, &self.journal);
        let left = self.sim.crash(Crash::Nothing);
        left.set_capacity_bytes(left.size_bytes());
        let fs: Arc<dyn Fs> = Arc::new(left);
        let reopened = open(&fs, &self.clock, 9).unwrap();
        check(&reopened, &self.journal);
    }
}

#[test]
fn two_logs_cannot_share_a_directory() {
    let run = Run::new();
    let log = run.open(1).unwrap();
    assert!(matches!(run.open(2), Err(Error::Locked { .. })));
    drop(log);
    run.open(3).unwrap();
}
