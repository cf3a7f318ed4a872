//! COPY, with the options of PostgreSQL in both spellings.

use datafusion::sql::sqlparser::tokenizer::Token;
use kappa_types::{SqlError, SqlState};

use super::options::boolean;
use super::reader::Reader;
use crate::statement::{Copy, CopyFormat, CopyOptions, CopySubject, Statement};

/// After COPY.
pub(super) fn copy(reader: &mut Reader<'_>) -> Result<Statement, SqlError> {
    let subject = subject(reader)?;
    let from_stdin = if reader.word("from") {
        true
    } else {
        reader.expect_words(&["to"])?;
        false
    };
    let position = reader.position();
    if from_stdin && matches!(subject, CopySubject::Query(_)) {
        return reader.unexpected();
    }
    if !reader.word(if from_stdin { "stdin" } else { "stdout" }) {
        if matches!(reader.peek(0), Some(Token::SingleQuotedString(_)))
            || reader.peek_word(0, "program")
        {
            return Err(SqlError::unsupported(
                "COPY to or from a file of the server is not supported",
                "Use STDIN or STDOUT; psql's \\copy reads and writes files of the client. A source with connector = 'file' reads files of the server.",
            )
            .at(position));
        }
        return reader.unexpected();
    }
    let given = given_options(reader)?;
    if reader.peek_word(0, "where") {
        return Err(SqlError::unsupported(
            "COPY FROM … WHERE is not supported",
            "Filter in a view.",
        )
        .at(reader.position()));
    }
    reader.finish()?;
    let options = options(&given, from_stdin)?;
    Ok(Statement::Copy(Copy { subject, from_stdin, options }))
}

fn subject(reader: &mut Reader<'_>) -> Result<CopySubject, SqlError> {
    if reader.peek(0) != Some(&Token::LParen) {
        let name = reader.relation_name()?;
        let columns =
            if reader.peek(0) == Some(&Token::LParen) { reader.name_list()? } else { vec![] };
        return Ok(CopySubject::Relation { name, columns });
    }
    let close = matching_parenthesis(reader)?;
    reader.expect(&Token::LParen)?;
    let query = reader.until(close).query()?;
    while reader.index() <= close {
        reader.take()?;
    }
    Ok(CopySubject::Query(query))
}

fn matching_parenthesis(reader: &Reader<'_>) -> Result<usize, SqlError> {
    let mut depth = 0_usize;
    for (index, token) in reader.tokens().iter().enumerate().skip(reader.index()) {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 1 => return Ok(index),
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Err(reader.syntax_error(reader.tokens().len()))
}

/// One option as written.
struct Given {
    name: String,
    values: Vec<String>,
    position: usize,
}

fn given_options(reader: &mut Reader<'_>) -> Result<Vec<Given>, SqlError> {
    reader.word("with");
    let mut given = Vec::new();
    if reader.token(&Token::LParen) {
        loop {
            given.push(option(reader)?);
            if reader.token(&Token::RParen) {
                return Ok(given);
            }
            reader.expect(&Token::Comma)?;
        }
    }
    while !reader.at_end() && !reader.peek_word(0, "where") {
        given.push(old_option(reader)?);
    }
    Ok(given)
}

fn option(reader: &mut Reader<'_>) -> Result<Given, SqlError> {
    let name = reader.name()?;
    let values = match reader.peek(0) {
        Some(Token::Comma | Token::RParen) => Vec::new(),
        Some(Token::LParen) => reader.name_list()?.into_iter().map(|name| name.name).collect(),
        Some(Token::Mul) => {
            reader.take()?;
            vec!["*".to_owned()]
        }
        Some(Token::Number(number, _)) => {
            reader.take()?;
            vec![number.clone()]
        }
        Some(Token::Word(_)) => vec![reader.name()?.name],
        _ => vec![reader.string()?],
    };
    Ok(Given { name: name.name, values, position: name.position })
}

/// The spelling of PostgreSQL before 9.0: `CSV HEADER DELIMITER ','`.
fn old_option(reader: &mut Reader<'_>) -> Result<Given, SqlError> {
    let position = reader.position();
    let given =
        |name: &str, values: Vec<String>| Ok(Given { name: name.to_owned(), values, position });
    for word in ["csv", "binary"] {
        if reader.word(word) {
            return given("format", vec![word.to_owned()]);
        }
    }
    if reader.word("header") {
        return given("header", vec![]);
    }
    for word in ["delimiter", "null", "quote", "escape", "encoding"] {
        if reader.word(word) {
            reader.word("as");
            let value = reader.string()?;
            return given(word, vec![value]);
        }
    }
    if reader.word("delimiters") {
        let value = reader.string()?;
        return given("delimiter", vec![value]);
    }
    for (words, name) in [
        (&["force", "quote"][..], "force_quote"),
        (&["force", "not", "null"][..], "force_not_null"),
        (&["force", "null"][..], "force_null"),
    ] {
        if reader.words(words) {
            let columns = if reader.token(&Token::Mul) {
                vec!["*".to_owned()]
            } else {
                reader.list(|reader| Ok(reader.name()?.name))?
            };
            return given(name, columns);
        }
    }
    reader.unexpected()
}

fn options(given: &[Given], from: bool) -> Result<CopyOptions, SqlError> {
    let mut format = CopyFormat::Text;
    for option in given.iter().filter(|option| option.name == "format") {
        format = match option.values.first().map(String::as_str) {
            Some("text") => CopyFormat::Text,
            Some("csv") => CopyFormat::Csv,
            Some("binary") => CopyFormat::Binary,
            other => {
                let name = other.unwrap_or_default();
                return Err(invalid(format!("COPY format \"{name}\" not recognized"), option));
            }
        };
    }
    let mut options = CopyOptions::of(format);
    let mut seen: Vec<&str> = Vec::new();
    let mut escape_given = false;
    for option in given {
        if seen.contains(&option.name.as_str()) {
            return Err(SqlError::new(SqlState::SyntaxError, "conflicting or redundant options")
                .at(option.position));
        }
        seen.push(&option.name);
        apply(option, from, &mut options, &mut escape_given)?;
    }
    if !escape_given {
        options.escape = options.quote;
    }
    check(&options, &seen)?;
    Ok(options)
}

fn apply(
    option: &Given,
    from: bool,
    options: &mut CopyOptions,
    escape_given: &mut bool,
) -> Result<(), SqlError> {
    let text = || {
        let value = option.values.first().cloned();
        value.ok_or_else(|| {
            SqlError::new(SqlState::SyntaxError, format!("{} requires a parameter", option.name))
                .at(option.position)
        })
    };
    match option.name.as_str() {
        "format" => {}
        "delimiter" => options.delimiter = one_byte(&text()?, "delimiter", option)?,
        "null" => options.null = text()?,
        "quote" => options.quote = one_byte(&text()?, "quote", option)?,
        "escape" => {
            options.escape = one_byte(&text()?, "escape", option)?;
            *escape_given = true;
        }
        "header" => match option.values.first().map(String::as_str) {
            None => options.header = true,
            Some("match") if from => {
                options.header = true;
                options.header_match = true;
            }
            Some("match") => {
                return Err(SqlError::new(
                    SqlState::FeatureNotSupported,
                    "cannot use \"match\" with HEADER in COPY TO",
                )
                .at(option.position));
            }
            Some(value) => {
                options.header = boolean(value).ok_or_else(|| {
                    SqlError::new(
                        SqlState::SyntaxError,
                        "header requires a Boolean value or \"match\"",
                    )
                    .at(option.position)
                })?;
            }
        },
        "force_quote" => options.force_quote = option.values.clone(),
        "force_not_null" => options.force_not_null = option.values.clone(),
        "force_null" => options.force_null = option.values.clone(),
        "freeze" => {}
        "encoding" => {
            let encoding = text()?.to_ascii_lowercase().replace(['-', '_'], "");
            if encoding != "utf8" && encoding != "unicode" {
                return Err(SqlError::unsupported(
                    "only encoding UTF8 is supported",
                    "Convert the file to UTF-8 first.",
                )
                .at(option.position));
            }
        }
        name => {
            return Err(SqlError::new(
                SqlState::SyntaxError,
                format!("option \"{name}\" not recognized"),
            )
            .at(option.position));
        }
    }
    Ok(())
}

fn one_byte(text: &str, name: &str, option: &Given) -> Result<u8, SqlError> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(SqlError::new(
            SqlState::FeatureNotSupported,
            format!("COPY {name} must be a single one-byte character"),
        )
        .at(option.position)),
    }
}

fn invalid(message: String, option: &Given) -> SqlError {
    SqlError::new(SqlState::InvalidParameterValue, message).at(option.position)
}

/// What PostgreSQL's ProcessCopyOptions checks.
fn check(options: &CopyOptions, seen: &[&str]) -> Result<(), SqlError> {
    let fail = |state, message: &str| Err(SqlError::new(state, message));
    let has = |name: &str| seen.contains(&name);
    if options.format == CopyFormat::Binary {
        for name in ["delimiter", "null", "header"] {
            if has(name) {
                let what = name.to_ascii_uppercase();
                return fail(
                    SqlState::SyntaxError,
                    &format!("cannot specify {what} in BINARY mode"),
                );
            }
        }
    }
    if options.format != CopyFormat::Csv {
        for name in ["quote", "escape", "force_quote", "force_not_null", "force_null"] {
            if has(name) {
                let what = name.replace('_', " ");
                return fail(
                    SqlState::FeatureNotSupported,
                    &format!("COPY {what} available only in CSV mode"),
                );
            }
        }
    }
    if options.null.contains(['\r', '\n']) {
        return fail(
            SqlState::InvalidParameterValue,
            "COPY null representation cannot use newline or carriage return",
        );
    }
    if matches!(options.delimiter, b'\r' | b'\n') {
        return fail(
            SqlState::InvalidParameterValue,
            "COPY delimiter cannot be newline or carriage return",
        );
    }
    if options.format == CopyFormat::Text
        && b"\\.abcdefghijklmnopqrstuvwxyz0123456789".contains(&options.delimiter)
    {
        let delimiter = char::from(options.delimiter);
        return fail(
            SqlState::InvalidParameterValue,
            &format!("COPY delimiter cannot be \"{delimiter}\""),
        );
    }
    if options.format == CopyFormat::Csv && options.delimiter == options.quote {
        return fail(SqlState::InvalidParameterValue, "COPY delimiter and quote must be different");
    }
    if options.format != CopyFormat::Binary && options.null.as_bytes().contains(&options.delimiter)
    {
        return fail(
            SqlState::InvalidParameterValue,
            "COPY delimiter must not appear in the NULL specification",
        );
    }
    Ok(())
}
