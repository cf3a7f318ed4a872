//! Errors of the layers below, as Postgres clients see them: the one table of SQLSTATEs.
//!
//! The one idea: an error that already is a [`SqlError`] passes through whatever wrapped it; every
//! other kind gets its state here, and nowhere else.

use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use kappa_types::{SqlError, SqlState};

/// An error of the log.
#[must_use]
pub fn log_error(error: kappa_log::Error) -> SqlError {
    use kappa_log::Error;
    match error {
        Error::DiskFull => SqlError::new(SqlState::DiskFull, "no space left on device")
            .with_hint("Writing goes on by itself when there is room again."),
        Error::Invalid(what) => SqlError::new(SqlState::InternalError, what),
        Error::Corrupt { .. } | Error::UnknownVersion { .. } => {
            SqlError::new(SqlState::DataCorrupted, chain(&error))
        }
        Error::Io { .. } => SqlError::new(SqlState::IoError, chain(&error)),
        Error::Closed => SqlError::new(SqlState::AdminShutdown, "the server is shutting down"),
        Error::Locked { .. } => SqlError::new(SqlState::CannotConnectNow, chain(&error)),
    }
}

/// An error of planning or running a query.
#[must_use]
pub fn query_error(error: DataFusionError) -> SqlError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            query_error(*inner)
        }
        DataFusionError::External(inner) => external_error(inner),
        DataFusionError::Shared(inner) => shared_error(&inner),
        DataFusionError::Collection(errors) => match errors.into_iter().next() {
            Some(first) => query_error(first),
            None => SqlError::new(SqlState::InternalError, "an error without a message"),
        },
        DataFusionError::ArrowError(inner, _) => arrow_error(*inner),
        DataFusionError::ResourcesExhausted(what) => {
            SqlError::new(SqlState::OutOfMemory, "out of memory").with_detail(what).with_hint(
                "Add a WHERE clause or a LIMIT, or keep the result as a materialized view.",
            )
        }
        DataFusionError::NotImplemented(what)
            if what.starts_with("Physical plan does not support logical expression") =>
        {
            subquery_form()
        }
        DataFusionError::Plan(what) if what.contains("subquery can only be used in") => {
            subquery_form()
        }
        DataFusionError::Plan(what)
            if what.contains("must be aggregated to return at most one") =>
        {
            SqlError::unsupported(
                "a subquery on columns of the query around it is not supported without an aggregate",
                "Write max(x), which is x where there is one row, or a LEFT JOIN.",
            )
        }
        DataFusionError::Execution(what) if is_second_row(&what) => second_row(),
        DataFusionError::NotImplemented(what) => SqlError::unsupported(
            what,
            "The query engine cannot run this query; write it another way.",
        ),
        other => SqlError::new(SqlState::InternalError, first_line(&other.to_string())),
    }
}

fn subquery_form() -> SqlError {
    SqlError::unsupported(
        "a subquery of this form is not supported",
        "EXISTS and subqueries on columns of the query around them stand in WHERE or equal one \
         value; otherwise write a join, or a subquery in FROM.",
    )
}

/// Whether a message of DataFusion is about a subquery that has more rows than the one it may have.
fn is_second_row(message: &str) -> bool {
    message.starts_with("Scalar subquery returned more than one row")
}

fn second_row() -> SqlError {
    SqlError::new(
        SqlState::CardinalityViolation,
        "more than one row returned by a subquery used as an expression",
    )
}

fn external_error(inner: Box<dyn std::error::Error + Send + Sync>) -> SqlError {
    let inner = match inner.downcast::<SqlError>() {
        Ok(error) => return *error,
        Err(inner) => inner,
    };
    match inner.downcast::<kappa_log::Error>() {
        Ok(error) => log_error(*error),
        Err(inner) => SqlError::new(SqlState::InternalError, first_line(&inner.to_string())),
    }
}

/// An error that several readers share can only be looked at.
fn shared_error(error: &DataFusionError) -> SqlError {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = source {
        if let Some(error) = current.downcast_ref::<SqlError>() {
            return error.clone();
        }
        if let Some(error) = current.downcast_ref::<kappa_log::Error>() {
            return log_error(error.clone());
        }
        if let Some(DataFusionError::ResourcesExhausted(what)) = current.downcast_ref() {
            return query_error(DataFusionError::ResourcesExhausted(what.clone()));
        }
        if let Some(DataFusionError::Execution(what)) = current.downcast_ref()
            && is_second_row(what)
        {
            return second_row();
        }
        source = current.source();
    }
    SqlError::new(SqlState::InternalError, first_line(&error.to_string()))
}

/// An error of a kernel.
#[must_use]
pub fn arrow_error(error: ArrowError) -> SqlError {
    match error {
        ArrowError::DivideByZero => SqlError::new(SqlState::DivisionByZero, "division by zero"),
        ArrowError::ArithmeticOverflow(_) => {
            SqlError::new(SqlState::NumericValueOutOfRange, "value out of range")
        }
        ArrowError::CastError(what) | ArrowError::ParseError(what) => {
            SqlError::new(SqlState::InvalidTextRepresentation, first_line(&what))
        }
        ArrowError::ExternalError(inner) => external_error(inner),
        other => SqlError::new(SqlState::InternalError, first_line(&other.to_string())),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
