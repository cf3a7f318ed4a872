//! PREPARE, EXECUTE and DEALLOCATE.

use datafusion::sql::sqlparser::tokenizer::Token;
use kappa_types::{SqlError, SqlState};

use super::dispatch::statement;
use super::reader::Reader;
use crate::statement::{Deallocate, Execute, Prepare, Statement};

/// After PREPARE.
pub(super) fn prepare(reader: &mut Reader<'_>) -> Result<Statement, SqlError> {
    if reader.peek_word(0, "transaction") {
        return Err(SqlError::unsupported(
            "two-phase commit is not supported",
            "Use COMMIT or ROLLBACK.",
        ));
    }
    let name = reader.name()?.name;
    let mut types = Vec::new();
    if reader.token(&Token::LParen) {
        types = reader.list(Reader::sql_type)?;
        reader.expect(&Token::RParen)?;
    }
    reader.expect_words(&["as"])?;
    let begin = reader.index();
    let position = reader.position();
    let inner = statement(reader)?;
    if !matches!(
        inner,
        Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_)
    ) {
        return Err(SqlError::new(
            SqlState::SyntaxError,
            "only SELECT, INSERT, UPDATE, DELETE and VALUES can be prepared",
        )
        .at(position));
    }
    let text = reader.text_between(begin, reader.tokens().len());
    Ok(Statement::Prepare(Prepare { name, types, statement: Box::new(inner), text }))
}

/// After EXECUTE.
pub(super) fn execute(reader: &mut Reader<'_>) -> Result<Statement, SqlError> {
    let name = reader.name()?.name;
    let mut values = Vec::new();
    if reader.token(&Token::LParen) {
        values = reader.list(|reader| Ok(reader.expression()?.expression))?;
        reader.expect(&Token::RParen)?;
    }
    reader.finish()?;
    Ok(Statement::Execute(Execute { name, values }))
}

/// After DEALLOCATE.
pub(super) fn deallocate(reader: &mut Reader<'_>) -> Result<Statement, SqlError> {
    if reader.peek_word(0, "prepare") && reader.peek(1).is_some() {
        reader.word("prepare");
    }
    let name = if reader.word("all") { None } else { Some(reader.name()?.name) };
    reader.finish()?;
    Ok(Statement::Deallocate(Deallocate { name }))
}
