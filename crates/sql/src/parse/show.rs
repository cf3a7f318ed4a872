//! SHOW.

use datafusion::sql::sqlparser::tokenizer::Token;
use kappa_types::SqlError;

use super::drop::relation_noun;
use super::reader::Reader;
use crate::statement::{RelationNoun, Show, Statement};

/// After SHOW.
pub(super) fn show(reader: &mut Reader<'_>) -> Result<Statement, SqlError> {
    let show = if reader.word("all") {
        Show::All
    } else if reader.word("sources") {
        Show::Relations(RelationNoun::Source)
    } else if reader.word("tables") {
        Show::Relations(RelationNoun::Table)
    } else if reader.word("views") {
        Show::Relations(RelationNoun::View)
    } else if reader.words(&["materialized", "views"]) {
        Show::Relations(RelationNoun::MaterializedView)
    } else if reader.word("rebuilds") {
        Show::Rebuilds
    } else if reader.word("columns") {
        if !reader.word("in") {
            reader.expect_words(&["from"])?;
        }
        Show::Columns(reader.relation_name()?)
    } else if reader.word("create") {
        let Some(noun) = relation_noun(reader) else { return reader.unexpected() };
        Show::Create { noun, name: reader.relation_name()? }
    } else if reader.words(&["time", "zone"]) {
        Show::Parameter("timezone".to_owned())
    } else if reader.words(&["transaction", "isolation", "level"]) {
        Show::Parameter("transaction_isolation".to_owned())
    } else if reader.words(&["session", "authorization"]) {
        Show::Parameter("session_authorization".to_owned())
    } else {
        Show::Parameter(parameter_name(reader)?)
    };
    reader.finish()?;
    Ok(Statement::Show(show))
}

/// A parameter's name, perhaps dotted, lower case.
pub(super) fn parameter_name(reader: &mut Reader<'_>) -> Result<String, SqlError> {
    let mut name = reader.name()?.name;
    while reader.token(&Token::Period) {
        name.push('.');
        name.push_str(&reader.name()?.name);
    }
    Ok(name.to_ascii_lowercase())
}
