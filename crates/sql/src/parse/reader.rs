//! [`Reader`]: a place in a statement's tokens, with the small steps that all statements share.

use datafusion::sql::sqlparser::ast::{self, Ident};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use kappa_types::{SqlError, SqlState, SqlType};

use super::dialect::KappaDialect;
use super::lexer::{end, start};
use crate::statement::{ColumnName, ExpressionText, Name, QueryText};

/// How deep expressions and queries may nest before 54001.
const NESTING_MAX: usize = 100;

/// A place in the tokens of one statement.
pub(super) struct Reader<'a> {
    text: &'a str,
    tokens: &'a [TokenWithSpan],
    next: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(text: &'a str, tokens: &'a [TokenWithSpan]) -> Self {
        Self { text, tokens, next: 0 }
    }

    /// A reader of the tokens from here up to `end` (an index from [`Reader::index`]).
    pub(super) fn until(&self, end: usize) -> Self {
        Self { text: self.text, tokens: &self.tokens[..end], next: self.next }
    }

    /// How many tokens were read.
    pub(super) const fn index(&self) -> usize {
        self.next
    }

    /// All tokens, those already read included.
    pub(super) const fn tokens(&self) -> &'a [TokenWithSpan] {
        self.tokens
    }

    pub(super) fn at_end(&self) -> bool {
        self.next >= self.tokens.len()
    }

    /// The next token but `ahead`.
    pub(super) fn peek(&self, ahead: usize) -> Option<&'a Token> {
        self.tokens.get(self.next + ahead).map(|token| &token.token)
    }

    /// Whether the next token but `ahead` is this unquoted word.
    pub(super) fn peek_word(&self, ahead: usize, word: &str) -> bool {
        self.peek(ahead).is_some_and(|token| is_word(token, word))
    }

    /// Reads this word if it comes next.
    pub(super) fn word(&mut self, word: &str) -> bool {
        self.words(&[word])
    }

    /// Reads these words if they come next, all or none.
    pub(super) fn words(&mut self, words: &[&str]) -> bool {
        let all = words.iter().enumerate().all(|(ahead, word)| self.peek_word(ahead, word));
        if all {
            self.next += words.len();
        }
        all
    }

    /// Reads these words or fails.
    pub(super) fn expect_words(&mut self, words: &[&str]) -> Result<(), SqlError> {
        words.iter().try_for_each(|word| if self.word(word) { Ok(()) } else { self.unexpected() })
    }

    /// Reads this token if it comes next.
    pub(super) fn token(&mut self, token: &Token) -> bool {
        let found = self.peek(0) == Some(token);
        self.next += usize::from(found);
        found
    }

    /// Reads this token or fails.
    pub(super) fn expect(&mut self, token: &Token) -> Result<(), SqlError> {
        if self.token(token) { Ok(()) } else { self.unexpected() }
    }

    /// The next token, read.
    pub(super) fn take(&mut self) -> Result<&'a TokenWithSpan, SqlError> {
        match self.tokens.get(self.next) {
            Some(token) => {
                self.next += 1;
                Ok(token)
            }
            None => self.unexpected(),
        }
    }

    /// Position of the next token, or after the last.
    pub(super) fn position(&self) -> usize {
        match self.tokens.get(self.next) {
            Some(token) => start(token),
            None => self.tokens.last().map_or(1, end),
        }
    }

    /// 42601 at the next token.
    pub(super) fn unexpected<T>(&self) -> Result<T, SqlError> {
        Err(self.syntax_error(self.next))
    }

    /// Fails unless everything was read.
    pub(super) fn finish(&self) -> Result<(), SqlError> {
        if self.at_end() { Ok(()) } else { self.unexpected() }
    }

    /// A column's or other plain name.
    pub(super) fn name(&mut self) -> Result<ColumnName, SqlError> {
        let position = self.position();
        match self.peek(0) {
            Some(Token::Word(word)) => {
                self.next += 1;
                let ident = word.clone().into_ident(self.tokens[self.next - 1].span);
                Ok(ColumnName { name: fold(&ident), position })
            }
            _ => self.unexpected(),
        }
    }

    /// A relation's name: up to three parts, of which a first of three (the database) is dropped.
    pub(super) fn relation_name(&mut self) -> Result<Name, SqlError> {
        let first = self.name()?;
        let mut parts = vec![first.name];
        while self.token(&Token::Period) {
            parts.push(self.name()?.name);
        }
        name_of_parts(parts, first.position)
    }

    /// `(a, b, …)` of plain names.
    pub(super) fn name_list(&mut self) -> Result<Vec<ColumnName>, SqlError> {
        self.expect(&Token::LParen)?;
        let names = self.list(Self::name)?;
        self.expect(&Token::RParen)?;
        Ok(names)
    }

    /// One or more, separated by commas.
    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, SqlError>,
    ) -> Result<Vec<T>, SqlError> {
        let mut items = vec![item(self)?];
        while self.token(&Token::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// A string in single or dollar quotes.
    pub(super) fn string(&mut self) -> Result<String, SqlError> {
        match self.peek(0) {
            Some(
                Token::SingleQuotedString(text)
                | Token::EscapedStringLiteral(text)
                | Token::UnicodeStringLiteral(text),
            ) => {
                self.next += 1;
                Ok(text.clone())
            }
            Some(Token::DollarQuotedString(text)) => {
                self.next += 1;
                Ok(text.value.clone())
            }
            _ => self.unexpected(),
        }
    }

    /// A type name with its modifiers.
    pub(super) fn sql_type(&mut self) -> Result<SqlType, SqlError> {
        let position = self.position();
        let data_type = self.sqlparser(|parser| parser.parse_data_type())?;
        super::sql_type(&data_type).map_err(|error| error.at(position))
    }

    /// An expression, as far as it goes.
    pub(super) fn expression(&mut self) -> Result<ExpressionText, SqlError> {
        let begin = self.next;
        let expression = self.sqlparser(|parser| parser.parse_expr())?;
        Ok(ExpressionText { expression, text: self.text_between(begin, self.next) })
    }

    /// A query up to the end of this reader.
    pub(super) fn query(&mut self) -> Result<QueryText, SqlError> {
        let begin = self.next;
        let query = self.sqlparser(|parser| parser.parse_query())?;
        self.finish()?;
        Ok(QueryText { query, text: self.text_between(begin, self.next) })
    }

    /// What sqlparser's `parse` reads from here, as far as it goes.
    pub(super) fn sqlparser<T>(
        &mut self,
        parse: impl FnOnce(&mut Parser<'_>) -> Result<T, ParserError>,
    ) -> Result<T, SqlError> {
        let tokens = self.tokens[self.next..].to_vec();
        let mut parser = Parser::new(&KappaDialect)
            .with_recursion_limit(NESTING_MAX)
            .with_tokens_with_locations(tokens);
        let result = parse(&mut parser);
        match result {
            Ok(value) => {
                self.next = (self.next + parser.index()).min(self.tokens.len());
                Ok(value)
            }
            Err(error) => Err(self.parser_error(&error)),
        }
    }

    /// The text of the tokens from index `begin` up to `end`.
    pub(super) fn text_between(&self, begin: usize, end_index: usize) -> String {
        match self.tokens.get(begin..end_index) {
            Some([first, .., last]) => self.slice(start(first), end(last)),
            Some([only]) => self.slice(start(only), end(only)),
            _ => String::new(),
        }
    }

    fn slice(&self, start: usize, end: usize) -> String {
        self.text.chars().skip(start - 1).take(end.saturating_sub(start)).collect()
    }

    fn parser_error(&self, error: &ParserError) -> SqlError {
        let message = match error {
            ParserError::RecursionLimitExceeded => {
                return SqlError::new(
                    SqlState::StatementTooComplex,
                    "stack depth limit exceeded: the statement nests too deep",
                );
            }
            ParserError::ParserError(message) | ParserError::TokenizerError(message) => message,
        };
        let column = message.rsplit_once("Column: ").and_then(|(_, n)| n.parse::<usize>().ok());
        let found = column.and_then(|column| {
            self.tokens.iter().position(|token| start(token) == column && column > 0)
        });
        self.syntax_error(found.unwrap_or(self.tokens.len()))
    }

    /// 42601 at the token with this index, or at the end. The text is longer than the tokens of a
    /// reader that stops early, and then the next character of the text is what is in the way.
    pub(super) fn syntax_error(&self, index: usize) -> SqlError {
        let (near, position) = match self.tokens.get(index) {
            Some(token) => (self.slice(start(token), end(token)), start(token)),
            None => {
                let after = self.tokens.last().map_or(1, end);
                let rest: String = self.text.chars().skip(after - 1).collect();
                let blanks = rest.chars().take_while(|c| c.is_whitespace()).count();
                let near: String = rest
                    .trim_start()
                    .chars()
                    .enumerate()
                    .take_while(|(i, c)| *i == 0 || c.is_alphanumeric() || *c == '_')
                    .map(|(_, c)| c)
                    .collect();
                (near, after + blanks)
            }
        };
        let message = if near.is_empty() {
            "syntax error at end of input".to_owned()
        } else {
            format!("syntax error at or near \"{near}\"")
        };
        SqlError::new(SqlState::SyntaxError, message).at(position)
    }
}

/// Whether a token is this word, unquoted.
pub(super) fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(found)
        if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
}

/// A name as it is stored: folded to lower case unless quoted. The lexer has cut it.
pub(crate) fn fold(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_ascii_lowercase(),
    }
}

/// The relation that a syntax tree's name means.
pub(crate) fn relation_name(name: &ast::ObjectName) -> Result<Name, SqlError> {
    let mut parts = Vec::new();
    let mut position = None;
    for part in &name.0 {
        let Some(ident) = part.as_ident() else {
            return Err(SqlError::new(
                SqlState::SyntaxError,
                format!("syntax error in name \"{name}\""),
            ));
        };
        position = position.or(span_position(ident.span));
        parts.push(fold(ident));
    }
    name_of_parts(parts, position.unwrap_or(1))
}

/// The position of a span, unless it is empty.
pub(crate) fn span_position(span: datafusion::sql::sqlparser::tokenizer::Span) -> Option<usize> {
    (span.start.line > 0).then(|| usize::try_from(span.start.column).unwrap_or(usize::MAX))
}

fn name_of_parts(mut parts: Vec<String>, position: usize) -> Result<Name, SqlError> {
    if parts.len() > 3 {
        return Err(SqlError::new(
            SqlState::SyntaxError,
            format!("improper qualified name (too many dotted names): {}", parts.join(".")),
        )
        .at(position));
    }
    if parts.len() == 3 && parts[0] != "kappa" {
        return Err(SqlError::new(
            SqlState::FeatureNotSupported,
            format!("cross-database references are not implemented: \"{}\"", parts.join(".")),
        )
        .at(position));
    }
    let name = parts.pop().unwrap_or_default();
    Ok(Name { namespace: parts.pop(), name, position })
}
