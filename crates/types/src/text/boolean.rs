//! `boolean`: any unambiguous prefix of true, false, yes, no, on, off, or 1 and 0; written `t`, `f`.

use super::invalid;
use crate::SqlError;

/// Words, the shortest prefix that names each, and the value.
const WORDS: [(&[u8], usize, bool); 8] = [
    (b"true", 1, true),
    (b"false", 1, false),
    (b"yes", 1, true),
    (b"no", 1, false),
    (b"on", 2, true),
    (b"off", 2, false),
    (b"1", 1, true),
    (b"0", 1, false),
];

/// Reads a boolean.
///
/// # Errors
/// 22P02 where `text` is none.
pub(super) fn parse(text: &[u8]) -> Result<bool, SqlError> {
    let word = invalid::trim(text);
    for (full, shortest, value) in WORDS {
        if word.len() >= shortest
            && word.len() <= full.len()
            && word.eq_ignore_ascii_case(&full[..word.len()])
        {
            return Ok(value);
        }
    }
    Err(invalid::syntax("boolean", text))
}
