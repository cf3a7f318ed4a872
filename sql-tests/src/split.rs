//! An INSERT of many rows as INSERTs of one row, for the mode `rows`; and a script as statements.
//!
//! The one idea: read SQL's words only as far as quotes, comments and parentheses; what is not plainly
//! `INSERT … VALUES (…), (…)` stays as it is.

/// The single-row INSERTs that do the same as a statement, if it is an INSERT of several rows.
pub(crate) fn rows(sql: &str) -> Option<Vec<String>> {
    let words = sql.trim_start().to_ascii_uppercase();
    if !words.starts_with("INSERT INTO ") {
        return None;
    }
    let values = top_level_word(sql, "VALUES")?;
    let head = &sql[..values.end];
    let (groups, tail) = groups(&sql[values.end..])?;
    let tail = tail.trim().trim_end_matches(';');
    let tail_words = tail.to_ascii_uppercase();
    let is_plain = tail.is_empty() || tail_words.starts_with("ON CONFLICT");
    if groups.len() < 2 || !is_plain || tail_words.contains("RETURNING") {
        return None;
    }
    Some(
        groups.iter().map(|group| format!("{head} {group} {tail}").trim_end().to_owned()).collect(),
    )
}

/// The statements of a text, without their `;`.
pub(crate) fn statements(sql: &str) -> Vec<&str> {
    let mut statements = Vec::new();
    let mut begin = 0;
    for (at, _) in code_bytes(sql).filter(|(_, byte)| *byte == b';') {
        statements.push(&sql[begin..at]);
        begin = at + 1;
    }
    statements.push(&sql[begin..]);
    let is_empty = |text: &&str| code_bytes(text).all(|(_, byte)| byte.is_ascii_whitespace());
    statements.into_iter().filter(|text| !is_empty(text)).map(str::trim).collect()
}

/// The parenthesised groups at the beginning of a text, and what follows them.
fn groups(text: &str) -> Option<(Vec<&str>, &str)> {
    let mut groups = Vec::new();
    let (mut depth, mut begin, mut end) = (0_usize, 0, 0);
    for (at, byte) in code_bytes(text) {
        match byte {
            b'(' => {
                if depth == 0 {
                    begin = at;
                }
                depth += 1;
            }
            b')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    groups.push(&text[begin..=at]);
                    end = at + 1;
                }
            }
            b',' => {}
            byte if depth == 0 && !byte.is_ascii_whitespace() => break,
            _ => {}
        }
    }
    (depth == 0).then_some((groups, &text[end..]))
}

/// Where a word stands outside parentheses.
fn top_level_word(sql: &str, word: &str) -> Option<std::ops::Range<usize>> {
    let mut depth = 0_i32;
    let upper = sql.to_ascii_uppercase();
    for (at, byte) in code_bytes(sql) {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ if depth == 0 && upper.as_bytes()[at..].starts_with(word.as_bytes()) => {
                let end = at + word.len();
                let is_word = |byte: Option<&u8>| {
                    byte.is_none_or(|b| !b.is_ascii_alphanumeric() && *b != b'_')
                };
                let before = at.checked_sub(1).and_then(|at| upper.as_bytes().get(at));
                if is_word(before) && is_word(upper.as_bytes().get(end)) {
                    return Some(at..end);
                }
            }
            _ => {}
        }
    }
    None
}

/// The bytes of a text that lie outside quotes and comments, with their places. Quotes themselves are
/// given once, at their beginning, so that a quoted word is not nothing.
fn code_bytes(sql: &str) -> impl Iterator<Item = (usize, u8)> {
    let bytes = sql.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let begin = at;
            at = token_end(bytes, at);
            let is_comment = bytes[begin..].starts_with(b"--") || bytes[begin..].starts_with(b"/*");
            if !is_comment {
                return Some((begin, bytes[begin]));
            }
        }
        None
    })
}

fn token_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let find = |needle: &[u8], from: usize| {
        let places =
            rest.get(from..).and_then(|rest| rest.windows(needle.len()).position(|w| w == needle));
        places.map_or(bytes.len(), |place| at + from + place + needle.len())
    };
    match rest[0] {
        quote @ (b'\'' | b'"') => find(&[quote], 1),
        b'-' if rest.starts_with(b"--") => find(b"\n", 2),
        b'/' if rest.starts_with(b"/*") => find(b"*/", 2),
        b'$' if rest.starts_with(b"$$") => find(b"$$", 2),
        _ => at + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, expected: &[&str]) {
        assert_eq!(rows(sql).unwrap_or_default(), expected, "{sql}");
    }

    #[test]
    fn an_insert_of_many_rows_is_split() {
        check(
            "INSERT INTO t VALUES (1), (2)",
            &["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)"],
        );
        check(
            "INSERT INTO t (a, b) VALUES\n (1, 'x),(''y'), (f(2), $$)$$)\nON CONFLICT DO NOTHING;",
            &[
                "INSERT INTO t (a, b) VALUES (1, 'x),(''y') ON CONFLICT DO NOTHING",
                "INSERT INTO t (a, b) VALUES (f(2), $$)$$) ON CONFLICT DO NOTHING",
            ],
        );
    }

    #[test]
    fn what_is_not_plainly_such_an_insert_stays() {
        check("INSERT INTO t VALUES (1)", &[]);
        check("INSERT INTO t SELECT * FROM (VALUES (1), (2)) v", &[]);
        check("INSERT INTO t VALUES (1), (2) RETURNING a", &[]);
        check("UPDATE t SET a = 1", &[]);
        check("INSERT INTO t VALUES (1), (2); SELECT 1", &[]);
    }

    #[test]
    fn statements_end_at_semicolons_of_code() {
        assert_eq!(
            statements("SELECT ';'; -- a;\nSELECT 2;\n-- end\n"),
            ["SELECT ';'", "-- a;\nSELECT 2"]
        );
        assert_eq!(statements(" ; "), Vec::<&str>::new());
    }
}
