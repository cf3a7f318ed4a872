//! `kappa_views`: one row per materialized view.

use kappa_catalog::RelationKind;
use kappa_types::SqlType;

use super::SystemTable;
use super::rows::{Cell, batch};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "kappa_views",
    doc: "Materialized views: how fresh, how large, how much went through.",
    columns: &[
        ("view_name", SqlType::Text, "Name; qualified unless it is in public."),
        ("frontier", SqlType::Timestamptz, "Contents are complete up to this time."),
        ("lag_ms", SqlType::BigInt, "How far the frontier is behind the newest commit."),
        ("row_count", SqlType::BigInt, "Rows now."),
        ("rows_in", SqlType::BigInt, "Changes of inputs taken in."),
        ("rows_out", SqlType::BigInt, "Changes of contents put out."),
        ("state_bytes", SqlType::BigInt, "Bytes of operator state."),
        ("error_count", SqlType::BigInt, "Rows in error now; see kappa_errors."),
        ("late_row_count", SqlType::BigInt, "Rows after their window closed; see kappa_late_rows."),
    ],
    waits_for_views: false,
    rows: |engine, cut| {
        let newest = engine.log.durable_time();
        let mut rows = Vec::new();
        for relation in cut.snapshot.relations() {
            if !matches!(relation.kind, RelationKind::MaterializedView { .. }) {
                continue;
            }
            let Some(progress) = engine.view_progress(relation.version) else { continue };
            // An idle view is as fresh as the newest boundary: its frontier advances by arithmetic.
            let live = progress.live_from.is_some_and(|from| from <= cut.at);
            let frontier = if live { cut.at } else { progress.frontier };
            let row_count = engine
                .view_contents(relation.version)
                .map_or(0, |contents| contents.rows.row_count(cut.at).unwrap_or(0) as u64);
            rows.push(vec![
                Cell::Text(super::shown_name(relation)),
                Cell::Time(frontier.micros()),
                Cell::count(newest.0.saturating_sub(frontier.0) / 1_000),
                Cell::count(row_count),
                Cell::count(progress.rows_in),
                Cell::count(progress.rows_out),
                Cell::count(progress.state_bytes),
                Cell::Integer(progress.error_count),
                Cell::count(progress.late_row_count),
            ]);
        }
        batch(&TABLE.schema(), &rows)
    },
};
