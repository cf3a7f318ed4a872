//! The toy's statements.

use kappa_types::{SqlError, SqlState, SqlType};
use kappa_wire::{CopyCsv, CopyFormat, CopyHeader, CopyText, StatementText};

#[derive(Clone, Debug)]
pub(crate) enum Statement {
    Select { items: Vec<(String, Item)>, series: Option<i64> },
    Table,
    Begin,
    Commit,
    Rollback,
    Set(String, String),
    Deallocate(Option<String>),
    CopyIn(CopyFormat),
    CopyOut(CopyFormat),
    Tail,
    Flood,
    Wait,
    Panic,
    PanicStream,
    Notice(String),
    CommitFail,
}

#[derive(Clone, Debug)]
pub(crate) enum Item {
    Parameter(usize, SqlType),
    Literal(Option<String>, SqlType),
    Counter,
    DivisionByZero,
}

/// Cuts at semicolons outside quotes; pieces of only space and comments are none.
pub(crate) fn split(text: &str) -> Vec<StatementText> {
    let mut statements = Vec::new();
    let (mut start, mut in_quotes) = (0, false);
    let characters: Vec<char> = text.chars().collect();
    for index in 0..=characters.len() {
        match characters.get(index) {
            Some('\'') => in_quotes = !in_quotes,
            Some(';') | None if !in_quotes || index == characters.len() => {
                let piece: String = characters[start..index].iter().collect();
                let bare: String =
                    piece.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
                if !bare.trim().is_empty() {
                    statements.push(StatementText { text: piece, offset_chars: start });
                }
                start = index + 1;
            }
            _ => {}
        }
    }
    statements
}

pub(crate) fn type_named(name: &str) -> Result<SqlType, SqlError> {
    if let Some(element) = name.strip_suffix("[]") {
        return Ok(SqlType::Array(Box::new(type_named(element)?)));
    }
    let long = match name {
        "int2" => "smallint",
        "int" | "int4" => "integer",
        "int8" => "bigint",
        "bool" => "boolean",
        "float4" => "real",
        "float8" => "double precision",
        "time" => "time without time zone",
        "timestamp" => "timestamp without time zone",
        "timestamptz" => "timestamp with time zone",
        name => name,
    };
    SqlType::parse(&long.replace("varchar", "character varying")).ok_or_else(|| {
        SqlError::new(SqlState::UndefinedObject, format!("type \"{name}\" does not exist"))
    })
}

fn outside_quotes(text: &str, separator: char) -> Vec<String> {
    let (mut parts, mut in_quotes, mut depth) = (vec![String::new()], false, 0);
    for character in text.chars() {
        match character {
            '\'' => in_quotes = !in_quotes,
            '(' if !in_quotes => depth += 1,
            ')' if !in_quotes => depth -= 1,
            _ => {}
        }
        if character == separator && !in_quotes && depth == 0 {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(character);
        }
    }
    parts
}

fn item(text: &str) -> Result<(String, Item), SqlError> {
    let (text, name) = match text.split_once(" AS ") {
        Some((text, name)) => (text.trim(), name.trim().to_owned()),
        None => (text.trim(), String::new()),
    };
    let named = |default: &str| if name.is_empty() { default.to_owned() } else { name.clone() };
    if text == "1/(n-1)" || text == "1/0" {
        return Ok((named("?column?"), Item::DivisionByZero));
    }
    if text == "n" {
        return Ok((named("n"), Item::Counter));
    }
    let (value, sql_type) = match text.rsplit_once("::") {
        Some((value, name)) => (value.trim(), type_named(name.trim())?),
        None if text.parse::<i32>().is_ok() => (text, SqlType::Integer),
        None => (text, SqlType::Text),
    };
    let short = match &sql_type {
        SqlType::Integer if !text.contains("::") => "?column?".to_owned(),
        SqlType::Integer => "int4".into(),
        SqlType::BigInt => "int8".into(),
        SqlType::SmallInt => "int2".into(),
        SqlType::Boolean => "bool".into(),
        SqlType::Text if !text.contains("::") => "?column?".into(),
        SqlType::Numeric(_) => "numeric".into(),
        SqlType::Varchar(_) => "varchar".into(),
        SqlType::Array(element) if **element == SqlType::Timestamptz => "timestamptz".into(),
        SqlType::Timestamptz => "timestamptz".into(),
        other => other.name(),
    };
    if let Some(number) = value.strip_prefix('$') {
        let index: usize = number.parse().map_err(|_| syntax(text))?;
        return Ok((named(&short), Item::Parameter(index - 1, sql_type)));
    }
    if value == "NULL" {
        return Ok((named(&short), Item::Literal(None, sql_type)));
    }
    let literal = match value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')) {
        Some(quoted) => quoted.replace("''", "'"),
        None if value.parse::<f64>().is_ok() => value.to_owned(),
        None => return Err(syntax(text)),
    };
    Ok((named(&short), Item::Literal(Some(literal), sql_type)))
}

fn syntax(text: &str) -> SqlError {
    let near = text.split_whitespace().next().unwrap_or_default();
    SqlError::new(SqlState::SyntaxError, format!("syntax error at or near \"{near}\"")).at(1)
}

fn copy_format(options: &str) -> CopyFormat {
    let has = |word: &str| options.to_ascii_lowercase().contains(word);
    let header = match (has("header match"), has("header")) {
        (true, _) => CopyHeader::Match,
        (_, true) => CopyHeader::Names,
        _ => CopyHeader::None,
    };
    let quoted = |word: &str| {
        options.split_once(word).and_then(|(_, rest)| rest.split('\'').nth(1)).map(str::to_owned)
    };
    let one = |word: &str, default: u8| quoted(word).map_or(default, |text| text.as_bytes()[0]);
    if has("binary") {
        CopyFormat::Binary
    } else if has("csv") {
        CopyFormat::Csv(CopyCsv {
            header,
            delimiter: one("DELIMITER", b','),
            null: quoted("NULL ").unwrap_or_default(),
            quote: one("QUOTE", b'"'),
            escape: one("ESCAPE", one("QUOTE", b'"')),
            force_null: if has("force_null (b)") { vec![1] } else { vec![] },
            force_not_null: if has("force_not_null (b)") { vec![1] } else { vec![] },
            force_quote: if has("force_quote (b)") { vec![1] } else { vec![] },
        })
    } else {
        CopyFormat::Text(CopyText {
            header,
            delimiter: one("DELIMITER", b'\t'),
            null: options
                .split_once("NULL '")
                .and_then(|(_, rest)| rest.split('\'').next())
                .unwrap_or("\\N")
                .to_owned(),
        })
    }
}

pub(crate) fn parse(text: &str) -> Result<Statement, SqlError> {
    let trimmed = &text.trim().replace("COPY  t", "COPY t")[..];
    let position = text.chars().take_while(|c| c.is_whitespace()).count() + 1;
    let upper = trimmed.to_ascii_uppercase();
    Ok(match upper.as_str() {
        "BEGIN" | "START TRANSACTION" => Statement::Begin,
        "COMMIT" => Statement::Commit,
        "ROLLBACK" => Statement::Rollback,
        "TABLE T" | "SELECT * FROM T" => Statement::Table,
        "TAIL" => Statement::Tail,
        "FLOOD" => Statement::Flood,
        "WAIT" => Statement::Wait,
        "PANIC" => Statement::Panic,
        "PANIC STREAM" => Statement::PanicStream,
        "COMMITFAIL" => Statement::CommitFail,
        "DEALLOCATE ALL" => Statement::Deallocate(None),
        _ => {
            if let Some(list) = upper.strip_prefix("SELECT") {
                let list = &trimmed[trimmed.len() - list.len()..];
                let (list, series) = match list.split_once(" FROM generate_series(1,") {
                    Some((list, rest)) => (
                        list,
                        Some(
                            rest.split(')')
                                .next()
                                .unwrap()
                                .trim()
                                .parse()
                                .map_err(|_| syntax(text))?,
                        ),
                    ),
                    None => (list, None),
                };
                let items = outside_quotes(list, ',')
                    .iter()
                    .filter(|text| !text.trim().is_empty())
                    .map(|text| item(text))
                    .collect::<Result<_, _>>()?;
                Statement::Select { items, series }
            } else if let Some(name) = trimmed.strip_prefix("DEALLOCATE ") {
                Statement::Deallocate(Some(name.trim().into()))
            } else if let Some(text) = trimmed.strip_prefix("NOTICE ") {
                Statement::Notice(text.into())
            } else if let Some(setting) = trimmed.strip_prefix("SET ") {
                let (name, value) = setting
                    .split_once('=')
                    .or_else(|| setting.split_once(" TO "))
                    .ok_or_else(|| syntax(text))?;
                Statement::Set(name.trim().into(), value.trim().trim_matches('\'').into())
            } else if let Some(options) = trimmed.strip_prefix("COPY t FROM STDIN") {
                Statement::CopyIn(copy_format(options))
            } else if let Some(options) = trimmed.strip_prefix("COPY t TO STDOUT") {
                Statement::CopyOut(copy_format(options))
            } else {
                return Err(syntax(trimmed).at(position));
            }
        }
    })
}
