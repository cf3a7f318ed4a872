//! The columns of the two side contents of a version: rows in error, and late rows.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{Schema, SchemaRef};
use kappa_types::SqlType;

/// Rows in error: `position` (place in the plan and expression), `reason` (message with SQLSTATE in
/// front, `22012: division by zero`), `row` (the row, as JSON). A multiset that changes with time:
/// correcting the row takes its error away.
#[must_use]
pub fn error_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            SqlType::Text.field("position", true),
            SqlType::Text.field("reason", true),
            SqlType::Text.field("row", true),
        ]))
    });
    SCHEMA.clone()
}

/// Late rows: `window_end`, `at_time` (when it came), `row` (as JSON), `diff` (+1 added, -1 taken
/// away). Only ever grows.
#[must_use]
pub fn late_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            SqlType::Timestamp.field("window_end", true),
            SqlType::Timestamptz.field("at_time", true),
            SqlType::Text.field("row", true),
            SqlType::BigInt.field("diff", true),
        ]))
    });
    SCHEMA.clone()
}
