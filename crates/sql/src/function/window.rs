//! Window functions: DataFusion computes them, after [`crate::typing`] has decided the types.
//!
//! Aggregates are window functions too, with OVER.

use super::entry::Function;

/// The functions of this family.
pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new(
            "row_number",
            "The number of the row, from 1.",
            ("row_number() OVER (ORDER BY x) FROM (VALUES (10), (20), (30)) AS t (x) ORDER BY x", "1, 2, 3"),
        )
        .written(&["row_number() → bigint"]),
        Function::new(
            "rank",
            "One more than the rows before it that are not equal to it.",
            ("rank() OVER (ORDER BY x) FROM (VALUES (10), (10), (20)) AS t (x) ORDER BY x", "1, 1, 3"),
        )
        .written(&["rank() → bigint"]),
        Function::new(
            "dense_rank",
            "Which of the different values it has, from 1.",
            ("dense_rank() OVER (ORDER BY x) FROM (VALUES (10), (10), (20)) AS t (x) ORDER BY x", "1, 1, 2"),
        )
        .written(&["dense_rank() → bigint"]),
        Function::new(
            "percent_rank",
            "The rank as a share from 0 to 1.",
            ("percent_rank() OVER (ORDER BY x) FROM (VALUES (10), (20), (30)) AS t (x) ORDER BY x", "0, 0.5, 1"),
        )
        .written(&["percent_rank() → double precision"]),
        Function::new(
            "cume_dist",
            "The share of rows up to it and its equals.",
            ("cume_dist() OVER (ORDER BY x) FROM (VALUES (10), (20)) AS t (x) ORDER BY x", "0.5, 1"),
        )
        .written(&["cume_dist() → double precision"]),
        Function::new(
            "ntile",
            "In which of so many parts of equal size it is.",
            ("ntile(2) OVER (ORDER BY x) FROM (VALUES (10), (20), (30)) AS t (x) ORDER BY x", "1, 1, 2"),
        )
        .written(&["ntile(integer) → bigint"]),
        Function::new(
            "lag",
            "The value one row, or so many, before it; else NULL or the third.",
            ("lag(x) OVER (ORDER BY x) FROM (VALUES (10), (20), (30)) AS t (x) ORDER BY x", "NULL, 10, 20"),
        )
        .written(&["lag(any) → any", "lag(any, integer) → any", "lag(any, integer, any) → any"]),
        Function::new(
            "lead",
            "The value one row, or so many, after it; else NULL or the third.",
            ("lead(x, 1, 0) OVER (ORDER BY x) FROM (VALUES (10), (20), (30)) AS t (x) ORDER BY x", "20, 30, 0"),
        )
        .written(&["lead(any) → any", "lead(any, integer) → any", "lead(any, integer, any) → any"]),
        Function::new(
            "first_value",
            "The value of the first row of the frame.",
            ("first_value(x) OVER (ORDER BY x) FROM (VALUES (10), (20)) AS t (x) ORDER BY x", "10, 10"),
        )
        .written(&["first_value(any) → any"]),
        Function::new(
            "last_value",
            "The value of the last row of the frame, which by default ends at the row and its equals.",
            ("last_value(x) OVER (ORDER BY x) FROM (VALUES (10), (20)) AS t (x) ORDER BY x", "10, 20"),
        )
        .written(&["last_value(any) → any"]),
        Function::new(
            "nth_value",
            "The value of a row of the frame, counted from 1.",
            ("nth_value(x, 2) OVER (ORDER BY x) FROM (VALUES (10), (20)) AS t (x) ORDER BY x", "NULL, 20"),
        )
        .written(&["nth_value(any, integer) → any"]),
    ]
}
