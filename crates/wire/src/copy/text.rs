//! Rows of the text form: fields between delimiters, backslash escapes, `\N` for NULL.

use kappa_types::SqlError;

use super::field::{Fields, Place, Split, bad_format};
use super::format::CopyText;

/// Splits rows of the text form.
#[derive(Debug)]
pub(super) struct TextSplitter {
    delimiter: u8,
    null: Vec<u8>,
    /// Bytes that end the quick scan of a field.
    stops: Box<[bool; 256]>,
}

impl TextSplitter {
    pub(super) fn new(format: &CopyText) -> Self {
        let mut stops = Box::new([false; 256]);
        for byte in [format.delimiter, b'\n', b'\r', b'\\'] {
            stops[usize::from(byte)] = true;
        }
        Self { delimiter: format.delimiter, null: format.null.clone().into_bytes(), stops }
    }

    /// Finds the fields of the row at the start of `input`; `is_last` says that nothing follows it.
    pub(super) fn split(
        &self,
        input: &[u8],
        is_last: bool,
        fields: &mut Fields,
    ) -> Result<Split, SqlError> {
        fields.clear();
        if let [b'\\', b'.', rest @ ..] = input
            && (rest.starts_with(b"\n")
                || rest.starts_with(b"\r\n")
                || (is_last && rest.is_empty()))
        {
            return Ok(Split::End);
        }
        let mut start = 0;
        let mut at = 0;
        let mut has_escape = false;
        let mut line_count = 1;
        loop {
            while at < input.len() && !self.stops[usize::from(input[at])] {
                at += 1;
            }
            let Some(byte) = input.get(at).copied() else {
                if !is_last {
                    return Ok(Split::Incomplete);
                }
                self.push(&input[start..at], start, has_escape, fields);
                return Ok(Split::Row { size_bytes: at, line_count });
            };
            if byte == b'\\' && byte != self.delimiter {
                // Whatever follows belongs to the field, an end of line too.
                match input.get(at + 1) {
                    None if !is_last => return Ok(Split::Incomplete),
                    Some(b'\n') => line_count += 1,
                    _ => {}
                }
                has_escape = true;
                at = (at + 2).min(input.len());
                continue;
            }
            let mut end_of_line = 0;
            match byte {
                b'\n' => end_of_line = 1,
                b'\r' => match input.get(at + 1) {
                    Some(b'\n') => end_of_line = 2,
                    None if !is_last => return Ok(Split::Incomplete),
                    None => end_of_line = 1,
                    Some(_) => {
                        return Err(bad_format("literal carriage return found in data")
                            .with_hint("Use \"\\r\" to represent carriage return."));
                    }
                },
                _ => {}
            }
            self.push(&input[start..at], start, has_escape, fields);
            if end_of_line > 0 {
                return Ok(Split::Row { size_bytes: at + end_of_line, line_count });
            }
            at += 1;
            start = at;
            has_escape = false;
        }
    }

    fn push(&self, raw: &[u8], start: usize, has_escape: bool, fields: &mut Fields) {
        if raw == self.null {
            return fields.push(0, 0, Place::Null);
        }
        if !has_escape {
            return fields.push(start, start + raw.len(), Place::Input);
        }
        let from = fields.scratch.len();
        unescape(raw, &mut fields.scratch);
        let to = fields.scratch.len();
        fields.push(from, to, Place::Scratch);
    }
}

fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        let Some((mark, tail)) = rest.split_first() else {
            return out.push(b'\\');
        };
        rest = tail;
        match mark {
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'v' => out.push(0x0b),
            b'0'..=b'7' => out.push(number(mark - b'0', 8, 2, &mut rest)),
            b'x' => match rest.first().and_then(|byte| char::from(*byte).to_digit(16)) {
                Some(_) => out.push(number(0, 16, 2, &mut rest)),
                None => out.push(b'x'),
            },
            other => out.push(*other),
        }
    }
}

/// Continues a number with at most `digits` more digits.
fn number(first: u8, radix: u32, digits: usize, rest: &mut &[u8]) -> u8 {
    let mut value = u32::from(first);
    for _ in 0..digits {
        let Some(digit) = rest.first().and_then(|byte| char::from(*byte).to_digit(radix)) else {
            break;
        };
        value = value * radix + digit;
        *rest = &rest[1..];
    }
    (value & 0xff) as u8
}
