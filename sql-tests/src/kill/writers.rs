//! Eight writers and three views; the server goes down under them, thirty times by kill -9.
//!
//! The one idea: [`Writers`] writes, keeps the journals and compares; how the server goes down is its
//! caller's.

use super::journal::{Journal, read};
use crate::failure::Failure;
use crate::instance::{End, Instance};
use crate::oracle;
use crate::session::Session;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// Writers at a time.
const WRITER_COUNT: usize = 8;
/// Kills in a run.
const KILL_COUNT: usize = 30;
/// Acknowledgements between two kills, at most.
const ACKNOWLEDGEMENT_COUNT_MAX: usize = 400;
/// The seed of a run.
const SEED: u64 = 1;

/// What the writers write to.
const SETUP: &[&str] = &[
    "CREATE TABLE t (writer int, id bigint, n int, PRIMARY KEY (writer, id))",
    "CREATE SOURCE s (writer int, seq bigint)",
    "CREATE MATERIALIZED VIEW by_writer AS \
     SELECT writer, count(*) AS c, sum(n) AS s, min(n) AS lo, max(n) AS hi FROM t GROUP BY writer",
    "CREATE MATERIALIZED VIEW in_both AS \
     SELECT t.writer, count(*) AS c FROM t JOIN s ON t.writer = s.writer AND t.id = s.seq GROUP BY t.writer",
    "CREATE MATERIALIZED VIEW histogram AS SELECT n / 100 AS bin, count(*) AS c FROM t GROUP BY 1",
];

/// What killer and writers share.
#[derive(Debug, Default)]
struct Round {
    is_over: AtomicBool,
    acknowledgement_count: AtomicUsize,
    goal: usize,
    reached: Notify,
}

/// Kills the server under writers, and compares afterwards.
pub(crate) async fn run(instance: &Arc<Instance>) -> Result<(), String> {
    try_run(instance).await.map_err(|failure| failure.to_string())
}

async fn try_run(instance: &Arc<Instance>) -> Result<(), Failure> {
    let mut session = Session::new(instance.clone());
    let mut writers = Writers::begin(&mut session).await?;
    for kill in 0..KILL_COUNT {
        let name = format!("kill {kill}");
        writers.round(instance, &name, async || instance.restart(End::Crash).await).await?;
        writers.check(&mut session, &name).await?;
    }
    oracle::check(&mut session).await?;
    instance.finish().await
}

/// The writers between rounds: what they were promised so far.
pub(super) struct Writers {
    journals: Vec<Journal>,
    random: fastrand::Rng,
    /// All acknowledgements so far.
    acknowledgement_count: usize,
    /// Statements in doubt so far that turned out to be there.
    found_count: usize,
    /// And those that were not.
    lost_count: usize,
}

impl Writers {
    /// Makes what they write to.
    pub(super) async fn begin(session: &mut Session) -> Result<Self, Failure> {
        for sql in SETUP {
            session.execute(sql).await?;
        }
        let journals = vec![Journal::default(); WRITER_COUNT];
        let random = fastrand::Rng::with_seed(SEED);
        Ok(Self { journals, random, acknowledgement_count: 0, found_count: 0, lost_count: 0 })
    }

    /// One round: writers write, after some acknowledgements the server is brought down and up, writers
    /// stop.
    pub(super) async fn round(
        &mut self,
        instance: &Arc<Instance>,
        name: &str,
        bring_down_and_up: impl AsyncFnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let goal = self.random.usize(1..=ACKNOWLEDGEMENT_COUNT_MAX);
        let seed = self.random.u64(..);
        let round = Arc::new(Round { goal, ..Round::default() });
        let writers: Vec<_> = std::mem::take(&mut self.journals)
            .into_iter()
            .enumerate()
            .map(|(writer, journal)| {
                let random = fastrand::Rng::with_seed(seed ^ writer as u64);
                let session = Session::new(instance.clone());
                tokio::spawn(write(writer, session, journal, random, round.clone()))
            })
            .collect();
        round.reached.notified().await;
        let in_round =
            |what: String| Failure::broken(format!("{name} after {goal} acknowledgements: {what}"));
        bring_down_and_up().await.map_err(|failure| in_round(failure.to_string()))?;
        round.is_over.store(true, Ordering::Release);
        for writer in writers {
            let end = writer.await.map_err(|error| in_round(format!("a writer ended: {error}")))?;
            self.journals.push(end.map_err(|failure| in_round(failure.to_string()))?);
        }
        self.acknowledgement_count += round.acknowledgement_count.load(Ordering::Acquire);
        Ok(())
    }

    /// Compares what is shown with the journals, and the views with their queries.
    pub(super) async fn check(&mut self, session: &mut Session, name: &str) -> Result<(), Failure> {
        for (writer, journal) in self.journals.iter_mut().enumerate() {
            let table = format!("SELECT id, n FROM t WHERE writer = {writer} ORDER BY id");
            let source = format!("SELECT seq FROM s WHERE writer = {writer} ORDER BY _time, _seq");
            let shown = read(&session.query(&table).await?, &session.query(&source).await?);
            let settled = shown.and_then(|shown| journal.settle(shown));
            let settled = settled
                .map_err(|what| Failure::broken(format!("{name}: writer {writer}: {what}")))?;
            match settled {
                Some(true) => self.found_count += 1,
                Some(false) => self.lost_count += 1,
                None => {}
            }
        }
        let views = oracle::views(session).await?;
        let checked = oracle::check_at_one_time(session, &views, &[]).await;
        checked.map(drop).map_err(|failure| Failure::broken(format!("{name}: {failure}")))
    }

    /// What happened in all rounds, for the report.
    pub(super) fn totals(&self) -> String {
        let Self { acknowledgement_count, found_count, lost_count, .. } = self;
        format!(
            "{acknowledgement_count} statements acknowledged and there; of those in doubt {found_count} there, {lost_count} not"
        )
    }
}

/// Writes until the round is over or the server has gone; an error that the server answered is one.
async fn write(
    writer: usize,
    mut session: Session,
    mut journal: Journal,
    mut random: fastrand::Rng,
    round: Arc<Round>,
) -> Result<Journal, Failure> {
    while !round.is_over.load(Ordering::Acquire) {
        let sql = journal.begin(&mut random).sql(writer);
        match session.execute(&sql).await {
            Ok(_) => journal.acknowledge(),
            Err(Failure::Broken(_)) => break,
            Err(failure) if failure.state().is_some_and(|state| state.starts_with("57P")) => break,
            Err(failure) => {
                round.reached.notify_one();
                return Err(Failure::broken(format!("{failure}\n{sql}")));
            }
        }
        if round.acknowledgement_count.fetch_add(1, Ordering::AcqRel) + 1 == round.goal {
            round.reached.notify_one();
        }
    }
    Ok(journal)
}
