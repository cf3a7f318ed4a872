//! `WITH (key = value, …)`: keys quoted or not, perhaps dotted; values strings, numbers or words.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::tokenizer::Token;
use kappa_types::{SqlError, SqlState};

use super::reader::Reader;
use crate::statement::RebuildOptions;

/// Reads `WITH (…)` if it comes next.
pub(super) fn with_options(reader: &mut Reader<'_>) -> Result<BTreeMap<String, String>, SqlError> {
    let mut options = BTreeMap::new();
    if !reader.word("with") {
        return Ok(options);
    }
    reader.expect(&Token::LParen)?;
    if reader.token(&Token::RParen) {
        return Ok(options);
    }
    loop {
        let position = reader.position();
        let key = option_key(reader)?;
        reader.expect(&Token::Eq)?;
        let value = option_value(reader)?;
        if options.insert(key.clone(), value).is_some() {
            return Err(SqlError::new(
                SqlState::SyntaxError,
                format!("option \"{key}\" specified more than once"),
            )
            .at(position));
        }
        if reader.token(&Token::RParen) {
            return Ok(options);
        }
        reader.expect(&Token::Comma)?;
    }
}

/// `WITH (background = …, apply = …, rate_limit = …)` of REBUILD.
pub(super) fn rebuild_options(reader: &mut Reader<'_>) -> Result<RebuildOptions, SqlError> {
    let position = reader.position();
    let mut options = RebuildOptions::default();
    for (key, value) in with_options(reader)? {
        match (key.as_str(), value.as_str()) {
            ("background", _) if boolean(&value).is_some() => {
                options.background = boolean(&value).unwrap_or_default();
            }
            ("apply", "auto") => options.apply_manual = false,
            ("apply", "manual") => options.apply_manual = true,
            ("rate_limit", _) if value.parse::<u64>().is_ok_and(|rate| rate > 0) => {
                options.rate_limit = value.parse().ok();
            }
            ("background" | "apply" | "rate_limit", _) => {
                return Err(SqlError::new(
                    SqlState::InvalidParameterValue,
                    format!("invalid value for option \"{key}\": \"{value}\""),
                )
                .at(position));
            }
            _ => {
                return Err(SqlError::new(
                    SqlState::InvalidParameterValue,
                    format!("unrecognized option \"{key}\" of REBUILD"),
                )
                .with_hint("The options are background, apply and rate_limit.")
                .at(position));
            }
        }
    }
    Ok(options)
}

/// What PostgreSQL accepts as a boolean option.
pub(super) fn boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" | "t" => Some(true),
        "false" | "off" | "no" | "0" | "f" => Some(false),
        _ => None,
    }
}

fn option_key(reader: &mut Reader<'_>) -> Result<String, SqlError> {
    if let Ok(text) = reader.string() {
        return Ok(text);
    }
    let mut key = reader.name()?.name;
    while reader.token(&Token::Period) {
        key.push('.');
        key.push_str(&reader.name()?.name);
    }
    Ok(key)
}

fn option_value(reader: &mut Reader<'_>) -> Result<String, SqlError> {
    if let Ok(text) = reader.string() {
        return Ok(text);
    }
    let sign = if reader.token(&Token::Minus) { "-" } else { "" };
    match reader.peek(0) {
        Some(Token::Number(number, _)) => {
            let value = format!("{sign}{number}");
            reader.take()?;
            Ok(value)
        }
        Some(Token::Word(_)) if sign.is_empty() => Ok(reader.name()?.name),
        _ => reader.unexpected(),
    }
}
