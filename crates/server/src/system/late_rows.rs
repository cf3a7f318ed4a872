//! `kappa_late_rows`: changes that came after their window had closed.

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use kappa_catalog::RelationKind;
use kappa_types::SqlType;

use super::SystemTable;
use super::rows::{Cell, batch};
use crate::session::read_error;

pub(super) static TABLE: SystemTable = SystemTable {
    name: "kappa_late_rows",
    doc: "Rows that came too late for a view with EMIT ON WINDOW CLOSE; none is lost from its source.",
    columns: &[
        ("view_name", SqlType::Text, "Name; qualified unless it is in public."),
        (
            "window_end",
            SqlType::Timestamp,
            "End of the window that had closed; NULL without a time.",
        ),
        ("at_time", SqlType::Timestamptz, "When the change came."),
        ("row", SqlType::Text, "The row, as JSON."),
    ],
    waits_for_views: true,
    rows: |engine, cut| {
        let mut rows = Vec::new();
        for relation in cut.snapshot.relations() {
            if !matches!(relation.kind, RelationKind::MaterializedView { .. }) {
                continue;
            }
            let Some(contents) = engine.view_contents(relation.version) else { continue };
            for late in contents.late.scan(cut.at, None, &[]).map_err(read_error)? {
                let end = late.column(0).as_primitive::<TimestampMicrosecondType>();
                let at = late.column(1).as_primitive::<TimestampMicrosecondType>();
                let text = late.column(2).as_string_view();
                rows.extend((0..late.num_rows()).map(|row| {
                    vec![
                        Cell::Text(super::shown_name(relation)),
                        Cell::optional_time(end.is_valid(row).then(|| end.value(row))),
                        Cell::optional_time(at.is_valid(row).then(|| at.value(row))),
                        Cell::Text(text.value(row).to_owned()),
                    ]
                }));
            }
        }
        batch(&TABLE.schema(), &rows)
    },
};
