//! The oracle while writers run.
//!
//! ```text
//! writer 0  round 0, round 1, round 2, …    each in a connection of its own, until told to stop
//! writer 1  round 0, round 1, …
//! reader    BEGIN REPEATABLE READ; view = batch, view = batch; agreements; COMMIT;  …
//! ```
//! The one idea: the reader reads until it has seen enough *different* contents, so that a check counts
//! only when a boundary lay between it and the last; there is no sleep and no rate.
//!
//! It does not check twins: making one is DDL, which waits for the end of the script.

use crate::failure::Failure;
use crate::head::Head;
use crate::instance::Instance;
use crate::oracle;
use crate::session::Session;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Boundaries that the reader must see.
const BOUNDARY_COUNT: usize = 50;
/// Reads after which a reader that saw too few boundaries gives up.
const READ_COUNT_MAX: usize = 20_000;
/// Rounds of a writer; more than any reader needs.
const ROUND_COUNT_MAX: u64 = 1_000_000;
/// The range of `$random`.
const RANDOM_MAX: u32 = 1_000;
/// Errors that a writer meets when it loses a race; it goes on with the next round.
const LOST_RACES: &[&str] = &["40001", "40P01", "55P03"];

/// Runs the writers of a head and checks every view while they run.
pub(crate) async fn run(head: &Head, instance: &Arc<Instance>) -> Result<(), Failure> {
    let is_over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..head.writer_count)
        .map(|writer| {
            let session = Session::new(instance.clone());
            let statements = head.writer_statements.clone();
            tokio::spawn(write(writer, session, statements, is_over.clone()))
        })
        .collect();
    let read = read(head, instance, &is_over).await;
    is_over.store(true, Ordering::Release);
    for writer in writers {
        let end =
            writer.await.map_err(|error| Failure::broken(format!("a writer ended: {error}")))?;
        end?;
    }
    read
}

async fn read(head: &Head, instance: &Arc<Instance>, is_over: &AtomicBool) -> Result<(), Failure> {
    let mut session = Session::new(instance.clone());
    let views = oracle::views(&mut session).await?;
    let mut seen = HashSet::new();
    for _ in 0..READ_COUNT_MAX {
        let read = oracle::check_at_one_time(&mut session, &views, &head.agreements).await?;
        let mut hasher = DefaultHasher::new();
        read.hash(&mut hasher);
        seen.insert(hasher.finish());
        if seen.len() >= BOUNDARY_COUNT {
            return Ok(());
        }
        if is_over.load(Ordering::Acquire) {
            break;
        }
    }
    Err(Failure::broken(format!("saw {} boundaries, not {BOUNDARY_COUNT}", seen.len())))
}

async fn write(
    writer: usize,
    mut session: Session,
    statements: Vec<String>,
    is_over: Arc<AtomicBool>,
) -> Result<(), Failure> {
    let mut random = fastrand::Rng::with_seed(writer as u64);
    for round in 0..ROUND_COUNT_MAX {
        for statement in &statements {
            if is_over.load(Ordering::Acquire) {
                return Ok(());
            }
            let sql = substitute(statement, writer, round, random.u32(..RANDOM_MAX));
            match session.execute(&sql).await {
                Err(failure)
                    if failure.state().is_some_and(|state| LOST_RACES.contains(&state)) =>
                {
                    session.execute("ROLLBACK").await?;
                    break;
                }
                Err(failure) => {
                    is_over.store(true, Ordering::Release);
                    return Err(Failure::broken(format!("writer {writer}: {failure}\n{sql}")));
                }
                Ok(_) => {}
            }
        }
    }
    Ok(())
}

fn substitute(statement: &str, writer: usize, round: u64, random: u32) -> String {
    let statement = statement.replace("$writer", &writer.to_string());
    statement.replace("$round", &round.to_string()).replace("$random", &random.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_knows_its_writer_and_round() {
        let sql = substitute("INSERT INTO t VALUES ($writer, $round, $random)", 2, 7, 31);
        assert_eq!(sql, "INSERT INTO t VALUES (2, 7, 31)");
    }
}
