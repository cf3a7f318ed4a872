//! Tokens with character positions, and [`split`]: a script into its statements.
//!
//! The one idea: a token's span is rewritten to line 1 and column = 1-based character position, so
//! that every span in every syntax tree is a position that a client understands.

use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{
    Location, Span, Token, TokenWithSpan, Tokenizer, TokenizerError, Whitespace,
};
use kappa_types::{SqlError, SqlState};

/// Bytes of a name that count, as in PostgreSQL.
const NAME_BYTES_MAX: usize = 63;

/// One statement of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementSpan {
    /// How many characters of the script stand before it.
    pub offset_chars: usize,
    /// Its text, without the semicolon.
    pub text: String,
}

/// Cuts a script at its semicolons, strings, quoted names, dollar quotes and comments respected.
/// Statements that hold nothing but blanks and comments are left out.
///
/// # Errors
/// 42601 if the text has no tokens: an unterminated string or comment.
pub fn split(text: &str) -> Result<Vec<StatementSpan>, SqlError> {
    let chars: Vec<char> = text.chars().collect();
    let mut statements = Vec::new();
    let mut begin = 0;
    let mut has_words = false;
    let mut push = |begin: usize, end: usize, has_words: bool| {
        if has_words {
            let text = chars[begin..end].iter().collect();
            statements.push(StatementSpan { offset_chars: begin, text });
        }
    };
    for token in tokens_with_blanks(text)? {
        match token.token {
            Token::SemiColon => {
                let position = start(&token);
                push(begin, position - 1, has_words);
                (begin, has_words) = (position, false);
            }
            Token::Whitespace(_) => {}
            _ => has_words = true,
        }
    }
    push(begin, chars.len(), has_words);
    Ok(statements)
}

/// The tokens of `text` that are not blanks or comments.
pub(super) fn tokens(text: &str) -> Result<Vec<TokenWithSpan>, SqlError> {
    let mut tokens: Vec<TokenWithSpan> = Vec::new();
    let mut new_line = false;
    for token in tokens_with_blanks(text)? {
        match token.token {
            Token::Whitespace(Whitespace::Newline | Whitespace::SingleLineComment { .. }) => {
                new_line = true;
                continue;
            }
            Token::Whitespace(_) => continue,
            Token::SingleQuotedString(rest) if new_line && continues(&mut tokens, &rest) => {}
            _ => tokens.push(token),
        }
        new_line = false;
    }
    Ok(tokens)
}

/// Adds a string to the one before it, whose continuation it is if a new line is between them.
fn continues(tokens: &mut [TokenWithSpan], rest: &str) -> bool {
    match tokens.last_mut().map(|token| &mut token.token) {
        Some(Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text)) => {
            text.push_str(rest);
            true
        }
        _ => false,
    }
}

/// 1-based position of a token's first character.
pub(super) fn start(token: &TokenWithSpan) -> usize {
    usize::try_from(token.span.start.column).unwrap_or(usize::MAX)
}

/// 1-based position after a token's last character.
pub(super) fn end(token: &TokenWithSpan) -> usize {
    usize::try_from(token.span.end.column).unwrap_or(usize::MAX)
}

fn tokens_with_blanks(text: &str) -> Result<Vec<TokenWithSpan>, SqlError> {
    let lines = LineStarts::of(text);
    let mut tokens = Vec::new();
    Tokenizer::new(&PostgreSqlDialect {}, text)
        .tokenize_with_location_into_buf(&mut tokens)
        .map_err(|error| lexical_error(text, &lines, &error))?;
    for token in &mut tokens {
        let span = token.span;
        token.span = Span::new(lines.flat(span.start), lines.flat(span.end));
        if let Token::Word(word) = &mut token.token {
            cut_name(&mut word.value);
        }
    }
    Ok(tokens)
}

/// Names are cut where they are read, so that a longer one means the same relation everywhere.
fn cut_name(name: &mut String) {
    if name.len() > NAME_BYTES_MAX {
        let cut = (0..=NAME_BYTES_MAX).rev().find(|at| name.is_char_boundary(*at));
        name.truncate(cut.unwrap_or(0));
    }
}

fn lexical_error(text: &str, lines: &LineStarts, error: &TokenizerError) -> SqlError {
    let position = lines.position(error.location);
    let near: String = text.chars().skip(position.saturating_sub(1)).collect();
    let what = match error.message.as_str() {
        message if message.starts_with("Unterminated string literal") => {
            "unterminated quoted string"
        }
        message if message.starts_with("Unterminated dollar") => {
            "unterminated dollar-quoted string"
        }
        message if message.contains("multi-line comment") => "unterminated /* comment",
        message if message.contains("before EOF") => "unterminated quoted identifier",
        _ => "syntax error",
    };
    let message = if near.is_empty() {
        format!("{what} at end of input")
    } else {
        format!("{what} at or near \"{near}\"")
    };
    SqlError::new(SqlState::SyntaxError, message).at(position.max(1))
}

/// Where each line of a text begins, in characters.
struct LineStarts(Vec<usize>);

impl LineStarts {
    fn of(text: &str) -> Self {
        let after_breaks = text.chars().enumerate().filter(|(_, c)| *c == '\n').map(|(i, _)| i + 1);
        Self(std::iter::once(0).chain(after_breaks).collect())
    }

    /// 1-based character position of a location.
    fn position(&self, location: Location) -> usize {
        let line = usize::try_from(location.line).unwrap_or(usize::MAX).saturating_sub(1);
        let column = usize::try_from(location.column).unwrap_or(usize::MAX);
        self.0.get(line).or(self.0.last()).map_or(column, |start| start + column)
    }

    fn flat(&self, location: Location) -> Location {
        Location { line: 1, column: self.position(location) as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<(usize, String)> {
        let spans = split(script).unwrap();
        spans.into_iter().map(|span| (span.offset_chars, span.text)).collect()
    }

    #[test]
    fn splits_outside_of_strings_and_comments_only() {
        assert_eq!(
            texts("select ';'; -- a;b\n/* ; /* ; */ */ select $$;$$;;select \"a;\"\n;  "),
            [
                (0, "select ';'".to_owned()),
                (11, " -- a;b\n/* ; /* ; */ */ select $$;$$".to_owned()),
                (49, "select \"a;\"\n".to_owned()),
            ]
        );
        assert_eq!(texts(" -- nothing\n ; /* */"), []);
    }

    #[test]
    fn offsets_count_characters_not_bytes() {
        assert_eq!(texts("select 'ä€';select 2")[1], (12, "select 2".to_owned()));
    }

    #[test]
    fn unterminated_string_is_a_syntax_error() {
        let error = split("select 'abc").unwrap_err();
        assert_eq!(error.state, SqlState::SyntaxError);
        assert_eq!(error.message, "unterminated quoted string at or near \"'abc\"");
        assert_eq!(error.position, Some(8));
    }
}
