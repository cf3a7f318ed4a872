//! `json` is checked and kept as typed; `jsonb` is rewritten in PostgreSQL's normal form.
//!
//! Normal form: object keys by length, then by bytes, the last of equal keys wins; one space behind
//! `:` and `,`; numbers exact, without exponent, with the digits they were given behind the point.

use crate::{SqlError, SqlState};

/// How deep arrays and objects may nest: bounds the stack of the recursive reader.
const DEPTH_MAX: usize = 1000;
/// Digits of a number before and behind the point, as PostgreSQL's numeric allows.
const NUMBER_DIGITS_MAX: usize = 131_072;

/// A JSON value with numbers as they print.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Null,
    Boolean(bool),
    Number(String),
    String(String),
    Array(Vec<Value>),
    Object(Vec<(String, Value)>),
}

/// Checks that `text` is JSON.
///
/// # Errors
/// 22P02 with a detail that says what was expected, 54001 where it nests too deep.
pub fn validate_json(text: &str) -> Result<(), SqlError> {
    Reader { text, at: 0, depth: 0, decode: false }.document().map(|_| ())
}

/// The normal form of `text`.
///
/// # Errors
/// As [`validate_json`]; 22P05 for an escaped NUL, 22003 for a number beyond PostgreSQL's numeric.
pub fn normalize_jsonb(text: &str) -> Result<String, SqlError> {
    let value = Reader { text, at: 0, depth: 0, decode: true }.document()?;
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    write_value(&value, &mut out);
    Ok(out)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// Whether escapes and numbers are decoded; plain json is only checked.
    decode: bool,
}

impl<'a> Reader<'a> {
    fn document(mut self) -> Result<Value, SqlError> {
        let value = self.value("JSON value")?;
        self.skip_space();
        if self.at < self.text.len() {
            return Err(self.unexpected("end of input"));
        }
        Ok(value)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, expected: &str) -> Result<Value, SqlError> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't' | b'f' | b'n') => self.keyword(),
            _ => Err(self.unexpected(expected)),
        }
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<Value, SqlError>,
    ) -> Result<Value, SqlError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(SqlError::new(
                SqlState::StatementTooComplex,
                format!("JSON nests deeper than {DEPTH_MAX} levels"),
            ));
        }
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn keyword(&mut self) -> Result<Value, SqlError> {
        let word = self.word();
        let value = match word {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            "null" => Value::Null,
            _ => return Err(self.invalid_token(word)),
        };
        self.at += word.len();
        Ok(value)
    }

    fn array(&mut self) -> Result<Value, SqlError> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            let expected = if items.is_empty() { "array element or \"]\"" } else { "JSON value" };
            items.push(self.value(expected)?);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                _ => return Err(self.unexpected("\",\" or \"]\"")),
            }
        }
    }

    fn object(&mut self) -> Result<Value, SqlError> {
        self.at += 1;
        let mut entries = Vec::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(entries));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                let expected = if entries.is_empty() { "string or \"}\"" } else { "string" };
                return Err(self.unexpected(expected));
            }
            let key = self.string()?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("\":\""));
            }
            self.at += 1;
            entries.push((key, self.value("JSON value")?));
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Object(entries));
                }
                _ => return Err(self.unexpected("\",\" or \"}\"")),
            }
        }
    }

    fn string(&mut self) -> Result<String, SqlError> {
        let start = self.at;
        self.at += 1;
        let mut decoded = String::new();
        let mut from = self.at;
        loop {
            match self.peek() {
                None => return Err(self.invalid_token(&self.text[start..])),
                Some(b'"') => {
                    if self.decode {
                        decoded.push_str(&self.text[from..self.at]);
                    }
                    self.at += 1;
                    return Ok(decoded);
                }
                Some(b'\\') => {
                    if self.decode {
                        decoded.push_str(&self.text[from..self.at]);
                    }
                    self.at += 1;
                    self.escape(start, &mut decoded)?;
                    from = self.at;
                }
                Some(byte) if byte < 0x20 => {
                    return Err(invalid(format!(
                        "Character with value 0x{byte:02x} must be escaped."
                    )));
                }
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self, start: usize, decoded: &mut String) -> Result<(), SqlError> {
        let Some(mark) = self.text[self.at..].chars().next() else {
            return Err(self.invalid_token(&self.text[start..]));
        };
        self.at += mark.len_utf8();
        decoded.push(match mark {
            '"' | '\\' | '/' => mark,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.unicode(decoded),
            _ => return Err(invalid(format!("Escape sequence \"\\{mark}\" is invalid."))),
        });
        Ok(())
    }

    fn unicode(&mut self, decoded: &mut String) -> Result<(), SqlError> {
        let first = self.hex()?;
        if !self.decode {
            return Ok(());
        }
        let low_missing = || invalid("Unicode low surrogate must follow a high surrogate.".into());
        let code = match first {
            0 => {
                return Err(SqlError::new(
                    SqlState::UntranslatableCharacter,
                    "unsupported Unicode escape sequence",
                )
                .with_detail("\\u0000 cannot be converted to text."));
            }
            0xD800..=0xDBFF => {
                if !self.text[self.at..].starts_with("\\u") {
                    return Err(low_missing());
                }
                self.at += 2;
                match self.hex()? {
                    low @ 0xDC00..=0xDFFF => 0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00),
                    _ => return Err(low_missing()),
                }
            }
            0xDC00..=0xDFFF => return Err(low_missing()),
            code => code,
        };
        decoded.push(char::from_u32(code).ok_or_else(low_missing)?);
        Ok(())
    }

    fn hex(&mut self) -> Result<u32, SqlError> {
        let digits = self.text.get(self.at..self.at + 4);
        let code = digits
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        code.ok_or_else(|| {
            invalid("\"\\u\" must be followed by four hexadecimal digits.".to_owned())
        })
    }

    fn number(&mut self) -> Result<String, SqlError> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut at = start + usize::from(bytes[start] == b'-');
        let run = |from: usize| {
            bytes[from..].iter().position(|b| !b.is_ascii_digit()).map_or(bytes.len(), |n| from + n)
        };
        let whole = run(at);
        let mut valid = whole > at && (bytes[at] != b'0' || whole == at + 1);
        at = whole;
        if bytes.get(at) == Some(&b'.') {
            let end = run(at + 1);
            valid &= end > at + 1;
            at = end;
        }
        let mantissa = &self.text[start..at];
        let mut exponent = "";
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            let signed = at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            let end = run(signed);
            valid &= end > signed;
            exponent = &self.text[at + 1..end];
            at = end;
        }
        // A number that runs on into letters is one bad token.
        let rest = &self.text[at..];
        let tail = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        if !valid || tail > 0 {
            return Err(self.invalid_token(&self.text[start..at + tail]));
        }
        self.at = at;
        if self.decode { plain_number(mantissa, exponent) } else { Ok(String::new()) }
    }

    /// The run of letters, digits and `_` from here, or one character.
    fn word(&self) -> &'a str {
        let rest = &self.text[self.at..];
        let length = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()))
            .unwrap_or(rest.len());
        match length {
            0 => rest.chars().next().map_or("", |c| &rest[..c.len_utf8()]),
            length => &rest[..length],
        }
    }

    #[cold]
    fn invalid_token(&self, token: &str) -> SqlError {
        invalid(format!("Token \"{token}\" is invalid."))
    }

    #[cold]
    fn unexpected(&self, expected: &str) -> SqlError {
        let rest = &self.text[self.at..];
        let found = match self.peek() {
            None => return invalid("The input string ended unexpectedly.".into()),
            Some(b'{' | b'}' | b'[' | b']' | b',' | b':') => &rest[..1],
            Some(b'"') => match rest[1..].find('"') {
                Some(end) => &rest[..end + 2],
                None => return self.invalid_token(rest),
            },
            Some(b'-' | b'0'..=b'9') => {
                let end = rest
                    .find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '+')))
                    .unwrap_or(rest.len());
                &rest[..end]
            }
            Some(_) => match self.word() {
                word @ ("true" | "false" | "null") => word,
                word => return self.invalid_token(word),
            },
        };
        invalid(format!("Expected {expected}, but found \"{found}\"."))
    }
}

fn invalid(detail: String) -> SqlError {
    SqlError::new(SqlState::InvalidTextRepresentation, "invalid input syntax for type json")
        .with_detail(detail)
}

/// The number without exponent: `1.50e1` is `15.0`, `1e-3` is `0.001`, `-0` is `0`.
fn plain_number(mantissa: &str, exponent: &str) -> Result<String, SqlError> {
    let overflow =
        || SqlError::new(SqlState::NumericValueOutOfRange, "value overflows numeric format");
    let (negative, unsigned) = match mantissa.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, mantissa),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let shift: i64 = match exponent {
        "" => 0,
        text => text.parse().map_err(|_| overflow())?,
    };
    let digits = format!("{whole}{fraction}");
    let point = whole.len() as i64 + shift;
    let places = usize::try_from((fraction.len() as i64).saturating_sub(shift).max(0))
        .map_err(|_| overflow())?;
    let is_zero = digits.bytes().all(|digit| digit == b'0');
    if places > NUMBER_DIGITS_MAX || (!is_zero && point > NUMBER_DIGITS_MAX as i64) {
        return Err(overflow());
    }
    let mut plain = String::new();
    if is_zero {
        plain.push('0');
    } else {
        let (before, behind) = if point <= 0 {
            (String::new(), format!("{}{digits}", "0".repeat(point.unsigned_abs() as usize)))
        } else if point as usize >= digits.len() {
            (format!("{digits}{}", "0".repeat(point as usize - digits.len())), String::new())
        } else {
            (digits[..point as usize].to_owned(), digits[point as usize..].to_owned())
        };
        if negative {
            plain.push('-');
        }
        let before = before.trim_start_matches('0');
        plain.push_str(if before.is_empty() { "0" } else { before });
        if places > 0 {
            plain.push('.');
            plain.push_str(&behind);
        }
        return Ok(plain);
    }
    if places > 0 {
        plain.push('.');
        plain.push_str(&"0".repeat(places));
    }
    Ok(plain)
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Boolean(true) => out.push_str("true"),
        Value::Boolean(false) => out.push_str("false"),
        Value::Number(number) => out.push_str(number),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(entries) => write_object(entries, out),
    }
}

fn write_object(entries: &[(String, Value)], out: &mut String) {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    // The sort is stable: of equal keys the last given stays last, and wins.
    order.sort_by(|a, b| {
        let (a, b) = (entries[*a].0.as_bytes(), entries[*b].0.as_bytes());
        a.len().cmp(&b.len()).then_with(|| a.cmp(b))
    });
    out.push('{');
    let mut first = true;
    for (place, index) in order.iter().enumerate() {
        let (key, value) = &entries[*index];
        if order.get(place + 1).is_some_and(|next| entries[*next].0 == *key) {
            continue;
        }
        if !first {
            out.push_str(", ");
        }
        first = false;
        write_string(key, out);
        out.push_str(": ");
        write_value(value, out);
    }
    out.push('}');
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}
