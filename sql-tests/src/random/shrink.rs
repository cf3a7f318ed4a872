//! Fewer steps that still fail, by leaving out ever smaller runs of them.

use super::round::replay;
use super::run::Servers;
use super::step::Step;
use crate::split;
use std::time::{Duration, Instant};

/// How long it may take; what is left then is reported.
const TIME_MAX: Duration = Duration::from_secs(120);

/// What two failures must share to count as one.
const SIGNS: &[&str] = &[
    "differs from its query",
    "differs from a twin",
    "differs from PostgreSQL",
    "query in batch failed",
    "twin cannot be made",
    "does not run incrementally",
    "a row failed inside",
    "panic",
    "no answer in",
    "not caught up",
    "XX000",
];

/// Bytes of a SQLSTATE.
const SQLSTATE_LENGTH: usize = 5;

/// The steps that are left when no run of them can be left out any more, nor any row of an INSERT.
pub(super) async fn shrink(servers: &mut Servers, what: &str, steps: &[Step]) -> Vec<Step> {
    let deadline = Instant::now() + TIME_MAX;
    let steps = without_runs(servers, what, steps.to_vec(), deadline).await;
    let single = |step: &Step| match step {
        Step::Sql(sql) => match split::rows(sql) {
            Some(rows) => rows.into_iter().map(Step::Sql).collect(),
            None => vec![step.clone()],
        },
        _ => vec![step.clone()],
    };
    let rows: Vec<_> = steps.iter().flat_map(single).collect();
    if rows.len() > steps.len() && fails(servers, what, &rows).await {
        return without_runs(servers, what, rows, deadline).await;
    }
    steps
}

/// Leaves out runs of steps, long ones first, as long as what is left fails.
async fn without_runs(
    servers: &mut Servers,
    what: &str,
    mut steps: Vec<Step>,
    deadline: Instant,
) -> Vec<Step> {
    let mut run = steps.len().div_ceil(2);
    while run > 0 {
        let mut at = 0;
        let before = steps.len();
        while at < steps.len() && Instant::now() < deadline {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + run).min(steps.len()));
            match fails(servers, what, &fewer).await {
                true => steps = fewer,
                false => at += run,
            }
        }
        if run == 1 && (steps.len() == before || Instant::now() >= deadline) {
            break;
        }
        run = (run / 2).max(1);
    }
    steps
}

/// Whether the steps fail in the same way.
async fn fails(servers: &mut Servers, what: &str, steps: &[Step]) -> bool {
    let Ok(instance) = servers.start().await else { return false };
    let result = replay(&instance, steps, servers.reference.as_mut()).await;
    let end = instance.finish().await.map_err(|failure| failure.to_string());
    servers.clear();
    match result.and(end) {
        Ok(()) => false,
        Err(other) => sign(&other) == sign(what),
    }
}

/// What is known of a failure; of another, how it begins.
fn sign(what: &str) -> &str {
    let known = SIGNS.iter().copied().find(|sign| what.contains(sign));
    known.unwrap_or_else(|| what.get(..SQLSTATE_LENGTH).unwrap_or_default())
}
