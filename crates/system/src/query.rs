//! [`prepare`] and [`execute`]: a catalogue query from text to rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::Schema;
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use kappa_types::{SqlError, SqlState, SqlType};

use crate::SystemContext;
use crate::bind;
use crate::bound::Query;
use crate::error::{mismatch, unsupported};
use crate::run;
use crate::session::Session;
use crate::value::{PgType, Value, cast, from_arrow, to_arrow};

/// A query that is parsed and bound: its columns and parameters are known.
#[derive(Clone)]
pub struct SystemQuery {
    /// Name and type of each column; names need not be unique.
    pub columns: Vec<(String, SqlType)>,
    /// Types of `$1`, `$2`, …
    pub parameters: Vec<SqlType>,
    query: Arc<Query>,
    /// Types of the parameters as the evaluator has them.
    parameter_types: Vec<PgType>,
}

impl std::fmt::Debug for SystemQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SystemQuery")
            .field("columns", &self.columns)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

/// Parses and binds `text`. `parameter_oids` are the types that the client declared, 0 for unknown;
/// the others are inferred.
///
/// # Errors
/// 42601, 42P01, 42703, 42883 and their like as PostgreSQL reports them; 0A000 for what the
/// evaluator does not do.
pub fn prepare(
    context: &SystemContext,
    text: &str,
    parameter_oids: &[u32],
) -> Result<SystemQuery, SqlError> {
    let parsed = Parser::parse_sql(&PostgreSqlDialect {}, text)
        .map_err(|error| syntax_error(text, &error.to_string()))?;
    let [ast::Statement::Query(query)] = parsed.as_slice() else {
        return Err(unsupported("anything but one query"));
    };
    let session = Session::new(context);
    let declared = parameter_oids.iter().map(|oid| PgType::from_oid(*oid)).collect();
    let bound = bind::bind(&session, text, query, declared)?;
    let columns = bound.query.columns.iter();
    Ok(SystemQuery {
        columns: columns.map(|(name, ty)| (name.clone(), ty.sql_type())).collect(),
        parameters: bound.parameters.iter().map(PgType::sql_type).collect(),
        query: Arc::new(bound.query),
        parameter_types: bound.parameters,
    })
}

/// The rows of `query`. Each of `parameters` has length 1 and the Arrow type of its SQL type.
///
/// # Errors
/// As evaluation fails: 22P02, 22012, 21000, …; 57014 on interrupt; 54000 past the row bound.
pub fn execute(
    context: &SystemContext,
    query: &SystemQuery,
    parameters: &[ArrayRef],
) -> Result<RecordBatch, SqlError> {
    let session = Session::new(context);
    if parameters.len() != query.parameter_types.len() {
        let message = format!(
            "bind message supplies {} parameters, but prepared statement requires {}",
            parameters.len(),
            query.parameter_types.len()
        );
        return Err(SqlError::new(SqlState::ProtocolViolation, message));
    }
    let mut values = Vec::with_capacity(parameters.len());
    for (array, ty) in parameters.iter().zip(&query.parameter_types) {
        let value = from_arrow(array, 0)?;
        // Types that leave as text come back as text: a regclass parameter is a name.
        let is_text = matches!(value, Value::Text(_)) && ty.leaves_as_text();
        values.push(if is_text { cast(&session, &value, &PgType::Text, ty)? } else { value });
    }
    let rows = run::run(&session, &query.query, &values)?;
    let mut columns = Vec::with_capacity(query.columns.len());
    let mut fields = Vec::with_capacity(query.columns.len());
    for (position, (name, ty)) in query.query.columns.iter().enumerate() {
        let values: Vec<Value> = rows.iter().map(|row| row[position].clone()).collect();
        columns.push(to_arrow(&session, &values, ty)?);
        fields.push(ty.sql_type().field(name, true));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(|_| mismatch("the result"))
}

/// The parser's `Expected: a, found: b at Line: 1, Column: 2` in PostgreSQL's words.
fn syntax_error(text: &str, message: &str) -> SqlError {
    let located = || {
        let (_, found) = message.split_once("found: ")?;
        let (token, place) = found.rsplit_once(" at Line: ")?;
        let (line, column) = place.split_once(", Column: ")?;
        let line: usize = line.parse().ok()?;
        let column: usize = column.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok()?;
        let before = text.split('\n').take(line.checked_sub(1)?);
        let position = before.map(|line| line.chars().count() + 1).sum::<usize>() + column;
        let message = format!("syntax error at or near \"{token}\"");
        Some(SqlError::new(SqlState::SyntaxError, message).at(position))
    };
    located().unwrap_or_else(|| {
        let message = match message.contains("EOF") {
            true => "syntax error at end of input",
            false => message.trim_start_matches("sql parser error: "),
        };
        SqlError::new(SqlState::SyntaxError, message)
    })
}
