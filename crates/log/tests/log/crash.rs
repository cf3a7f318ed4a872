//! Power cuts: at every change that a run makes to the disk, whatever subset of un-synced sectors and
//! names survives, the log opens again with every acknowledged row once and in order, and with the
//! other groups whole or not at all; and again if power goes during that recovery.
//!
//! `KAPPA_CRASHES` sets how many (100,000 by default), `KAPPA_SEED` the first seed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kappa_log::{Commit, Crash, Fs, Log, RowKind, SimFs};
use kappa_types::{ManualClock, RelationId};
use parking_lot::Mutex;

use crate::model::{Entry, Journal, RELATIONS, check, check_groups, open, rows, schema};

/// Steps of a run.
const STEP_COUNT: usize = 24;

/// Crashes looked at before each change of the disk.
const CRASHES_PER_CHANGE: u64 = 6;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn acknowledged_rows_survive_power_cuts() {
    let (wanted, first) = (number("KAPPA_CRASHES", 100_000), number("KAPPA_SEED", 1));
    let (next, crashes) = (AtomicU64::new(first), Arc::new(AtomicU64::new(0)));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while crashes.load(Ordering::Relaxed) < wanted {
                    Run::new(next.fetch_add(1, Ordering::Relaxed), &crashes).run();
                }
            });
        }
    });
    let runs = next.load(Ordering::Relaxed) - first;
    println!("{} crashes in {runs} runs", crashes.load(Ordering::Relaxed));
}

/// Says which run it was if the test fails.
struct Context(String);

impl Drop for Context {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("failed: {}", self.0);
        }
    }
}

/// One run of a log, with crashes looked at on the way.
struct Run {
    random: fastrand::Rng,
    seed: u64,
    sim: SimFs,
    fs: Arc<dyn Fs>,
    clock: Arc<ManualClock>,
    journal: Arc<Mutex<Journal>>,
    log: Option<Log>,
    next_id: i64,
    /// Newest schema version of each relation; 0 if it has none.
    versions: [u32; 3],
    /// Whether the last relation is gone; ids do not come back.
    is_dropped: bool,
}

impl Run {
    fn new(seed: u64, crashes: &Arc<AtomicU64>) -> Self {
        let sim = SimFs::new(Path::new("/"));
        let journal = Arc::new(Mutex::new(Journal::default()));
        let hook = Watcher {
            seed,
            journal: Arc::clone(&journal),
            crashes: Arc::clone(crashes),
            random: Mutex::new(fastrand::Rng::with_seed(seed ^ 0x5eed)),
        };
        sim.set_hook(Some(Arc::new(move |sim| hook.look(sim))));
        let fs: Arc<dyn Fs> = Arc::new(sim.clone());
        let clock = Arc::new(ManualClock::new(1_000_000));
        let log = Some(open(&fs, &clock, seed).unwrap());
        Self {
            random: fastrand::Rng::with_seed(seed),
            seed,
            sim,
            fs,
            clock,
            journal,
            log,
            next_id: 1,
            versions: [0; 3],
            is_dropped: false,
        }
    }

    fn run(mut self) {
        let _context = Context(format!("KAPPA_SEED={} KAPPA_CRASHES=1", self.seed));
        for _ in 0..STEP_COUNT {
            self.step();
        }
        assert_eq!(self.sim.fatal_message(), None, "seed {}", self.seed);
        let journal = self.journal.lock().clone();
        let log = self.log.take().unwrap();
        check(&log, &journal);
        check_groups(&log, &journal, 0);
        let middle = journal.placed.get(journal.placed.len() / 2).map_or(0, |entry| entry.time);
        check_groups(&log, &journal, middle);
    }

    fn log(&self) -> &Log {
        self.log.as_ref().expect("it is open between steps")
    }

    fn step(&mut self) {
        self.clock.set_micros(1_000_000 + self.random.i64(0..2_000_000_000));
        match self.random.u8(0..100) {
            0..50 => self.commit(),
            50..60 => self.commit_many(),
            60..72 => self.log().seal().unwrap(),
            72..78 => self.log().merge().unwrap(),
            78..90 => self.attach(),
            90..93 => self.drop_spool(),
            _ => self.reopen(),
        }
    }

    fn place(&mut self, mut commit: Commit, entry: Entry) -> kappa_log::Placed {
        entry.finish(&mut commit);
        let placed = self.log().place(commit).unwrap();
        self.journal.lock().place(entry, &placed);
        placed
    }

    fn wait(&self, placed: &kappa_log::Placed) {
        let time = self.log().wait(placed).unwrap();
        let mut journal = self.journal.lock();
        journal.acknowledged = journal.acknowledged.max(time.0);
    }

    fn commit(&mut self) {
        let placed = self.place_one();
        self.wait(&placed);
    }

    /// Several commits before anybody waits: groups of more than one.
    fn commit_many(&mut self) {
        let placed: Vec<_> = (0..self.random.usize(2..6)).map(|_| self.place_one()).collect();
        for placed in placed.iter().rev() {
            self.wait(placed);
        }
    }

    fn ids(&mut self, count: i64) -> (i64, i64) {
        let first = self.next_id;
        self.next_id += count;
        (first, count)
    }

    /// A relation that has a schema, which is added to the commit if it has not.
    fn relation(&mut self, commit: &mut Commit) -> (RelationId, u32) {
        let at = self.random.usize(..RELATIONS.len() - usize::from(self.is_dropped));
        if self.versions[at] == 0 || (self.versions[at] == 1 && self.random.u8(..8) == 0) {
            self.versions[at] += 1;
            commit.schemas.push((RELATIONS[at], schema(RELATIONS[at], self.versions[at])));
        }
        (RELATIONS[at], self.versions[at])
    }

    fn place_one(&mut self) -> kappa_log::Placed {
        let (mut commit, mut entry) = (Commit::default(), Entry::default());
        let (relation, version) = self.relation(&mut commit);
        match self.random.u8(..20) {
            0 => commit.clock = true,
            1 | 2 => {
                let length = self.random.usize(..6000);
                let (id, _) = self.ids(1);
                entry.ddl = Some(format!("edit {id} {}", "x".repeat(length)));
            }
            3..6 if relation == RELATIONS[2] => {
                entry.dropped = Some(relation);
                self.is_dropped = true;
                commit.schemas.clear();
            }
            6..8 => {
                let ids = self.random.i64(1..4);
                let ids = self.ids(ids);
                entry.add_rows(&mut commit, (relation, version, RowKind::Rejects), ids, None);
            }
            _ => {
                for _ in 0..self.random.usize(1..3) {
                    let count = if self.random.u8(..10) == 0 { 40 } else { self.random.i64(1..4) };
                    let ids = self.ids(count);
                    let diffs = (self.random.u8(..8) == 0).then_some(-1);
                    entry.add_rows(&mut commit, (relation, version, RowKind::Rows), ids, diffs);
                }
                if self.random.bool() {
                    entry.offset = Some((relation, self.next_id.to_string()));
                }
                if self.random.bool() {
                    let name = if self.random.bool() { "anna" } else { "bert" };
                    entry.producer = Some((name.to_owned(), self.next_id as u64));
                }
            }
        }
        self.place(commit, entry)
    }

    fn attach(&mut self) {
        let (mut commit, mut entry) = (Commit::default(), Entry::default());
        let (relation, version) = self.relation(&mut commit);
        let mut spool = self.log().spool(relation, &schema(relation, version)).unwrap();
        if self.random.bool() {
            // Rows in memory before the attached ones in the same commit.
            let ids = self.ids(2);
            entry.add_rows(&mut commit, (relation, version, RowKind::Rows), ids, None);
        }
        for _ in 0..self.random.usize(1..4) {
            let (first, count) = self.ids(30);
            spool.append(&rows(relation, version, first, count)).unwrap();
            entry.note_rows(relation, RowKind::Rows, (first, count), version > 1, None);
        }
        commit.attachments.push(spool.finish().unwrap());
        let placed = self.place(commit, entry);
        self.wait(&placed);
    }

    /// A broken COPY leaves nothing.
    fn drop_spool(&mut self) {
        let version = self.versions[0].max(1);
        let mut spool = self.log().spool(RELATIONS[0], &schema(RELATIONS[0], version)).unwrap();
        spool.append(&rows(RELATIONS[0], version, -100, 60)).unwrap();
        if self.random.bool() {
            drop(spool.finish().unwrap());
        }
    }

    fn reopen(&mut self) {
        let log = self.log.take().unwrap();
        if self.random.bool() {
            log.close().unwrap();
        } else {
            drop(log);
        }
        self.seed += 1 << 32;
        self.log = Some(open(&self.fs, &self.clock, self.seed).unwrap());
        check(self.log(), &self.journal.lock().clone());
    }
}

/// Looks at crashes before each change of the disk.
struct Watcher {
    seed: u64,
    journal: Arc<Mutex<Journal>>,
    crashes: Arc<AtomicU64>,
    random: Mutex<fastrand::Rng>,
}

impl Watcher {
    fn look(&self, sim: &SimFs) {
        let journal = self.journal.lock().clone();
        for _ in 0..CRASHES_PER_CHANGE {
            let (fate, seed) = {
                let mut random = self.random.lock();
                (random.u64(..), random.u64(..))
            };
            let crash = match fate % 16 {
                0 => Crash::Nothing,
                1 => Crash::Everything,
                _ => Crash::Some(fate),
            };
            self.recover(&sim.crash(crash), journal.clone(), seed);
        }
    }

    /// Opens what a crash left; sometimes power goes again meanwhile, and life goes on after.
    fn recover(&self, sim: &SimFs, mut journal: Journal, seed: u64) {
        self.crashes.fetch_add(1, Ordering::Relaxed);
        let mut random = fastrand::Rng::with_seed(seed);
        let (fs, clock): (Arc<dyn Fs>, _) =
            (Arc::new(sim.clone()), Arc::new(ManualClock::new(5_000_000)));
        let again: Arc<Mutex<Option<SimFs>>> = Arc::default();
        if random.u8(..4) == 0 {
            let (at, fate) = (sim.change_count() + random.u64(..6), random.u64(..));
            let again = Arc::clone(&again);
            sim.set_hook(Some(Arc::new(move |sim| {
                if sim.change_count() == at {
                    *again.lock() = Some(sim.crash(Crash::Some(fate)));
                }
            })));
        }
        let _context = Context(format!("seed {}, crash {seed:#x}", self.seed));
        let log = open(&fs, &clock, seed).unwrap_or_else(|error| panic!("does not open: {error}"));
        sim.set_hook(None);
        check(&log, &journal);
        journal.restart(&log);
        if random.u8(..4) == 0 {
            let (mut commit, mut entry) = (Commit::default(), Entry::default());
            commit.schemas.push((RELATIONS[1], schema(RELATIONS[1], 1)));
            let ids = (1_000_000, 3);
            entry.add_rows(&mut commit, (RELATIONS[1], 1, RowKind::Rows), ids, None);
            let placed = log.place(commit).unwrap();
            journal.place(entry, &placed);
            journal.acknowledged = log.wait(&placed).unwrap().0;
            if random.bool() {
                log.seal().unwrap();
            }
            drop(log);
            let left = sim.crash(Crash::Some(random.u64(..)));
            self.recover(&left, journal, random.u64(..));
        } else if let Some(again) = again.lock().take() {
            self.recover(&again, journal, random.u64(..));
        }
    }
}
