//! EXPLAIN.

use datafusion::sql::sqlparser::tokenizer::Token;
use kappa_types::{SqlError, SqlState};

use super::dispatch::statement;
use super::options::boolean;
use super::reader::Reader;
use crate::statement::{Explain, ExplainTarget, Statement};

/// After EXPLAIN.
pub(super) fn explain(reader: &mut Reader<'_>) -> Result<Statement, SqlError> {
    let mut verbose = false;
    let position = reader.position();
    let mut analyze = false;
    if reader.peek(0) == Some(&Token::LParen) && is_option_list(reader) {
        (verbose, analyze) = option_list(reader)?;
    } else {
        analyze |= reader.word("analyze");
        verbose |= reader.word("verbose");
    }
    if analyze {
        return Err(SqlError::unsupported(
            "EXPLAIN ANALYZE is not supported",
            "EXPLAIN shows the plan; kappa_views shows rows in and out of each view.",
        )
        .at(position));
    }
    if reader.words(&["materialized", "view"]) || reader.word("view") {
        let name = reader.relation_name()?;
        reader.finish()?;
        let target = ExplainTarget::MaterializedView(name);
        return Ok(Statement::Explain(Explain { verbose, target }));
    }
    let position = reader.position();
    let inner = statement(reader)?;
    match inner {
        Statement::Query(_)
        | Statement::Insert(_)
        | Statement::Update(_)
        | Statement::Delete(_)
        | Statement::CreateMaterializedView(_)
        | Statement::Execute(_) => {
            let target = ExplainTarget::Statement(Box::new(inner));
            Ok(Statement::Explain(Explain { verbose, target }))
        }
        _ => Err(SqlError::unsupported(
            "this statement has no plan to explain",
            "EXPLAIN takes a query, INSERT, UPDATE, DELETE or CREATE MATERIALIZED VIEW.",
        )
        .at(position)),
    }
}

fn is_option_list(reader: &Reader<'_>) -> bool {
    let words = [
        "analyze", "verbose", "costs", "buffers", "format", "timing", "summary", "settings", "wal",
    ];
    words.iter().any(|word| reader.peek_word(1, word))
}

/// `(verbose, format text, …)`: options that change nothing here are accepted.
fn option_list(reader: &mut Reader<'_>) -> Result<(bool, bool), SqlError> {
    reader.expect(&Token::LParen)?;
    let (mut verbose, mut analyze) = (false, false);
    loop {
        let position = reader.position();
        let name = reader.name()?.name;
        let mut value = "true".to_owned();
        if !matches!(reader.peek(0), Some(Token::Comma | Token::RParen)) {
            value = match reader.peek(0) {
                Some(Token::Number(number, _)) => {
                    let number = number.clone();
                    reader.take()?;
                    number
                }
                Some(Token::SingleQuotedString(_)) => reader.string()?,
                _ => reader.name()?.name,
            };
        }
        match (name.as_str(), boolean(&value)) {
            ("verbose", Some(on)) => verbose = on,
            ("analyze", Some(on)) => analyze = on,
            ("format", _) if value == "text" => {}
            ("format", _) => {
                return Err(SqlError::unsupported(
                    format!("EXPLAIN format \"{value}\" is not supported"),
                    "Plans are shown as text.",
                )
                .at(position));
            }
            ("costs" | "buffers" | "timing" | "summary" | "settings" | "wal", Some(_)) => {}
            _ => {
                return Err(SqlError::new(
                    SqlState::SyntaxError,
                    format!("unrecognized EXPLAIN option \"{name}\""),
                )
                .at(position));
            }
        }
        if reader.token(&Token::RParen) {
            return Ok((verbose, analyze));
        }
        reader.expect(&Token::Comma)?;
    }
}
