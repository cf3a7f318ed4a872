//! Cuts an interval text into tokens by the characters they are made of.

use super::interval::Refusal;

/// A piece of an interval text, in lower case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A unit or `ago`.
    Word(&'a str),
    /// `[+-]digits[.digits]`
    Number(&'a str),
    /// `[+-]digits:digits[:digits[.digits]]`
    Time(&'a str),
    /// `[+-]digits-digits`
    YearMonth(&'a str),
}

/// Cuts `text`, which is in lower case.
pub(super) fn split(text: &str) -> Result<Vec<Token<'_>>, Refusal> {
    let bytes = text.as_bytes();
    let run = |from: usize, belongs: &dyn Fn(u8) -> bool| {
        bytes[from..].iter().position(|b| !belongs(*b)).map_or(bytes.len(), |length| from + length)
    };
    let is_digit = |b: u8| b.is_ascii_digit();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b'+' | b'-' | b'.' | b'0'..=b'9' => {
                if matches!(bytes[at], b'+' | b'-') {
                    at = run(at + 1, &|b| b.is_ascii_whitespace());
                }
                let from = at;
                at = run(at, &|b| b.is_ascii_digit() || b == b'.');
                if at == from {
                    return Err(Refusal::Format);
                }
                match bytes.get(at) {
                    Some(b':') => {
                        at = run(at, &|b| b.is_ascii_digit() || b == b':' || b == b'.');
                        tokens.push(Token::Time(&text[start..at]));
                    }
                    Some(b'-') if bytes.get(at + 1).is_some_and(|b| is_digit(*b)) => {
                        at = run(at + 1, &is_digit);
                        tokens.push(Token::YearMonth(&text[start..at]));
                    }
                    _ => tokens.push(Token::Number(&text[start..at])),
                }
            }
            b if b.is_ascii_alphabetic() => {
                at = run(at, &|b| b.is_ascii_alphabetic());
                tokens.push(Token::Word(&text[start..at]));
            }
            b if b.is_ascii_whitespace() || matches!(b, b'@' | b',') => at += 1,
            _ => return Err(Refusal::Format),
        }
    }
    Ok(tokens)
}
