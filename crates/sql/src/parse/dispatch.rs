//! [`parse`]: which statement a text is.

use datafusion::sql::sqlparser::ast::SetExpr;
use datafusion::sql::sqlparser::tokenizer::Token;
use kappa_types::{SqlError, SqlState};

use super::reader::{Reader, is_word};
use super::{
    comment, copy, create, dml, drop, explain, lexer, prepare, rebuild, session, show, table_forms,
};
use crate::statement::{ExpressionText, Query, QueryText, Statement};

/// Reads exactly one statement. A semicolon at the end is allowed.
///
/// # Errors
/// 42601 where the grammar of PostgreSQL (with our additions) is left, 0A000 for statements we do
/// not have.
pub fn parse(text: &str) -> Result<Statement, SqlError> {
    let mut tokens = lexer::tokens(text)?;
    while tokens.last().is_some_and(|token| token.token == Token::SemiColon) {
        tokens.pop();
    }
    table_forms::rewrite(&mut tokens)?;
    statement(&mut Reader::new(text, &tokens))
}

/// Reads an expression that was stored as text.
pub(crate) fn parse_expression(text: &str) -> Result<ExpressionText, SqlError> {
    let tokens = lexer::tokens(text)?;
    let mut reader = Reader::new(text, &tokens);
    let expression = reader.expression()?;
    reader.finish()?;
    Ok(expression)
}

/// Reads a query that was stored as text.
pub(crate) fn parse_query(text: &str) -> Result<QueryText, SqlError> {
    let mut tokens = lexer::tokens(text)?;
    table_forms::rewrite(&mut tokens)?;
    Reader::new(text, &tokens).query()
}

/// The statement that begins here and goes to the end.
pub(super) fn statement(reader: &mut Reader<'_>) -> Result<Statement, SqlError> {
    let word = match reader.peek(0) {
        Some(Token::Word(word)) if word.quote_style.is_none() => word.value.to_ascii_lowercase(),
        Some(Token::LParen) => return query(reader),
        _ => return reader.unexpected(),
    };
    match word.as_str() {
        "select" | "values" | "table" | "with" => return query(reader),
        "insert" | "update" | "delete" => return dml::dml(reader),
        _ => {}
    }
    let begin = reader.index();
    reader.take()?;
    match word.as_str() {
        "create" => create::create(reader),
        "drop" => drop::drop(reader),
        "alter" => rebuild::alter(reader),
        "comment" => comment::comment(reader),
        "copy" => copy::copy(reader),
        "explain" => explain::explain(reader),
        "show" => show::show(reader),
        "set" => session::set(reader),
        "reset" => session::reset(reader),
        "discard" => session::discard(reader),
        "begin" | "start" | "commit" | "end" | "rollback" | "abort" => {
            session::transaction(reader, &word)
        }
        "savepoint" | "release" => Err(session::savepoints()),
        "prepare" => prepare::prepare(reader),
        "execute" => prepare::execute(reader),
        "deallocate" => prepare::deallocate(reader),
        _ => match hint_for(&word) {
            Some(hint) => Err(SqlError::unsupported(
                format!("{} is not supported", word.to_ascii_uppercase()),
                hint,
            )
            .at(reader.until(begin).position().max(1))),
            None => Err(reader.syntax_error(begin)),
        },
    }
}

fn query(reader: &mut Reader<'_>) -> Result<Statement, SqlError> {
    let mut query = reader.query()?;
    match query.query.body.as_ref() {
        SetExpr::Insert(statement) | SetExpr::Update(statement) | SetExpr::Delete(statement) => {
            dml::dml_with(statement.clone(), query.query.with.take())
        }
        _ => Ok(Statement::Query(Query { query })),
    }
}

/// 0A000 for CREATE, DROP, ALTER and COMMENT of things we do not have; 42601 for words that mean
/// nothing to PostgreSQL either.
pub(super) fn unsupported_statement<T>(reader: &Reader<'_>) -> Result<T, SqlError> {
    let things = [
        ("index", "Contents of views are kept by key already; indexes come later."),
        ("sink", "COPY (query) TO STDOUT reads a view; sinks come later."),
        ("schema", "All relations stand in the schema public for now."),
        ("sequence", "Give the values yourself; sequences come later."),
        ("database", "A server has one database."),
        ("role", "Roles and passwords come later."),
        ("user", "Roles and passwords come later."),
        ("function", "Use SQL expressions; user-defined functions come later."),
        ("procedure", "Use SQL expressions; user-defined functions come later."),
        ("trigger", "A materialized view is kept up to date by itself."),
        ("type", "Use the built-in types."),
        ("domain", "Use the built-in types."),
        ("extension", "There are no extensions."),
        ("temp", "Use CREATE TABLE; temporary tables come later."),
        ("temporary", "Use CREATE TABLE; temporary tables come later."),
        ("unlogged", "Use CREATE TABLE; every table is in the log."),
        ("foreign", "Use CREATE SOURCE with a connector."),
        ("subscription", "Use CREATE SOURCE with a connector."),
        ("publication", "Views can be read over any Postgres connection."),
        ("policy", "Roles and passwords come later."),
        ("rule", "Use a view."),
        ("aggregate", "Use the built-in aggregates."),
        ("operator", "Use the built-in operators."),
        ("cast", "Use the built-in casts."),
        ("collation", "Text is compared by bytes."),
        ("statistics", "The planner needs none."),
        ("tablespace", "All files stand in the data directory."),
        ("unique", "Use PRIMARY KEY."),
        ("table", "DROP and CREATE it again; changes of tables come later."),
        ("source", "DROP and CREATE it again; changes of sources come later."),
        ("system", "Settings are given at the start of the server."),
        ("default", "Roles and passwords come later."),
        ("recursive", "Use a materialized view without recursion."),
        ("or", "OR REPLACE is for views."),
    ];
    let Some(Token::Word(word)) = reader.peek(0) else { return reader.unexpected() };
    let found = things.iter().find(|(thing, _)| is_word(&Token::Word(word.clone()), thing));
    let Some((thing, hint)) = found else { return reader.unexpected() };
    let verb = match reader.tokens().first().map(|token| &token.token) {
        Some(Token::Word(verb)) => verb.value.to_ascii_uppercase(),
        _ => String::new(),
    };
    Err(SqlError::new(
        SqlState::FeatureNotSupported,
        format!("{verb} {} is not supported", thing.to_ascii_uppercase()),
    )
    .with_hint(*hint)
    .at(reader.position()))
}

/// What to use instead of a statement of PostgreSQL that we do not have.
fn hint_for(word: &str) -> Option<&'static str> {
    Some(match word {
        "declare" | "fetch" | "move" | "close" => {
            "SQL cursors come later; let the driver fetch rows in portions (a portal with a row limit), or use LIMIT."
        }
        "truncate" => "Use DELETE FROM without WHERE.",
        "merge" => "Use INSERT … ON CONFLICT.",
        "refresh" => "A materialized view is always up to date; REBUILD replays its history.",
        "subscribe" | "listen" | "notify" | "unlisten" => {
            "Subscriptions come later; poll the view for now."
        }
        "grant" | "revoke" | "reassign" => "Roles and passwords come later.",
        "vacuum" | "analyze" | "reindex" | "cluster" | "checkpoint" => {
            "There is nothing to maintain by hand."
        }
        "lock" => "Statements lock the rows that they change.",
        "do" | "call" => "Procedures come later; run the statements from the client.",
        "import" | "load" | "security" => "Use CREATE SOURCE with a connector.",
        "wait" | "cancel" => "Use SHOW REBUILDS and ALTER VIEW … REBUILD CANCEL.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::{CreateMaterializedView, RebuildAction};

    fn error(text: &str) -> String {
        let error = parse(text).unwrap_err();
        let position = error.position.map_or(String::new(), |p| format!(" @{p}"));
        format!("{} {}{position}", error.state.code(), error.message)
    }

    fn view(text: &str) -> CreateMaterializedView {
        match parse(text).unwrap() {
            Statement::CreateMaterializedView(view) => view,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn emit_is_a_clause_and_not_an_alias() {
        let text = "create materialized view v as select a from t emit on window close";
        let create = view(text);
        assert!(create.emit_on_close);
        assert_eq!(create.query.text, "select a from t");
        assert!(!view("create materialized view v as select a from t emit changes").emit_on_close);
        assert!(view("create materialized view v as select a from t emit final;").emit_on_close);
        assert!(
            !view("create materialized view v as select emit.a from t emit join u on emit.a = u.a")
                .emit_on_close
        );
        assert_eq!(
            error("create materialized view v as select a from t emit on close"),
            "42601 syntax error at or near \"on\" @52"
        );
    }

    #[test]
    fn rebuild_takes_options_before_or_after_the_query() {
        for text in [
            "alter view v rebuild with (background = true, apply = 'manual') as select 1",
            "alter materialized view v rebuild as select 1 with (background = on, 'apply' = manual)",
        ] {
            let Statement::Rebuild(rebuild) = parse(text).unwrap() else { panic!("{text}") };
            let RebuildAction::Start { query, options, .. } = rebuild.action else { panic!() };
            assert_eq!(query.unwrap().text, "select 1");
            assert!(options.background && options.apply_manual);
        }
        assert_eq!(
            error("alter view v rebuild with (speed = 3)"),
            "22023 unrecognized option \"speed\" of REBUILD @22"
        );
    }

    #[test]
    fn columns_take_options_in_any_order() {
        let text = "create table if not exists s.t (id int primary key, d date generated always as \
                    (ts::date) stored, n numeric(10,2) default 1 + 2 not null, ts timestamptz, \
                    watermark for ts as ts - interval '5' second, e text as (upper(x)))";
        let Statement::CreateRelation(create) = parse(text).unwrap() else { panic!() };
        assert_eq!(create.name.to_string(), "s.t");
        assert_eq!(create.columns.len(), 5);
        assert_eq!(create.columns[2].default.as_ref().unwrap().text, "1 + 2");
        assert!(create.columns[2].not_null);
        assert_eq!(create.columns[1].generated.as_ref().unwrap().text, "ts::date");
        assert_eq!(create.watermark.unwrap().expression.text, "ts - interval '5' second");
        assert_eq!(create.primary_key.unwrap()[0].name, "id");
    }

    #[test]
    fn connector_options_may_be_quoted_or_dotted() {
        let text = "create source s (a int) with (connector = 'file', 'path' = '/x', \
                    replay.speed = 2.5) format plain encode csv";
        let Statement::CreateRelation(create) = parse(text).unwrap() else { panic!() };
        let options: Vec<_> =
            create.connector.options.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(options, ["connector=file", "path=/x", "replay.speed=2.5"]);
        assert_eq!(create.connector.encode.as_deref(), Some("csv"));
    }

    #[test]
    fn errors_have_character_positions() {
        assert_eq!(error("select 'ä' 1"), "42601 syntax error at or near \"1\" @12");
        assert_eq!(error("selec 1"), "42601 syntax error at or near \"selec\" @1");
        assert_eq!(error("select (1"), "42601 syntax error at end of input @10");
        assert_eq!(error("select 1; select 2"), "42601 syntax error at or near \";\" @9");
        assert_eq!(error("create table t (a int"), "42601 syntax error at end of input @22");
        assert_eq!(error("create table t (a foo)"), "42704 type \"foo\" does not exist @19");
    }

    #[test]
    fn what_is_missing_is_named() {
        for text in [
            "savepoint a",
            "declare c cursor for select 1",
            "create index i on t (a)",
            "truncate t",
            "grant select on t to u",
            "rollback to savepoint a",
            "copy t from '/x'",
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.state, SqlState::FeatureNotSupported, "{text}");
            assert!(error.hint.is_some(), "{text}");
        }
    }

    #[test]
    fn window_functions_take_the_word_table() {
        for text in [
            "select * from tumble(table bids, descriptor(ts), interval '10' minutes)",
            "select * from table(hop(data => table bids, timecol => descriptor(ts), \
             slide => interval '1' minute, size => interval '5' minutes)) as h",
        ] {
            assert!(matches!(parse(text), Ok(Statement::Query(_))), "{:?}", parse(text));
        }
    }

    #[test]
    fn statements_of_a_session_are_read() {
        for text in [
            "begin isolation level repeatable read, read only",
            "start transaction",
            "commit",
            "end",
            "abort",
            "set time zone 'Europe/Berlin'",
            "set local statement_timeout = '5s'",
            "set search_path to public, pg_catalog",
            "reset all",
            "show all",
            "show search_path",
            "discard all",
            "prepare p (int, text) as select $1, $2",
            "execute p(1, 'x')",
            "deallocate all",
            "copy t (a, b) from stdin with (format csv, header, null 'NA')",
            "copy (select 1) to stdout",
            "copy t to stdout csv header",
            "explain select 1",
            "explain (verbose, costs off) materialized view v",
            "show columns from t",
            "show create materialized view v",
            "drop table if exists a, b.c cascade",
            "comment on column t.a is 'x'",
            "insert into t default values",
            "insert into t (a) values (1), (default) on conflict (a) do update set b = excluded.b \
             where t.b > 1 returning *",
            "update t set (a, b) = (1, default) from u where t.a = u.a returning t.a",
            "delete from t using u where t.a = u.a",
            "table t",
            "values (1), (2)",
            "set session characteristics as transaction isolation level serializable",
        ] {
            assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
        }
    }
}
