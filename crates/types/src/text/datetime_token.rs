//! Cuts a date or time text into tokens by the characters they are made of.

use super::datetime_words::{Refusal, month};

/// A piece of a date or time text, in lower case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// Letters: a month, a zone, `now`. Zone names may hold `/ _ + -` and digits.
    Word(&'a str),
    /// Digits or letters joined by `-`, `/` or `.`.
    Date(&'a str),
    /// Digits joined by `:`, with at most one fraction.
    Time(&'a str),
    /// Digits with at most one point.
    Number(&'a str),
    /// A sign and digits: the offset of a zone.
    Offset(&'a str),
    /// A sign before a word: `-infinity`.
    Signed(u8, &'a str),
}

/// Cuts `text`, which is in lower case.
pub(super) fn split(text: &str) -> Result<Vec<Token<'_>>, Refusal> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b if b.is_ascii_digit() => tokens.push(digits(text, &mut at)),
            b'.' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                at = run(bytes, at + 1, |b| b.is_ascii_digit());
                tokens.push(Token::Number(&text[start..at]));
            }
            b if b.is_ascii_alphabetic() => tokens.push(word(text, &mut at)),
            sign @ (b'+' | b'-') => {
                at = run(bytes, at + 1, |b| b.is_ascii_whitespace());
                let from = at;
                match bytes.get(at) {
                    Some(b) if b.is_ascii_digit() => {
                        at = run(bytes, at, |b| b.is_ascii_digit() || b == b':');
                        tokens.push(Token::Offset(&text[start..at]));
                    }
                    Some(b) if b.is_ascii_alphabetic() => {
                        at = run(bytes, at, |b| b.is_ascii_alphabetic());
                        tokens.push(Token::Signed(sign, &text[from..at]));
                    }
                    _ => return Err(Refusal::Format),
                }
            }
            b if b.is_ascii_whitespace() || b == 0x0b || b.is_ascii_punctuation() => at += 1,
            _ => return Err(Refusal::Format),
        }
    }
    Ok(tokens)
}

fn run(bytes: &[u8], from: usize, belongs: impl Fn(u8) -> bool) -> usize {
    bytes[from..].iter().position(|b| !belongs(*b)).map_or(bytes.len(), |length| from + length)
}

/// A token that starts with a digit.
fn digits<'a>(text: &'a str, at: &mut usize) -> Token<'a> {
    let bytes = text.as_bytes();
    let start = *at;
    let is_digit = |b: u8| b.is_ascii_digit();
    *at = run(bytes, *at, is_digit);
    match bytes.get(*at) {
        Some(b':') => {
            *at = run(bytes, *at, |b| b.is_ascii_digit() || b == b':' || b == b'.');
            Token::Time(&text[start..*at])
        }
        Some(&mark @ (b'-' | b'/' | b'.')) => {
            if !bytes.get(*at + 1).is_some_and(u8::is_ascii_digit) {
                *at = run(bytes, *at + 1, |b| b.is_ascii_alphanumeric() || b == mark);
                return Token::Date(&text[start..*at]);
            }
            *at = run(bytes, *at + 1, is_digit);
            if bytes.get(*at) == Some(&mark) {
                *at = run(bytes, *at + 1, |b| b.is_ascii_digit() || b == mark);
                Token::Date(&text[start..*at])
            } else if mark == b'.' {
                Token::Number(&text[start..*at])
            } else {
                Token::Date(&text[start..*at])
            }
        }
        _ => Token::Number(&text[start..*at]),
    }
}

/// A token that starts with a letter.
fn word<'a>(text: &'a str, at: &mut usize) -> Token<'a> {
    let bytes = text.as_bytes();
    let start = *at;
    *at = run(bytes, *at, |b| b.is_ascii_alphabetic());
    let letters = &text[start..*at];
    match bytes.get(*at) {
        Some(b'-' | b'/' | b'.') if month(letters).is_some() => {
            *at = run(bytes, *at, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'/' | b'.'));
            Token::Date(&text[start..*at])
        }
        Some(b'/' | b'_') => zone_name(text, start, at),
        Some(b'0'..=b'9' | b'+' | b'-')
            if letters.len() > 2 && month(letters).is_none() && !is_keyword(letters) =>
        {
            zone_name(text, start, at)
        }
        _ => Token::Word(letters),
    }
}

/// A zone name such as `america/new_york` or `est5edt`; given as a date token, which is read as a
/// zone once the date is known.
fn zone_name<'a>(text: &'a str, start: usize, at: &mut usize) -> Token<'a> {
    let bytes = text.as_bytes();
    *at = run(bytes, *at, |b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'+' | b'-'));
    Token::Date(&text[start..*at])
}

/// Words that digits may follow without a space.
fn is_keyword(word: &str) -> bool {
    matches!(word, "julian" | "now" | "today" | "tomorrow" | "yesterday" | "epoch")
}
