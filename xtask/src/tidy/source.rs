//! Rust text split into code and comments, without a parser.
//!
//! The one idea: two texts of the same length as the file. In `code` comments and the insides of
//! strings are blanks, in `comments` everything else is, and line ends stay in both: a position in one
//! is a position in the file, and a rule can look for a word without being fooled by a string.
//!
//! ```text
//! file      let a = "todo!"; // todo!
//! code      let a = "     ";
//! comments                   // todo!
//! ```
//! It does not see macros' meaning; a `}` in a macro pattern counts as a brace.

/// A Rust file, split.
#[derive(Debug)]
pub(crate) struct Source {
    /// The code; comments and the insides of strings and characters are blank.
    pub(crate) code: String,
    /// The comments, with their slashes; everything else is blank.
    pub(crate) comments: String,
    /// For each line from 0: whether it lies in a block under `#[cfg(test)]`.
    pub(crate) in_tests: Vec<bool>,
}

impl Source {
    /// Splits a file.
    pub(crate) fn parse(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut code = blank(bytes);
        let mut comments = blank(bytes);
        let mut at = 0;
        while at < bytes.len() {
            let (end, kind) = token(bytes, at);
            match kind {
                Kind::Code => code[at..end].copy_from_slice(&bytes[at..end]),
                Kind::Comment => comments[at..end].copy_from_slice(&bytes[at..end]),
                Kind::Quoted => {
                    code[at] = bytes[at];
                    code[end - 1] = bytes[end - 1];
                }
            }
            at = end;
        }
        let code = String::from_utf8_lossy(&code).into_owned();
        let comments = String::from_utf8_lossy(&comments).into_owned();
        let in_tests = mark_tests(&code);
        Self { code, comments, in_tests }
    }

    /// The lines of code outside tests, numbered from 1.
    pub(crate) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.code.lines().enumerate();
        lines.filter(|(index, _)| !self.in_tests[*index]).map(|(index, line)| (index + 1, line))
    }

    /// The number, from 1, of the line that holds a byte of [`Source::code`].
    pub(crate) fn line_at(&self, position: usize) -> usize {
        1 + self.code.as_bytes()[..position].iter().filter(|byte| **byte == b'\n').count()
    }

    /// Whether the line with this number lies in tests.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.in_tests.get(line - 1).copied().unwrap_or(false)
    }
}

/// What a stretch of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Quoted,
}

/// Blanks of the same shape: same length, same line ends.
fn blank(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }).collect()
}

/// The end and the kind of the token that begins at `at`.
fn token(bytes: &[u8], at: usize) -> (usize, Kind) {
    let rest = &bytes[at..];
    let after_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    if rest.starts_with(b"//") {
        let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        return (at + length, Kind::Comment);
    }
    if rest.starts_with(b"/*") {
        return (at + block_comment_length(rest), Kind::Comment);
    }
    if !after_word && let Some(length) = raw_string_length(rest) {
        return (at + length, Kind::Quoted);
    }
    match rest[0] {
        b'"' => (at + quoted_length(rest, b'"'), Kind::Quoted),
        b'\'' if is_character(rest) => (at + quoted_length(rest, b'\''), Kind::Quoted),
        _ => (at + 1, Kind::Code),
    }
}

fn block_comment_length(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length of `r"…"`, `r#"…"#`, `br#"…"#`, if one begins here.
fn raw_string_length(rest: &[u8]) -> Option<usize> {
    let prefix = if rest.starts_with(b"br") { 2 } else { usize::from(rest[0] == b'r') };
    if prefix == 0 {
        return None;
    }
    let hashes = rest[prefix..].iter().take_while(|byte| **byte == b'#').count();
    let open = prefix + hashes;
    if rest.get(open) != Some(&b'"') {
        return None;
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let inside = rest[open + 1..].windows(close.len()).position(|window| window == close);
    Some(inside.map_or(rest.len(), |length| open + 1 + length + close.len()))
}

fn quoted_length(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Whether a `'` opens a character and not a lifetime.
fn is_character(rest: &[u8]) -> bool {
    match rest.get(1) {
        Some(b'\\') => true,
        Some(byte) if byte.is_ascii() => rest.get(2) == Some(&b'\''),
        Some(_) => true,
        None => false,
    }
}

/// Marks the lines of each item that follows `#[cfg(test)]`.
fn mark_tests(code: &str) -> Vec<bool> {
    let mut marks = vec![false; code.lines().count()];
    for (at, _) in code.match_indices("#[cfg(test)]") {
        let end = item_end(code, at);
        let first = code[..at].matches('\n').count();
        let last = code[..end].matches('\n').count();
        for mark in marks.iter_mut().take(last + 1).skip(first) {
            *mark = true;
        }
    }
    marks
}

/// The end of the item at `at`: its `;`, or the `}` that closes its first brace.
fn item_end(code: &str, at: usize) -> usize {
    let mut depth = 0;
    for (offset, byte) in code.as_bytes()[at..].iter().enumerate() {
        match byte {
            b';' if depth == 0 => return at + offset,
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth <= 0 {
                    return at + offset;
                }
            }
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source::parse(text).code
    }

    #[test]
    fn comments_and_strings_are_blank_in_code() {
        assert_eq!(code("a // b\nc"), "a     \nc");
        assert_eq!(code("a /* b /* c */ d */ e"), "a                   e");
        assert_eq!(code(r#"f("x \" y", 'c', '\'')"#), r#"f("      ", ' ', '  ')"#);
        assert_eq!(code("r#\"a \" b\"# c"), "r        # c");
        assert_eq!(code("&'a str, for_r\"x\""), "&'a str, for_r\" \"");
    }

    #[test]
    fn comments_are_kept_apart() {
        assert_eq!(Source::parse("a // b").comments, "  // b");
    }

    #[test]
    fn tests_are_known_by_line() {
        let source =
            Source::parse("fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\nfn c() {}\n");
        let lines: Vec<_> = source.code_lines().map(|(line, _)| line).collect();
        assert_eq!(lines, [1, 6]);
    }
}
