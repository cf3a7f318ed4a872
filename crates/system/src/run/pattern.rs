//! LIKE, SIMILAR TO and regular expressions.

use kappa_types::{SqlError, SqlState};

use crate::bound::PatternKind;
use crate::session::Session;

/// Whether `text` matches `pattern`.
///
/// # Errors
/// 2201B and 22025 for a pattern that is not valid.
pub(super) fn matches(
    session: &Session<'_>,
    text: &str,
    pattern: &str,
    kind: PatternKind,
    insensitive: bool,
) -> Result<bool, SqlError> {
    match kind {
        PatternKind::Regex => Ok(session.regex(pattern, insensitive)?.is_match(text)),
        PatternKind::Similar(escape) => {
            let regex = similar_to_regex(pattern, escape);
            Ok(session.regex(&regex, insensitive)?.is_match(text))
        }
        PatternKind::Like(escape) => {
            let tokens = tokens(pattern, escape, insensitive)?;
            let text: Vec<char> = if insensitive {
                text.to_lowercase().chars().collect()
            } else {
                text.chars().collect()
            };
            Ok(like(&text, &tokens))
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Any,
    One,
    Character(char),
}

fn tokens(pattern: &str, escape: Option<char>, insensitive: bool) -> Result<Vec<Token>, SqlError> {
    let lower;
    let pattern = if insensitive {
        lower = pattern.to_lowercase();
        &lower
    } else {
        pattern
    };
    let mut tokens = Vec::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            character if Some(character) == escape => {
                let message = "LIKE pattern must not end with escape character";
                let escaped = characters.next();
                Token::Character(
                    escaped
                        .ok_or_else(|| SqlError::new(SqlState::InvalidEscapeSequence, message))?,
                )
            }
            '%' => Token::Any,
            '_' => Token::One,
            other => Token::Character(other),
        });
    }
    Ok(tokens)
}

/// Greedy matching that goes back to the last `%` on a mismatch.
fn like(text: &[char], tokens: &[Token]) -> bool {
    let (mut at, mut token) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match tokens.get(token) {
            Some(Token::Any) => {
                retry = Some((at, token));
                token += 1;
            }
            Some(Token::One) => {
                at += 1;
                token += 1;
            }
            Some(Token::Character(character)) if *character == text[at] => {
                at += 1;
                token += 1;
            }
            _ => {
                let Some((start, any)) = retry else { return false };
                retry = Some((start + 1, any));
                at = start + 1;
                token = any + 1;
            }
        }
    }
    tokens[token..].iter().all(|token| *token == Token::Any)
}

fn similar_to_regex(pattern: &str, escape: Option<char>) -> String {
    let mut regex = String::from("^(?:");
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            character if Some(character) == escape => {
                if let Some(escaped) = characters.next() {
                    regex.push_str(&regex::escape(&escaped.to_string()));
                }
            }
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '.' | '^' | '$' | '\\' => {
                regex.push('\\');
                regex.push(character);
            }
            other => regex.push(other),
        }
    }
    regex.push_str(")$");
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, pattern: &str, expected: bool) {
        let tokens = tokens(pattern, Some('\\'), false).unwrap();
        let text: Vec<char> = text.chars().collect();
        assert_eq!(like(&text, &tokens), expected, "{pattern}");
    }

    #[test]
    fn like_backtracks_to_the_last_percent() {
        check("pg_class", "pg\\_%", true);
        check("pgxclass", "pg\\_%", false);
        check("mississippi", "%iss%ppi", true);
        check("mississippi", "%issx%", false);
        check("", "%", true);
        check("a", "", false);
        check("äb", "_b", true);
    }
}
