//! The word TABLE in queries, and clauses after a table's name that we do not have.
//!
//! The one idea: what sqlparser cannot read is changed or refused among the tokens, before it reads
//! them. `TABLE t` as a query becomes `SELECT * FROM t`, `TUMBLE(TABLE t, …)` loses the word.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};
use kappa_types::SqlError;

use super::lexer::start;
use super::reader::is_word;

/// Makes the tokens ones that sqlparser reads.
///
/// # Errors
/// 0A000 for time travel and for windows by key.
pub(super) fn rewrite(tokens: &mut Vec<TokenWithSpan>) -> Result<(), SqlError> {
    refuse_time_travel(tokens)?;
    refuse_partitioned_windows(tokens)?;
    drop_table_words(tokens);
    expand_table_queries(tokens);
    Ok(())
}

/// `t FOR SYSTEM_TIME AS OF …`
fn refuse_time_travel(tokens: &[TokenWithSpan]) -> Result<(), SqlError> {
    let found = tokens
        .windows(2)
        .find(|pair| is_word(&pair[0].token, "for") && is_word(&pair[1].token, "system_time"));
    match found {
        Some(pair) => Err(SqlError::unsupported(
            "FOR SYSTEM_TIME AS OF is not supported",
            "Queries read the present; reading at an earlier time comes later.",
        )
        .at(start(&pair[0]))),
        None => Ok(()),
    }
}

/// `SESSION(TABLE t PARTITION BY k, …)`
fn refuse_partitioned_windows(tokens: &[TokenWithSpan]) -> Result<(), SqlError> {
    let mut window_of_depth: Vec<Option<&TokenWithSpan>> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::LParen => {
                let before = index.checked_sub(1).map(|before| &tokens[before]);
                window_of_depth.push(before.filter(|before| is_window(&before.token)));
            }
            Token::RParen => {
                window_of_depth.pop();
            }
            word if is_word(word, "partition")
                && tokens.get(index + 1).is_some_and(|next| is_word(&next.token, "by")) =>
            {
                if let Some(Some(window)) = window_of_depth.last() {
                    return Err(SqlError::unsupported(
                        format!(
                            "PARTITION BY in {} is not supported",
                            window.token.to_string().to_ascii_uppercase()
                        ),
                        "Session windows come later; use TUMBLE or HOP and GROUP BY the key.",
                    )
                    .at(start(token)));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_window(token: &Token) -> bool {
    ["tumble", "hop", "session", "cumulate"].iter().any(|word| is_word(token, word))
}

/// `TABLE t` where a query stands is `SELECT * FROM t`.
fn expand_table_queries(tokens: &mut Vec<TokenWithSpan>) {
    let mut index = 0;
    while index < tokens.len() {
        if begins_table_query(tokens, index) {
            let span = tokens[index].span;
            let words =
                [plain("SELECT", Keyword::SELECT), Token::Mul, plain("FROM", Keyword::FROM)];
            let written = words.map(|token| TokenWithSpan { token, span });
            tokens.splice(index..=index, written);
        }
        index += 1;
    }
}

fn plain(word: &str, keyword: Keyword) -> Token {
    Token::Word(Word { value: word.to_owned(), quote_style: None, keyword })
}

fn begins_table_query(tokens: &[TokenWithSpan], index: usize) -> bool {
    /// What may stand before a query.
    const BEFORE: [&str; 9] =
        ["as", "union", "except", "intersect", "all", "distinct", "explain", "verbose", "analyze"];
    let names = matches!(tokens.get(index + 1).map(|next| &next.token), Some(Token::Word(_)));
    if !is_word(&tokens[index].token, "table") || !names {
        return false;
    }
    let Some(before) = index.checked_sub(1).map(|before| &tokens[before].token) else {
        return true;
    };
    // TABLE is reserved, so that in an INSERT it can only begin the query.
    matches!(before, Token::LParen | Token::RParen)
        || BEFORE.iter().any(|word| is_word(before, word))
        || is_word(&tokens[0].token, "insert")
}

/// `TUMBLE(TABLE t, …)` and `DATA => TABLE t`: the word TABLE is noise that sqlparser stumbles on.
fn drop_table_words(tokens: &mut Vec<TokenWithSpan>) {
    let mut depth_of_window = Vec::new();
    let mut depth = 0_usize;
    let mut keep = vec![true; tokens.len()];
    for index in 0..tokens.len() {
        match &tokens[index].token {
            Token::LParen => {
                depth += 1;
                if index > 0 && is_window(&tokens[index - 1].token) {
                    depth_of_window.push(depth);
                }
            }
            Token::RParen => {
                if depth_of_window.last() == Some(&depth) {
                    depth_of_window.pop();
                }
                depth = depth.saturating_sub(1);
            }
            token if is_word(token, "table") && depth_of_window.last() == Some(&depth) => {
                let before = &tokens[index - 1].token;
                let after_word = matches!(tokens.get(index + 1), Some(next) if matches!(next.token, Token::Word(_)));
                if after_word && matches!(before, Token::LParen | Token::Comma | Token::RArrow) {
                    keep[index] = false;
                }
            }
            _ => {}
        }
    }
    let mut keep = keep.into_iter();
    tokens.retain(|_| keep.next().unwrap_or(true));
}
