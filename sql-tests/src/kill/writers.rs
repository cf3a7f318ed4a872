//! Eight writers, three views, thirty kills.

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
    for sql in SETUP {
        session.execute(sql).await?;
    }
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut journals = vec![Journal::default(); WRITER_COUNT];
    for kill in 0..KILL_COUNT {
        let goal = random.usize(1..=ACKNOWLEDGEMENT_COUNT_MAX);
        let seed = random.u64(..);
        journals = kill_under_writers(instance, journals, goal, seed).await?;
        let in_kill = |what: String| {
            Failure::broken(format!("kill {kill} after {goal} acknowledgements: {what}"))
        };
        for (writer, journal) in journals.iter_mut().enumerate() {
            let table = format!("SELECT id, n FROM t WHERE writer = {writer} ORDER BY id");
            let source = format!("SELECT seq FROM s WHERE writer = {writer} ORDER BY _time, _seq");
            let shown = read(&session.query(&table).await?, &session.query(&source).await?);
            let settled = shown.and_then(|shown| journal.settle(shown));
            settled.map_err(|what| in_kill(format!("writer {writer}: {what}")))?;
        }
        let views = oracle::views(&mut session).await?;
        let checked = oracle::check_at_one_time(&mut session, &views, &[]).await;
        checked.map_err(|failure| in_kill(failure.to_string()))?;
    }
    oracle::check(&mut session).await?;
    instance.finish().await
}

/// One round: writers write, the server is killed and started, writers stop.
async fn kill_under_writers(
    instance: &Arc<Instance>,
    journals: Vec<Journal>,
    goal: usize,
    seed: u64,
) -> Result<Vec<Journal>, Failure> {
    let round = Arc::new(Round { goal, ..Round::default() });
    let writers: Vec<_> = journals
        .into_iter()
        .enumerate()
        .map(|(writer, journal)| {
            let random = fastrand::Rng::with_seed(seed ^ writer as u64);
            let session = Session::new(instance.clone());
            tokio::spawn(write(writer, session, journal, random, round.clone()))
        })
        .collect();
    round.reached.notified().await;
    instance.restart(End::Crash).await?;
    round.is_over.store(true, Ordering::Release);
    let mut journals = Vec::new();
    for writer in writers {
        let end =
            writer.await.map_err(|error| Failure::broken(format!("a writer ended: {error}")))?;
        journals.push(end?);
    }
    Ok(journals)
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
