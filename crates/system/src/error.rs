//! The errors of catalogue queries, in PostgreSQL's words.

use kappa_types::{SqlError, SqlState};

/// Hint for what the evaluator does not do.
const HINT: &str = "Queries on the system catalogue support what SQL clients are known to send.";

/// 42P01
pub(crate) fn undefined_table(name: &str) -> SqlError {
    SqlError::new(SqlState::UndefinedTable, format!("relation \"{name}\" does not exist"))
}

/// 42703
pub(crate) fn undefined_column(name: &str) -> SqlError {
    SqlError::new(SqlState::UndefinedColumn, format!("column {name} does not exist"))
}

/// 42883
pub(crate) fn undefined_operator(left: Option<&str>, operator: &str, right: &str) -> SqlError {
    let left = left.map(|left| format!("{left} ")).unwrap_or_default();
    SqlError::new(
        SqlState::UndefinedFunction,
        format!("operator does not exist: {left}{operator} {right}"),
    )
    .with_hint(
        "No operator matches the given name and argument types. You might need to add explicit type casts.",
    )
}

/// 42883
pub(crate) fn undefined_function(name: &str, arguments: &[String]) -> SqlError {
    SqlError::new(
        SqlState::UndefinedFunction,
        format!("function {name}({}) does not exist", arguments.join(", ")),
    )
    .with_hint(
        "No function matches the given name and argument types. You might need to add explicit type casts.",
    )
}

/// 0A000
pub(crate) fn unsupported(what: impl Into<String>) -> SqlError {
    SqlError::unsupported(
        format!("{} is not supported in a query on the system catalogue", what.into()),
        HINT,
    )
}

/// 22P02
pub(crate) fn invalid_input(type_name: &str, text: &str) -> SqlError {
    SqlError::new(
        SqlState::InvalidTextRepresentation,
        format!("invalid input syntax for type {type_name}: \"{text}\""),
    )
}

/// 22003
pub(crate) fn out_of_range(type_name: &str) -> SqlError {
    SqlError::new(SqlState::NumericValueOutOfRange, format!("{type_name} out of range"))
}

/// 42846
pub(crate) fn cannot_cast(from: &str, to: &str) -> SqlError {
    SqlError::new(SqlState::CannotCoerce, format!("cannot cast type {from} to {to}"))
}

/// 21000
pub(crate) fn more_than_one_row() -> SqlError {
    SqlError::new(
        SqlState::CardinalityViolation,
        "more than one row returned by a subquery used as an expression",
    )
}

/// XX000-like: a broken invariant of the evaluator reported as a value error, never a panic.
pub(crate) fn mismatch(what: &str) -> SqlError {
    SqlError::new(SqlState::DatatypeMismatch, format!("unexpected value for {what}"))
}
