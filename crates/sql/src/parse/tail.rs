//! Clauses that stand after a query and that sqlparser would take for parts of it: EMIT and a WITH
//! in parentheses. They are found from the end of the tokens and cut off before the query is read.

use datafusion::sql::sqlparser::tokenizer::Token;
use kappa_types::SqlError;

use super::reader::{Reader, is_word};

/// EMIT phrases and whether they mean "on window close".
const PHRASES: [(&[&str], bool); 5] = [
    (&["emit", "on", "window", "close"], true),
    (&["emit", "after", "window", "close"], true),
    (&["emit", "final"], true),
    (&["emit", "changes"], false),
    (&["emit", "immediately"], false),
];

/// Reads an EMIT clause off the end of the tokens before `end`: the new end, and whether it means
/// "on window close"; `None` without a clause.
pub(super) fn cut_emit(reader: &Reader<'_>, end: usize) -> (usize, Option<bool>) {
    let tokens = &reader.tokens()[reader.index()..end];
    for (words, on_close) in PHRASES {
        let Some(begin) = tokens.len().checked_sub(words.len()) else { continue };
        let matches = tokens[begin..].iter().zip(words).all(|(t, word)| is_word(&t.token, word));
        if matches && begin > 0 {
            return (reader.index() + begin, Some(on_close));
        }
    }
    (end, None)
}

/// The index of a `WITH (…)` that ends at `end`, if there is one.
pub(super) fn find_with(reader: &Reader<'_>, end: usize) -> Option<usize> {
    let tokens = reader.tokens();
    if tokens.get(end.checked_sub(1)?)?.token != Token::RParen {
        return None;
    }
    let mut depth = 0_usize;
    for index in (reader.index()..end).rev() {
        match tokens[index].token {
            Token::RParen => depth += 1,
            Token::LParen => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    let with = index.checked_sub(1)?;
                    let is_with = with >= reader.index() && is_word(&tokens[with].token, "with");
                    return is_with.then_some(with);
                }
            }
            _ => {}
        }
    }
    None
}

/// Fails where EMIT was meant but no phrase matched, so that it is not taken for an alias.
pub(super) fn refuse_other_emit(reader: &Reader<'_>, end: usize) -> Result<(), SqlError> {
    let tokens = reader.tokens();
    let mut depth = 0_usize;
    for index in reader.index()..end {
        match &tokens[index].token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            token if depth == 0 && is_word(token, "emit") => {
                let next = tokens[..end].get(index + 1).map(|token| &token.token);
                let meant = ["on", "after", "final", "changes", "immediately"];
                let as_alias = index > 0 && is_word(&tokens[index - 1].token, "as");
                if !as_alias
                    && let Some(next) = next
                    && meant.iter().any(|word| is_word(next, word))
                    && !is_join_word(tokens, index + 1)
                {
                    return Err(reader.syntax_error(index));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// `t emit ON a = b` in a join is an alias followed by ON.
fn is_join_word(
    tokens: &[datafusion::sql::sqlparser::tokenizer::TokenWithSpan],
    index: usize,
) -> bool {
    is_word(&tokens[index].token, "on")
        && !tokens.get(index + 1).is_some_and(|token| is_word(&token.token, "window"))
}
