//! COMMENT ON.

use datafusion::sql::sqlparser::tokenizer::Token;
use kappa_types::SqlError;

use super::dispatch::unsupported_statement;
use super::drop::relation_noun;
use super::reader::Reader;
use crate::statement::{ColumnName, Comment, CommentTarget, Name, Statement};

/// After COMMENT.
pub(super) fn comment(reader: &mut Reader<'_>) -> Result<Statement, SqlError> {
    reader.expect_words(&["on"])?;
    let target = if reader.word("column") {
        column_target(reader)?
    } else if reader.word("schema") {
        CommentTarget::Namespace(reader.name()?.name)
    } else if let Some(noun) = relation_noun(reader) {
        CommentTarget::Relation { noun, name: reader.relation_name()? }
    } else {
        return unsupported_statement(reader);
    };
    reader.expect_words(&["is"])?;
    let text = if reader.word("null") { None } else { Some(reader.string()?) };
    reader.finish()?;
    Ok(Statement::Comment(Comment { target, text: text.filter(|text| !text.is_empty()) }))
}

fn column_target(reader: &mut Reader<'_>) -> Result<CommentTarget, SqlError> {
    let mut parts: Vec<ColumnName> = vec![reader.name()?];
    while reader.token(&Token::Period) {
        parts.push(reader.name()?);
    }
    let (Some(column), Some(relation)) = (parts.pop(), parts.pop()) else {
        return reader.unexpected();
    };
    let namespace = parts.pop().map(|part| part.name);
    let relation = Name { namespace, name: relation.name, position: relation.position };
    Ok(CommentTarget::Column { relation, column })
}
