//! `kappa_sources`: one row per source or table, whose rows stand in the log.

use kappa_types::SqlType;

use super::SystemTable;
use super::rows::{Cell, batch};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "kappa_sources",
    doc: "Sources and tables: how much history, how far event time has come.",
    columns: &[
        ("source_name", SqlType::Text, "Name; qualified unless it is in public."),
        ("row_count", SqlType::BigInt, "Rows of its history, changes of tables counted each."),
        ("disk_bytes", SqlType::BigInt, "Bytes of its history."),
        (
            "watermark",
            SqlType::Timestamp,
            "Watermark now; NULL without a WATERMARK clause or rows.",
        ),
        ("last_row_at", SqlType::Timestamptz, "When the newest row was committed."),
        ("error_count", SqlType::BigInt, "Input that could not be decoded; see kappa_errors."),
    ],
    waits_for_views: false,
    rows: |engine, cut| {
        let base = cut.snapshot.relations().filter(|relation| relation.is_base());
        let rows: Vec<Vec<Cell>> = base
            .map(|relation| {
                let statistics = engine.log.statistics(relation.id);
                vec![
                    Cell::Text(super::shown_name(relation)),
                    Cell::count(statistics.row_count),
                    Cell::count(statistics.disk_bytes),
                    Cell::optional_time(engine.log.watermark(relation.id, cut.at)),
                    Cell::optional_time(statistics.last_row_at),
                    Cell::count(statistics.reject_count),
                ]
            })
            .collect();
        batch(&TABLE.schema(), &rows)
    },
};
