//! `kappa_rebuilds`: one row per REBUILD under way, and for the last ones that ended.

use kappa_catalog::Rebuild;
use kappa_dataflow::{Phase, Progress};
use kappa_types::SqlType;

use super::SystemTable;
use super::rows::{Cell, batch};
use crate::engine::Engine;

pub(super) static TABLE: SystemTable = SystemTable {
    name: "kappa_rebuilds",
    doc: "REBUILDs: phase, rows read and to read, speed, time left.",
    columns: &[
        ("rebuild_id", SqlType::BigInt, "Number of the rebuild."),
        ("view_name", SqlType::Text, "The view named in the statement."),
        (
            "phase",
            SqlType::Text,
            "replaying, catching up, ready, waiting, paused, applied, cancelled or failed.",
        ),
        ("done_row_count", SqlType::BigInt, "History rows read by all shadows of the rebuild."),
        ("total_row_count", SqlType::BigInt, "History rows to read, as known now."),
        ("rows_per_second", SqlType::BigInt, "Speed of the replay so far."),
        ("eta_seconds", SqlType::BigInt, "Time left at that speed; NULL when it has ended."),
    ],
    waits_for_views: false,
    rows: |engine, cut| {
        let rows: Vec<Vec<Cell>> =
            cut.snapshot.rebuilds().map(|rebuild| row(engine, rebuild)).collect();
        batch(&TABLE.schema(), &rows)
    },
};

fn row(engine: &Engine, rebuild: &Rebuild) -> Vec<Cell> {
    let shadows: Vec<Progress> = rebuild
        .definitions
        .iter()
        .filter_map(|definition| engine.progress(definition.version))
        .collect();
    let done: u64 = shadows.iter().map(|progress| progress.rows_done).sum();
    let total: u64 = shadows.iter().map(|progress| progress.rows_total).sum();
    let speed: u64 = shadows.iter().map(|progress| progress.rows_per_second).sum();
    let eta = (!rebuild.phase.is_ended() && speed > 0)
        .then(|| total.saturating_sub(done).div_ceil(speed));
    vec![
        Cell::Integer(i64::from(rebuild.id.0)),
        Cell::Text(rebuild.relation_name.clone()),
        Cell::Text(phase(rebuild, &shadows).to_owned()),
        Cell::count(done),
        Cell::count(total),
        Cell::count(speed),
        eta.map_or(Cell::Null, Cell::count),
    ]
}

/// The catalogue's phase, refined while the shadows run.
fn phase(rebuild: &Rebuild, shadows: &[Progress]) -> &'static str {
    let word = rebuild.phase.name();
    if word != "running" {
        return word;
    }
    let any = |phase: &Phase| shadows.iter().any(|progress| progress.phase == *phase);
    if any(&Phase::Hydrating) {
        "replaying"
    } else if any(&Phase::CatchingUp) {
        "catching up"
    } else {
        "ready"
    }
}
