//! CREATE SOURCE, TABLE, VIEW and MATERIALIZED VIEW.

use datafusion::sql::sqlparser::tokenizer::Token;
use kappa_types::{SqlError, SqlState};

use super::dispatch::unsupported_statement;
use super::options::with_options;
use super::reader::{Reader, is_word};
use super::tail::{cut_emit, refuse_other_emit};
use crate::statement::{
    ColumnClause, ColumnName, Connector, CreateMaterializedView, CreateRelation, CreateView,
    ExpressionText, RelationWord, Statement, WatermarkClause,
};

/// After CREATE.
pub(super) fn create(reader: &mut Reader<'_>) -> Result<Statement, SqlError> {
    let or_replace = reader.words(&["or", "replace"]);
    if reader.words(&["materialized", "view"]) {
        return materialized_view(reader, or_replace);
    }
    if reader.word("view") {
        return view(reader, or_replace);
    }
    if !or_replace {
        if reader.word("source") {
            return relation(reader, RelationWord::Source);
        }
        if reader.word("table") {
            return relation(reader, RelationWord::Table);
        }
    }
    unsupported_statement(reader)
}

fn if_not_exists(reader: &mut Reader<'_>) -> bool {
    reader.words(&["if", "not", "exists"])
}

fn view(reader: &mut Reader<'_>, or_replace: bool) -> Result<Statement, SqlError> {
    let name = reader.relation_name()?;
    let columns = if reader.peek(0) == Some(&Token::LParen) { reader.name_list()? } else { vec![] };
    reader.expect_words(&["as"])?;
    let query = reader.query()?;
    Ok(Statement::CreateView(CreateView { name, or_replace, columns, query }))
}

fn materialized_view(reader: &mut Reader<'_>, or_replace: bool) -> Result<Statement, SqlError> {
    let if_not_exists = if_not_exists(reader);
    let name = reader.relation_name()?;
    let columns = if reader.peek(0) == Some(&Token::LParen) { reader.name_list()? } else { vec![] };
    let options = with_options(reader)?;
    reader.expect_words(&["as"])?;
    let mut end = reader.tokens().len();
    let tokens = reader.tokens();
    if let [.., with, data] = tokens
        && is_word(&with.token, "with")
        && is_word(&data.token, "data")
    {
        end -= 2;
    }
    let (end, emit) = cut_emit(reader, end);
    refuse_other_emit(reader, end)?;
    let query = reader.until(end).query()?;
    Ok(Statement::CreateMaterializedView(CreateMaterializedView {
        name,
        or_replace,
        if_not_exists,
        columns,
        options,
        query,
        emit_on_close: emit.unwrap_or(false),
    }))
}

fn relation(reader: &mut Reader<'_>, word: RelationWord) -> Result<Statement, SqlError> {
    let if_not_exists = if_not_exists(reader);
    let name = reader.relation_name()?;
    if reader.peek_word(0, "as") {
        return Err(SqlError::unsupported(
            "CREATE TABLE AS is not supported",
            "Use CREATE MATERIALIZED VIEW, or CREATE TABLE and INSERT … SELECT.",
        )
        .at(reader.position()));
    }
    let mut create = CreateRelation {
        word,
        if_not_exists,
        name,
        columns: Vec::new(),
        primary_key: None,
        watermark: None,
        connector: Connector::default(),
    };
    reader.expect(&Token::LParen)?;
    if !reader.token(&Token::RParen) {
        loop {
            element(reader, &mut create)?;
            if reader.token(&Token::RParen) {
                break;
            }
            reader.expect(&Token::Comma)?;
        }
    }
    create.connector = connector(reader)?;
    reader.finish()?;
    Ok(Statement::CreateRelation(create))
}

/// WITH, FORMAT and ENCODE, in either order.
fn connector(reader: &mut Reader<'_>) -> Result<Connector, SqlError> {
    let mut connector = Connector { options: with_options(reader)?, ..Connector::default() };
    if reader.word("format") {
        connector.format = Some(reader.name()?.name);
        reader.expect_words(&["encode"])?;
        connector.encode = Some(reader.name()?.name);
    }
    if connector.options.is_empty() {
        connector.options = with_options(reader)?;
    }
    Ok(connector)
}

/// A column, a constraint or WATERMARK FOR.
fn element(reader: &mut Reader<'_>, create: &mut CreateRelation) -> Result<(), SqlError> {
    if reader.words(&["watermark", "for"]) {
        let column = reader.name()?;
        reader.expect_words(&["as"])?;
        let expression = reader.expression()?;
        if create.watermark.is_some() {
            return Err(SqlError::new(
                SqlState::InvalidTableDefinition,
                "only one WATERMARK is allowed",
            )
            .at(column.position));
        }
        create.watermark = Some(WatermarkClause { column, expression });
        return Ok(());
    }
    if reader.word("constraint") {
        reader.name()?;
        if !reader.peek_word(0, "primary") {
            return refuse_constraint(reader);
        }
    }
    if reader.words(&["primary", "key"]) {
        let position = reader.position();
        let columns = reader.name_list()?;
        return set_primary_key(create, columns, position);
    }
    let constraint = ["unique", "check", "foreign", "exclude", "like"];
    let opens = matches!(reader.peek(1), Some(Token::LParen)) || reader.peek_word(0, "foreign");
    if opens && constraint.iter().any(|word| reader.peek_word(0, word)) {
        return refuse_constraint(reader);
    }
    column(reader, create)
}

fn refuse_constraint<T>(reader: &Reader<'_>) -> Result<T, SqlError> {
    let word = match reader.peek(0) {
        Some(Token::Word(word)) => word.value.to_ascii_uppercase(),
        _ => return reader.unexpected(),
    };
    Err(SqlError::unsupported(
        format!("{word} constraints are not supported"),
        "PRIMARY KEY and NOT NULL are the constraints that are kept.",
    )
    .at(reader.position()))
}

fn set_primary_key(
    create: &mut CreateRelation,
    columns: Vec<ColumnName>,
    position: usize,
) -> Result<(), SqlError> {
    if create.primary_key.is_some() {
        return Err(SqlError::new(
            SqlState::InvalidTableDefinition,
            format!("multiple primary keys for table \"{}\" are not allowed", create.name.name),
        )
        .at(position));
    }
    create.primary_key = Some(columns);
    Ok(())
}

fn column(reader: &mut Reader<'_>, create: &mut CreateRelation) -> Result<(), SqlError> {
    let name = reader.name()?;
    let sql_type = reader.sql_type()?;
    let mut column =
        ColumnClause { name, sql_type, not_null: false, default: None, generated: None };
    let mut nullable = false;
    loop {
        let position = reader.position();
        if reader.words(&["not", "null"]) {
            column.not_null = true;
            refuse_both_nulls(nullable, &column, position)?;
        } else if reader.word("null") {
            nullable = true;
            refuse_both_nulls(column.not_null, &column, position)?;
        } else if reader.words(&["primary", "key"]) {
            let name = column.name.clone();
            set_primary_key(create, vec![name], position)?;
        } else if reader.word("default") {
            column.default = Some(default_expression(reader)?);
        } else if reader.words(&["generated", "always", "as"]) || reader.word("as") {
            if reader.word("identity") {
                return Err(identity_unsupported(position));
            }
            column.generated = Some(generated_expression(reader)?);
        } else if reader.words(&["generated", "by", "default"]) {
            return Err(identity_unsupported(position));
        } else if reader.word("collate") {
            collation(reader)?;
        } else if reader.word("constraint") {
            reader.name()?;
        } else if ["unique", "check", "references"].iter().any(|word| reader.peek_word(0, word)) {
            return refuse_constraint(reader);
        } else {
            break;
        }
    }
    create.columns.push(column);
    Ok(())
}

fn refuse_both_nulls(
    conflicts: bool,
    column: &ColumnClause,
    position: usize,
) -> Result<(), SqlError> {
    if !conflicts {
        return Ok(());
    }
    Err(SqlError::new(
        SqlState::SyntaxError,
        format!("conflicting NULL/NOT NULL declarations for column \"{}\"", column.name.name),
    )
    .at(position))
}

fn identity_unsupported(position: usize) -> SqlError {
    SqlError::unsupported(
        "identity columns are not supported",
        "Give the values yourself; sequences come later.",
    )
    .at(position)
}

/// Only the collations that mean comparison by bytes.
fn collation(reader: &mut Reader<'_>) -> Result<(), SqlError> {
    let name = reader.relation_name()?;
    if ["C", "POSIX", "default", "ucs_basic"].contains(&name.name.as_str()) {
        return Ok(());
    }
    Err(SqlError::unsupported(
        format!("collation \"{}\" is not supported", name.name),
        "Text is compared by bytes, as with COLLATE \"C\".",
    )
    .at(name.position))
}

fn generated_expression(reader: &mut Reader<'_>) -> Result<ExpressionText, SqlError> {
    reader.expect(&Token::LParen)?;
    let expression = reader.expression()?;
    reader.expect(&Token::RParen)?;
    if !reader.word("stored") && reader.peek_word(0, "virtual") {
        return Err(SqlError::unsupported(
            "virtual generated columns are not supported",
            "Use STORED, or a view.",
        )
        .at(reader.position()));
    }
    Ok(expression)
}

/// The expression of DEFAULT ends before the next column option, which an expression could take for
/// a part of itself (`DEFAULT 1 NOT NULL`).
fn default_expression(reader: &mut Reader<'_>) -> Result<ExpressionText, SqlError> {
    let tokens = reader.tokens();
    let begin = reader.index();
    let mut depth = 0_usize;
    let mut end = begin;
    while let Some(token) = tokens.get(end) {
        match &token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket if depth == 0 => break,
            Token::RParen | Token::RBracket => depth -= 1,
            Token::Comma if depth == 0 => break,
            word if depth == 0 && end > begin && ends_default(word) => break,
            _ => {}
        }
        end += 1;
    }
    let mut part = reader.until(end);
    let expression = part.expression()?;
    part.finish()?;
    while reader.index() < end {
        reader.take()?;
    }
    Ok(expression)
}

fn ends_default(token: &Token) -> bool {
    ["not", "null", "primary", "unique", "check", "references", "generated", "constraint", "as"]
        .iter()
        .any(|word| is_word(token, word))
}
