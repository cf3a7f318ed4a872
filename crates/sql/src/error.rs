//! DataFusion's errors as SQL errors.
//!
//! Kernels and rules of ours raise a [`SqlError`] inside [`DataFusionError::External`]; it comes out
//! again unchanged. What DataFusion raises by itself is told apart by its kind.

use datafusion::common::{Column, DataFusionError, SchemaError};
use kappa_types::{SqlError, SqlState};

/// A [`SqlError`] in the form that passes through DataFusion.
pub fn into_datafusion(error: SqlError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// What the user is told of an error that came out of DataFusion, in planning or in running.
pub fn from_datafusion(error: &DataFusionError) -> SqlError {
    let position = diagnostic_position(error);
    let mut found = convert(error);
    if found.position.is_none() {
        found.position = position;
    }
    found
}

fn convert(error: &DataFusionError) -> SqlError {
    match error {
        DataFusionError::External(inner) => match inner.downcast_ref::<SqlError>() {
            Some(error) => error.clone(),
            None => match inner.downcast_ref::<DataFusionError>() {
                Some(inner) => convert(inner),
                None => SqlError::new(SqlState::InternalError, inner.to_string()),
            },
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            convert(inner)
        }
        DataFusionError::Shared(inner) => convert(inner),
        DataFusionError::Collection(errors) => match errors.first() {
            Some(first) => convert(first),
            None => SqlError::new(SqlState::InternalError, error.to_string()),
        },
        DataFusionError::ArrowError(inner, _) => arrow(inner),
        DataFusionError::SchemaError(inner, _) => schema(inner),
        DataFusionError::NotImplemented(what) if what.starts_with("Struct not supported") => {
            SqlError::unsupported("row values are not supported", "Write the columns one by one.")
        }
        DataFusionError::NotImplemented(what)
            if what.contains("Physical plan does not support logical expression Aggregate") =>
        {
            SqlError::new(
                SqlState::GroupingError,
                "aggregate functions are not allowed outside a query",
            )
            .with_hint("Compute it in a subquery in FROM.")
        }
        DataFusionError::NotImplemented(what)
            if what.contains("Physical plan does not support") =>
        {
            SqlError::unsupported(
                "a subquery of this form is supported in WHERE only",
                "Join with it, or compute it in a subquery in FROM.",
            )
        }
        DataFusionError::NotImplemented(what) => SqlError::unsupported(
            first_line(what),
            "This form of SQL is not available; rewrite the query without it.",
        ),
        DataFusionError::Plan(message) => plan(message),
        DataFusionError::ResourcesExhausted(message) => {
            SqlError::new(SqlState::OutOfMemory, first_line(message))
        }
        DataFusionError::Execution(message) => {
            SqlError::new(SqlState::DataException, first_line(message))
        }
        other => SqlError::new(SqlState::InternalError, first_line(&other.to_string())),
    }
}

fn arrow(error: &arrow::error::ArrowError) -> SqlError {
    use arrow::error::ArrowError;
    match error {
        ArrowError::DivideByZero => SqlError::new(SqlState::DivisionByZero, "division by zero"),
        ArrowError::ArithmeticOverflow(_) => {
            SqlError::new(SqlState::NumericValueOutOfRange, "value out of range")
        }
        ArrowError::CastError(message) => {
            SqlError::new(SqlState::NumericValueOutOfRange, message.clone())
        }
        ArrowError::ExternalError(inner) => match inner.downcast_ref::<SqlError>() {
            Some(error) => error.clone(),
            None => match inner.downcast_ref::<DataFusionError>() {
                Some(inner) => convert(inner),
                None => SqlError::new(SqlState::InternalError, inner.to_string()),
            },
        },
        other => SqlError::new(SqlState::InternalError, other.to_string()),
    }
}

fn schema(error: &SchemaError) -> SqlError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => missing_column(field, valid_fields),
        SchemaError::AmbiguousReference { field } => SqlError::new(
            SqlState::AmbiguousColumn,
            format!("column reference \"{}\" is ambiguous", field.name),
        ),
        SchemaError::DuplicateUnqualifiedField { name }
        | SchemaError::DuplicateQualifiedField { name, .. } => SqlError::new(
            SqlState::DuplicateColumn,
            format!("column \"{}\" specified more than once", shown_name(name)),
        )
        .with_hint("Give the columns different names."),
    }
}

fn missing_column(field: &Column, valid: &[Column]) -> SqlError {
    if valid
        .iter()
        .any(|column| column.name != field.name && shown_name(&column.name) == field.name)
    {
        return SqlError::new(
            SqlState::AmbiguousColumn,
            format!("column reference \"{}\" is ambiguous", field.name),
        );
    }
    let name = match &field.relation {
        Some(relation) => format!("{}.{}", relation.table(), field.name),
        None => format!("\"{}\"", field.name),
    };
    if let Some(relation) = &field.relation {
        let known = valid.iter().filter_map(|column| column.relation.as_ref());
        if !known.into_iter().any(|other| other.resolved_eq(relation)) {
            let position = field.spans.first().map(|span| span.start.column);
            let mut error = SqlError::new(
                SqlState::UndefinedTable,
                format!("missing FROM-clause entry for table \"{}\"", relation.table()),
            );
            error.position = position.and_then(|p| usize::try_from(p).ok());
            return error;
        }
    }
    let mut error =
        SqlError::new(SqlState::UndefinedColumn, format!("column {name} does not exist"));
    error.position = field.spans.first().and_then(|span| usize::try_from(span.start.column).ok());
    let close = valid
        .iter()
        .filter(|column| !column.name.contains('('))
        .map(|column| (distance(&field.name, &column.name), column))
        .min_by_key(|(distance, _)| *distance);
    match close {
        Some((distance, column)) if distance * 2 <= field.name.len().max(2) => {
            let shown = match &column.relation {
                Some(relation) => format!("{}.{}", relation.table(), column.name),
                None => column.name.clone(),
            };
            error.with_hint(format!("Perhaps you meant to reference the column \"{shown}\"."))
        }
        _ => error,
    }
}

/// Levenshtein distance, in characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replace = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[right.len()]
}

/// What SqlToRel and the builders of logical plans say in prose.
fn plan(message: &str) -> SqlError {
    let line = first_line(message);
    let grouping = line.contains("must appear in the GROUP BY")
        || line.contains("must be in GROUP BY")
        || line.contains("could not be resolved from available columns")
        || line.contains("references non-aggregate");
    if grouping {
        return SqlError::new(SqlState::GroupingError, grouping_message(&line));
    }
    if let Some((_, qualifier)) = line.split_once("Invalid qualifier ") {
        let table = qualifier.rsplit('.').next().unwrap_or(qualifier);
        return SqlError::new(
            SqlState::UndefinedTable,
            format!("missing FROM-clause entry for table \"{table}\""),
        );
    }
    if line.contains("require unique expression names") {
        return SqlError::new(SqlState::DuplicateColumn, "two columns have the same name")
            .with_hint("Give the columns different names with AS.");
    }
    if line.contains("ambiguous") {
        return SqlError::new(SqlState::AmbiguousColumn, line);
    }
    if line.contains("UNION")
        || line.contains("have a different number of columns")
        || line.contains("must have the same number of columns")
    {
        return SqlError::new(
            SqlState::SyntaxError,
            "each UNION, INTERSECT or EXCEPT query must have the same number of columns",
        );
    }
    if line.starts_with("For SELECT DISTINCT, ORDER BY expressions") {
        return SqlError::new(
            SqlState::InvalidColumnReference,
            "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
        );
    }
    if line.contains("does not support named arguments") {
        return SqlError::unsupported(
            "named arguments of functions are not supported",
            "Give all arguments in their order.",
        );
    }
    if line.contains("Too many columns! The subquery") {
        return SqlError::new(SqlState::SyntaxError, "subquery must return only one column");
    }
    if line.contains("Inconsistent data length across values list") {
        return SqlError::new(SqlState::SyntaxError, "VALUES lists must all be the same length");
    }
    if line.contains("function calls cannot be nested") {
        return SqlError::new(SqlState::GroupingError, "aggregate function calls cannot be nested");
    }
    if line.to_ascii_lowercase().contains("aggregate") && line.contains("WHERE") {
        return SqlError::new(
            SqlState::GroupingError,
            "aggregate functions are not allowed in WHERE",
        );
    }
    if line.contains("not in select list")
        || line.contains("out of range")
        || line.contains("out of bounds")
    {
        return SqlError::new(SqlState::InvalidColumnReference, line);
    }
    SqlError::new(SqlState::SyntaxErrorOrAccessRuleViolation, line)
}

/// PostgreSQL's words for a column that is neither grouped nor aggregated.
fn grouping_message(line: &str) -> String {
    let quoted = line.split(['"', '\'', '`']).nth(1).map(str::trim);
    match quoted {
        Some(column) if !column.is_empty() && !column.contains('(') => format!(
            "column \"{column}\" must appear in the GROUP BY clause or be used in an aggregate function"
        ),
        _ => line.to_owned(),
    }
}

fn diagnostic_position(error: &DataFusionError) -> Option<usize> {
    match error {
        DataFusionError::Diagnostic(diagnostic, inner) => match diagnostic.span {
            Some(span) => usize::try_from(span.start.column).ok(),
            None => diagnostic_position(inner),
        },
        DataFusionError::Context(_, inner) => diagnostic_position(inner),
        _ => None,
    }
}

/// The name of an output column without the mark that keeps equal names apart.
pub(crate) fn shown_name(name: &str) -> &str {
    name.split(crate::output_name::NAME_MARK).next().unwrap_or(name)
}

fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = line.split("\n\nbacktrace").next().unwrap_or(line);
    line.trim_start_matches("Error during planning: ").trim_end_matches('.').to_owned()
}
