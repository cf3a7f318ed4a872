//! Kills in every phase of a REBUILD: right after it began, while it replays, while it waits for APPLY,
//! while it is paused, and while APPLY is on its way.
//!
//! The one idea: at every moment the view is its definition's query, whichever definition that is; and a
//! rebuild that was acknowledged is carried to its end after the restart.

use crate::failure::Failure;
use crate::instance::{End, Instance};
use crate::oracle;
use crate::session::Session;
use std::sync::Arc;

/// Kills in a run; each phase gets its share.
const KILL_COUNT: usize = 20;
/// Rows in the history that is replayed.
const ROW_COUNT: usize = 20_000;
/// Rows per second of a replay that is to be met half-way.
const SLOW_RATE: usize = 10_000;
/// The seed of a run.
const SEED: u64 = 1;

/// When the server is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// Right after REBUILD was acknowledged.
    Begun,
    /// After some writes that went on beside the replay.
    Replaying,
    /// When it waits for APPLY.
    Waiting,
    /// When it is paused.
    Paused,
    /// When APPLY has been sent and not yet answered.
    Applying,
}

const MOMENTS: &[Moment] =
    &[Moment::Begun, Moment::Replaying, Moment::Waiting, Moment::Paused, Moment::Applying];

const SETUP: &[&str] = &[
    "CREATE TABLE t (id bigint PRIMARY KEY, k int, n int)",
    "CREATE MATERIALIZED VIEW v AS SELECT k, 0 AS version, count(*) AS c, sum(n) AS s FROM t GROUP BY k",
    "CREATE MATERIALIZED VIEW whole AS SELECT sum(c) AS c, sum(s) AS s FROM v",
];

/// Kills the server in rebuilds, and compares afterwards.
pub(crate) async fn run(instance: &Arc<Instance>) -> Result<(), String> {
    try_run(instance).await.map_err(|failure| failure.to_string())
}

async fn try_run(instance: &Arc<Instance>) -> Result<(), Failure> {
    let mut session = Session::new(instance.clone());
    for sql in SETUP {
        session.execute(sql).await?;
    }
    let rows =
        format!("INSERT INTO t SELECT g, g % 100, g % 7 FROM generate_series(1, {ROW_COUNT}) AS g");
    session.execute(&rows).await?;
    let mut random = fastrand::Rng::with_seed(SEED);
    for kill in 1..=KILL_COUNT {
        let moment = MOMENTS[kill % MOMENTS.len()];
        let result = kill_in_rebuild(instance, &mut session, moment, kill, &mut random).await;
        result.map_err(|failure| Failure::broken(format!("kill {kill}, {moment:?}: {failure}")))?;
    }
    oracle::check(&mut session).await?;
    instance.finish().await
}

/// One rebuild to a definition that shows its number, killed at a moment and carried to its end.
async fn kill_in_rebuild(
    instance: &Arc<Instance>,
    session: &mut Session,
    moment: Moment,
    version: usize,
    random: &mut fastrand::Rng,
) -> Result<(), Failure> {
    let options = match moment {
        Moment::Begun | Moment::Replaying | Moment::Paused => {
            format!("background = true, rate_limit = {SLOW_RATE}")
        }
        Moment::Waiting | Moment::Applying => "apply = 'manual'".to_owned(),
    };
    let query = format!(
        "SELECT k, {version} AS version, count(*) AS c, sum(n) + {version} AS s FROM t GROUP BY k"
    );
    session.execute(&format!("ALTER VIEW v REBUILD WITH ({options}) AS {query}")).await?;
    match moment {
        Moment::Replaying => {
            for write in 0..random.usize(1..50) {
                let sql = format!("UPDATE t SET n = n + 1 WHERE id = {}", write + 1);
                session.execute(&sql).await?;
            }
        }
        Moment::Paused => drop(session.execute("ALTER VIEW v REBUILD PAUSE").await?),
        Moment::Begun | Moment::Waiting | Moment::Applying => {}
    }
    let in_flight = matches!(moment, Moment::Applying).then(|| {
        let mut other = Session::new(instance.clone());
        tokio::spawn(async move { other.execute("ALTER VIEW v REBUILD APPLY").await.is_ok() })
    });
    if in_flight.is_some() {
        // The statement has left for the server, or is about to: both are moments.
        tokio::task::yield_now().await;
    }
    instance.restart(End::Crash).await?;
    let was_applied = match in_flight {
        Some(task) => task.await.unwrap_or(false),
        None => false,
    };
    let views = oracle::views(session).await?;
    oracle::check_at_one_time(session, &views, &[]).await?;
    carry_to_its_end(session, moment, was_applied, version).await?;
    let views = oracle::views(session).await?;
    oracle::check_at_one_time(session, &views, &[]).await.map(drop)
}

/// Does what is left to do, and checks that the new definition has taken over.
async fn carry_to_its_end(
    session: &mut Session,
    moment: Moment,
    was_applied: bool,
    version: usize,
) -> Result<(), Failure> {
    let shown = "SELECT DISTINCT version FROM v";
    let is_new = session.query(shown).await?.rows == [[Some(version.to_string())]];
    if was_applied && !is_new {
        return Err(Failure::broken("APPLY was acknowledged and is lost"));
    }
    match moment {
        Moment::Begun | Moment::Replaying => {}
        Moment::Paused => drop(session.execute("ALTER VIEW v REBUILD RESUME").await?),
        Moment::Waiting | Moment::Applying if !is_new => {
            session.execute("SELECT kappa_settle()").await?;
            session.execute("ALTER VIEW v REBUILD APPLY").await?;
        }
        Moment::Waiting | Moment::Applying => {}
    }
    session.execute("SELECT kappa_settle()").await?;
    let rows = session.query(shown).await?;
    if rows.rows != [[Some(version.to_string())]] {
        return Err(Failure::broken(format!(
            "the rebuild was not carried to its end: {:?} {:?}",
            rows.printed_rows(),
            session
                .query("SELECT * FROM kappa_rebuilds ORDER BY rebuild_id DESC LIMIT 1")
                .await?
                .printed_rows()
        )));
    }
    Ok(())
}
