//! Functions in FROM: their entries. They are planned where relations are, see `bind/table_function.rs`.

use super::entry::Function;

/// The functions of this family.
pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new(
            "tumble",
            "The rows with the window of a length that each is in, as window_start and window_end.",
            (
                "window_start FROM TUMBLE((SELECT timestamp '2030-01-01 12:34' AS at), at, '1 hour')",
                "2030-01-01 12:00:00",
            ),
        )
        .written(&[
            "TUMBLE(table, column, interval) → setof rows",
            "TUMBLE(table, column, interval, offset) → setof rows",
        ]),
        Function::new(
            "hop",
            "The rows, once for each window of a length that they are in; windows begin at each slide.",
            (
                "window_start FROM HOP((SELECT timestamp '2030-01-01 12:34' AS at), at, \
                 '30 minutes', '1 hour') ORDER BY 1",
                "2030-01-01 12:00:00, 2030-01-01 12:30:00",
            ),
        )
        .written(&[
            "HOP(table, column, slide, interval) → setof rows",
            "HOP(table, column, slide, interval, offset) → setof rows",
        ]),
        Function::new(
            "generate_series",
            "The numbers or times from the first to the second, by steps of 1 or the third.",
            ("n FROM generate_series(1, 5, 2) AS n ORDER BY n", "1, 3, 5"),
        )
        .written(&[
            "generate_series(integer, integer) → setof integer",
            "generate_series(integer, integer, integer) → setof integer",
            "generate_series(bigint, bigint, bigint) → setof bigint",
            "generate_series(timestamp, timestamp, interval) → setof timestamp",
            "generate_series(timestamptz, timestamptz, interval) → setof timestamptz",
        ]),
    ]
}
