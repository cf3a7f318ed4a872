//! Array literals: `{1,NULL,"a \"b\""}`, one dimension.

use super::invalid::is_space;
use crate::{SqlError, SqlState};

/// Reads the elements; `None` is NULL.
///
/// # Errors
/// 22P02 where the literal is malformed, 0A000 for more dimensions or another lower bound than 1.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Option<Vec<u8>>>, SqlError> {
    Reader { text, at: 0 }.read()
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    fn read(mut self) -> Result<Vec<Option<Vec<u8>>>, SqlError> {
        self.skip_space();
        if self.peek() == Some(b'[') {
            self.skip_bounds()?;
        }
        if self.peek() != Some(b'{') {
            return Err(
                self.malformed("Array value must start with \"{\" or dimension information.")
            );
        }
        self.at += 1;
        let mut elements = Vec::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                elements.push(self.element()?);
                self.skip_space();
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b'}') => {
                        self.at += 1;
                        break;
                    }
                    Some(_) => return Err(self.malformed("Unexpected array element.")),
                    None => return Err(self.malformed("Unexpected end of input.")),
                }
            }
        }
        self.skip_space();
        if self.at < self.text.len() {
            return Err(self.malformed("Junk after closing right brace."));
        }
        Ok(elements)
    }

    /// `[1:n]=`, which says nothing that the elements do not.
    fn skip_bounds(&mut self) -> Result<(), SqlError> {
        let rest = &self.text[self.at..];
        let end = rest.windows(2).position(|pair| pair == b"]=");
        let Some(end) = end else {
            return Err(self.malformed("Missing \"]\" after array dimensions."));
        };
        if !rest[1..end].starts_with(b"1:") {
            return Err(SqlError::unsupported(
                "arrays with a lower bound other than 1 are not supported",
                "Leave out the dimension information.",
            ));
        }
        self.at += end + 2;
        self.skip_space();
        Ok(())
    }

    fn element(&mut self) -> Result<Option<Vec<u8>>, SqlError> {
        self.skip_space();
        match self.peek() {
            None => Err(self.malformed("Unexpected end of input.")),
            Some(b',') => Err(self.malformed("Unexpected \",\" character.")),
            Some(b'}') => Err(self.malformed("Unexpected \"}\" character.")),
            Some(b'{') => Err(SqlError::unsupported(
                "arrays of more than one dimension are not supported",
                "Use jsonb for nested arrays.",
            )),
            Some(b'"') => self.quoted().map(Some),
            Some(_) => self.bare(),
        }
    }

    fn quoted(&mut self) -> Result<Vec<u8>, SqlError> {
        self.at += 1;
        let mut element = Vec::new();
        loop {
            match self.peek() {
                None => return Err(self.malformed("Unexpected end of input.")),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(element);
                }
                Some(b'\\') => {
                    self.at += 1;
                    let Some(escaped) = self.peek() else {
                        return Err(self.malformed("Unexpected end of input."));
                    };
                    element.push(escaped);
                    self.at += 1;
                }
                Some(byte) => {
                    element.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    fn bare(&mut self) -> Result<Option<Vec<u8>>, SqlError> {
        let mut element = Vec::new();
        // Length up to the last byte that is no bare space.
        let mut length = 0;
        let mut escaped = false;
        loop {
            match self.peek() {
                None => return Err(self.malformed("Unexpected end of input.")),
                Some(b',' | b'}') => break,
                Some(b'"') => return Err(self.malformed("Unexpected array element.")),
                Some(b'{') => return Err(self.malformed("Unexpected \"{\" character.")),
                Some(b'\\') => {
                    self.at += 1;
                    let Some(byte) = self.peek() else {
                        return Err(self.malformed("Unexpected end of input."));
                    };
                    element.push(byte);
                    length = element.len();
                    escaped = true;
                }
                Some(byte) => {
                    element.push(byte);
                    if !is_space(byte) {
                        length = element.len();
                    }
                }
            }
            self.at += 1;
        }
        element.truncate(length);
        if !escaped && element.eq_ignore_ascii_case(b"null") { Ok(None) } else { Ok(Some(element)) }
    }

    #[cold]
    fn malformed(&self, detail: &str) -> SqlError {
        SqlError::new(
            SqlState::InvalidTextRepresentation,
            format!("malformed array literal: \"{}\"", String::from_utf8_lossy(self.text)),
        )
        .with_detail(detail)
    }
}

/// Writes one element, in quotes where it could be read as something else.
pub(super) fn write_element(element: &[u8], out: &mut Vec<u8>) {
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | b'{' | b'}' | b',') || is_space(*byte);
    let needs_quotes =
        element.is_empty() || element.eq_ignore_ascii_case(b"null") || element.iter().any(special);
    if !needs_quotes {
        return out.extend_from_slice(element);
    }
    out.push(b'"');
    for byte in element {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}
