//! DROP.

use datafusion::sql::sqlparser::tokenizer::Token;
use kappa_types::SqlError;

use super::dispatch::unsupported_statement;
use super::reader::Reader;
use crate::statement::{Drop, RelationNoun, Statement};

/// After DROP.
pub(super) fn drop(reader: &mut Reader<'_>) -> Result<Statement, SqlError> {
    let Some(noun) = relation_noun(reader) else { return unsupported_statement(reader) };
    let if_exists = reader.words(&["if", "exists"]);
    let mut names = vec![reader.relation_name()?];
    while reader.token(&Token::Comma) {
        names.push(reader.relation_name()?);
    }
    let cascade = reader.word("cascade");
    if !cascade {
        reader.word("restrict");
    }
    reader.finish()?;
    Ok(Statement::Drop(Drop { noun, names, if_exists, cascade }))
}

/// SOURCE, TABLE, VIEW or MATERIALIZED VIEW, if it comes next.
pub(super) fn relation_noun(reader: &mut Reader<'_>) -> Option<RelationNoun> {
    if reader.words(&["materialized", "view"]) {
        Some(RelationNoun::MaterializedView)
    } else if reader.word("view") {
        Some(RelationNoun::View)
    } else if reader.word("table") {
        Some(RelationNoun::Table)
    } else if reader.word("source") {
        Some(RelationNoun::Source)
    } else {
        None
    }
}
