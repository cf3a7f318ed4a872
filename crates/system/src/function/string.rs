//! Strings.

use kappa_types::{SqlError, SqlState};

use super::Argument::{Any, Int, Text};
use super::Function;
use super::quote::{quote_identifier, quote_literal, shown, text};
use crate::session::Session;
use crate::value::{Base, PgType, Value};

/// Characters that a function may make: a catalogue query has no use for more.
const RESULT_CHARACTER_COUNT_MAX: usize = 1 << 20;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("lower", &[Text], PgType::Text, |_, v, _| {
        Ok(Value::text(text(&v[0]).to_lowercase()))
    }),
    Function::new("upper", &[Text], PgType::Text, |_, v, _| {
        Ok(Value::text(text(&v[0]).to_uppercase()))
    }),
    Function::new("initcap", &[Text], PgType::Text, |_, v, _| {
        Ok(Value::text(capitalized(text(&v[0]))))
    }),
    Function::new("reverse", &[Text], PgType::Text, |_, v, _| {
        Ok(Value::text(text(&v[0]).chars().rev().collect::<String>()))
    }),
    Function::new("length", &[Text], PgType::Int4, |_, v, _| {
        Ok(Value::count(text(&v[0]).chars().count()))
    }),
    Function::new("char_length", &[Text], PgType::Int4, |_, v, _| {
        Ok(Value::count(text(&v[0]).chars().count()))
    }),
    Function::new("octet_length", &[Text], PgType::Int4, |_, v, _| {
        Ok(Value::count(text(&v[0]).len()))
    }),
    Function::new("ascii", &[Text], PgType::Int4, |_, v, _| {
        Ok(Value::Int(text(&v[0]).chars().next().map_or(0, |c| i64::from(u32::from(c)))))
    }),
    Function::new("chr", &[Int], PgType::Text, |_, v, _| {
        let code = v[0].as_int().and_then(|code| u32::try_from(code).ok());
        let character = code.filter(|code| *code != 0).and_then(char::from_u32);
        character
            .map(|c| Value::text(c.to_string()))
            .ok_or_else(|| invalid("requested character not valid"))
    }),
    Function::new("concat", &[Any], PgType::Text, |session, v, types| {
        let parts = v.iter().zip(types).filter(|(value, _)| !value.is_null());
        Ok(Value::text(parts.map(|(value, ty)| shown(session, value, ty)).collect::<String>()))
    })
    .variadic()
    .lenient(),
    Function::new("concat_ws", &[Text, Any], PgType::Text, |session, v, types| {
        let Some(separator) = v[0].as_text() else { return Ok(Value::Null) };
        let parts = v.iter().zip(types).skip(1).filter(|(value, _)| !value.is_null());
        let parts: Vec<String> = parts.map(|(value, ty)| shown(session, value, ty)).collect();
        Ok(Value::text(parts.join(separator)))
    })
    .variadic()
    .lenient(),
    Function::new("format", &[Text, Any], PgType::Text, format).optional(1).variadic().lenient(),
    Function::new("replace", &[Text, Text, Text], PgType::Text, |_, v, _| {
        let (subject, from) = (text(&v[0]), text(&v[1]));
        let replaced =
            if from.is_empty() { subject.to_owned() } else { subject.replace(from, text(&v[2])) };
        Ok(Value::text(replaced))
    }),
    Function::new("translate", &[Text, Text, Text], PgType::Text, |_, v, _| {
        let (from, to): (Vec<char>, Vec<char>) =
            (text(&v[1]).chars().collect(), text(&v[2]).chars().collect());
        let translated =
            text(&v[0]).chars().filter_map(|c| match from.iter().position(|f| *f == c) {
                Some(position) => to.get(position).copied(),
                None => Some(c),
            });
        Ok(Value::text(translated.collect::<String>()))
    }),
    Function::new("substring", &[Text, Int, Int], PgType::Text, |_, v, _| substring(v)).optional(1),
    Function::new("substr", &[Text, Int, Int], PgType::Text, |_, v, _| substring(v)).optional(1),
    Function::new("substring", &[Text, Text], PgType::Text, |session, v, _| {
        let regex = session.regex(text(&v[1]), false)?;
        let Some(captures) = regex.captures(text(&v[0])) else { return Ok(Value::Null) };
        let found = captures.get(1).or_else(|| captures.get(0));
        Ok(Value::optional_text(found.map(|found| found.as_str())))
    }),
    Function::new("left", &[Text, Int], PgType::Text, |_, v, _| {
        let (subject, count) = (text(&v[0]), v[1].as_int().unwrap_or(0));
        Ok(Value::text(subject.chars().take(kept(subject, count)).collect::<String>()))
    }),
    Function::new("right", &[Text, Int], PgType::Text, |_, v, _| {
        let (subject, count) = (text(&v[0]), v[1].as_int().unwrap_or(0));
        let skipped = subject.chars().count() - kept(subject, count);
        Ok(Value::text(subject.chars().skip(skipped).collect::<String>()))
    }),
    Function::new("btrim", &[Text, Text], PgType::Text, |_, v, _| Ok(trimmed(v, true, true)))
        .optional(1),
    Function::new("ltrim", &[Text, Text], PgType::Text, |_, v, _| Ok(trimmed(v, true, false)))
        .optional(1),
    Function::new("rtrim", &[Text, Text], PgType::Text, |_, v, _| Ok(trimmed(v, false, true)))
        .optional(1),
    Function::new("lpad", &[Text, Int, Text], PgType::Text, |_, v, _| padded(v, true)).optional(1),
    Function::new("rpad", &[Text, Int, Text], PgType::Text, |_, v, _| padded(v, false)).optional(1),
    Function::new("repeat", &[Text, Int], PgType::Text, |_, v, _| {
        let count = usize::try_from(v[1].as_int().unwrap_or(0)).unwrap_or(0);
        let subject = text(&v[0]);
        if subject.len().saturating_mul(count) > RESULT_CHARACTER_COUNT_MAX {
            return Err(too_long());
        }
        Ok(Value::text(subject.repeat(count)))
    }),
    Function::new("strpos", &[Text, Text], PgType::Int4, |_, v, _| {
        let subject = text(&v[0]);
        let found = subject.find(text(&v[1]));
        Ok(Value::count(found.map_or(0, |at| subject[..at].chars().count() + 1)))
    }),
    Function::new("starts_with", &[Text, Text], PgType::Bool, |_, v, _| {
        Ok(Value::Bool(text(&v[0]).starts_with(text(&v[1]))))
    }),
    Function::new("split_part", &[Text, Text, Int], PgType::Text, |_, v, _| {
        let parts: Vec<&str> = text(&v[0]).split(text(&v[1])).collect();
        let number = v[2].as_int().unwrap_or(0);
        let index = match number {
            0 => return Err(invalid("field position must not be zero")),
            number if number > 0 => usize::try_from(number - 1).ok(),
            number => usize::try_from(number.unsigned_abs())
                .ok()
                .and_then(|back| parts.len().checked_sub(back)),
        };
        Ok(Value::text(index.and_then(|index| parts.get(index)).unwrap_or(&"")))
    }),
    Function::new("regexp_replace", &[Text, Text, Text, Text], PgType::Text, regexp_replace)
        .optional(1),
    Function::new(
        "regexp_match",
        &[Text, Text, Text],
        PgType::Array(Base::Text),
        |session, v, _| {
            let regex = session.regex(text(&v[1]), flags(v.get(2)).contains('i'))?;
            let Some(captures) = regex.captures(text(&v[0])) else { return Ok(Value::Null) };
            let group =
                |index| Value::optional_text(captures.get(index).map(|found| found.as_str()));
            let groups = match captures.len() {
                1 => vec![group(0)],
                count => (1..count).map(group).collect(),
            };
            Ok(Value::array(groups))
        },
    )
    .optional(1),
    Function::new("to_hex", &[Int], PgType::Text, |_, v, types| {
        let value = v[0].as_int().unwrap_or(0);
        let digits = if types[0] == PgType::Int8 { value as u64 } else { u64::from(value as u32) };
        Ok(Value::text(format!("{digits:x}")))
    }),
];

fn invalid(message: &str) -> SqlError {
    SqlError::new(SqlState::InvalidParameterValue, message)
}

fn too_long() -> SqlError {
    SqlError::new(SqlState::ProgramLimitExceeded, "requested length too large")
}

fn flags(value: Option<&Value>) -> &str {
    value.map(text).unwrap_or_default()
}

fn capitalized(subject: &str) -> String {
    let mut inside = false;
    let capital = |c: char| {
        let result: String =
            if inside { c.to_lowercase().collect() } else { c.to_uppercase().collect() };
        inside = c.is_alphanumeric();
        result
    };
    subject.chars().map(capital).collect()
}

/// Characters that `left` and `right` keep for `count`, which counts from the other end if negative.
fn kept(subject: &str, count: i64) -> usize {
    let length = subject.chars().count();
    let magnitude = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count < 0 { length.saturating_sub(magnitude) } else { length.min(magnitude) }
}

/// `substring(text from start for count)`; the start may lie before the text.
fn substring(values: &[Value]) -> Result<Value, SqlError> {
    let start = values[1].as_int().unwrap_or(1);
    let end = match values.get(2).and_then(Value::as_int) {
        Some(count) if count < 0 => {
            return Err(SqlError::new(
                SqlState::DataException,
                "negative substring length not allowed",
            ));
        }
        Some(count) => start.saturating_add(count),
        None => i64::MAX,
    };
    let inside = text(&values[0])
        .chars()
        .zip(1_i64..)
        .filter(|(_, position)| (start..end).contains(position));
    Ok(Value::text(inside.map(|(character, _)| character).collect::<String>()))
}

fn trimmed(values: &[Value], leading: bool, trailing: bool) -> Value {
    let characters = values.get(1).map_or(" ", text);
    let is_trimmed = |c: char| characters.contains(c);
    let mut subject = text(&values[0]);
    if leading {
        subject = subject.trim_start_matches(is_trimmed);
    }
    if trailing {
        subject = subject.trim_end_matches(is_trimmed);
    }
    Value::text(subject)
}

fn padded(values: &[Value], left: bool) -> Result<Value, SqlError> {
    let subject: Vec<char> = text(&values[0]).chars().collect();
    let length = usize::try_from(values[1].as_int().unwrap_or(0)).unwrap_or(0);
    if length > RESULT_CHARACTER_COUNT_MAX {
        return Err(too_long());
    }
    if length <= subject.len() {
        return Ok(Value::text(subject[..length].iter().collect::<String>()));
    }
    let fill = values.get(2).map_or(" ", text);
    let padding: String = fill.chars().cycle().take(length - subject.len()).collect();
    let subject: String = subject.iter().collect();
    let result = if fill.is_empty() {
        subject
    } else if left {
        padding + &subject
    } else {
        subject + &padding
    };
    Ok(Value::text(result))
}

fn regexp_replace(
    session: &Session<'_>,
    values: &[Value],
    _types: &[PgType],
) -> Result<Value, SqlError> {
    let flags = flags(values.get(3));
    let regex = session.regex(text(&values[1]), flags.contains('i'))?;
    // `\1` and `\&` are PostgreSQL's, `${1}` and `${0}` the regex crate's.
    let mut replacement = String::new();
    let mut characters = text(&values[2]).chars();
    while let Some(character) = characters.next() {
        match character {
            '$' => replacement.push_str("$$"),
            '\\' => match characters.next() {
                Some('&') => replacement.push_str("${0}"),
                Some(digit) if digit.is_ascii_digit() => {
                    replacement.push_str(&format!("${{{digit}}}"));
                }
                Some(other) => replacement.push(other),
                None => replacement.push('\\'),
            },
            other => replacement.push(other),
        }
    }
    let subject = text(&values[0]);
    let count = usize::from(!flags.contains('g'));
    Ok(Value::text(regex.replacen(subject, count, replacement.as_str())))
}

/// `format('%I.%L %s %%', …)` with positions `%1$s`.
fn format(session: &Session<'_>, values: &[Value], types: &[PgType]) -> Result<Value, SqlError> {
    let Some(pattern) = values[0].as_text() else { return Ok(Value::Null) };
    let mut result = String::new();
    let mut next = 1;
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '%' {
            result.push(character);
            continue;
        }
        let mut digits = String::new();
        while let Some(digit) = characters.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        let index = match characters.next_if_eq(&'$') {
            Some(_) => digits.parse().unwrap_or(0),
            None => next,
        };
        let kind =
            characters.next().ok_or_else(|| invalid("unterminated format() type specifier"))?;
        if kind == '%' {
            result.push('%');
            continue;
        }
        next = index + 1;
        let too_few = || invalid("too few arguments for format()");
        let value = values.get(index).filter(|_| index > 0).ok_or_else(too_few)?;
        let shown = (!value.is_null()).then(|| shown(session, value, &types[index]));
        match (kind, shown) {
            ('s', shown) => result.push_str(&shown.unwrap_or_default()),
            ('I', Some(shown)) => result.push_str(&quote_identifier(&shown)),
            ('I', None) => {
                return Err(invalid("null values cannot be formatted as an SQL identifier"));
            }
            ('L', Some(shown)) => result.push_str(&quote_literal(&shown)),
            ('L', None) => result.push_str("NULL"),
            (other, _) => {
                return Err(invalid(&std::format!(
                    "unrecognized format() type specifier \"{other}\""
                )));
            }
        }
    }
    Ok(Value::text(result))
}
