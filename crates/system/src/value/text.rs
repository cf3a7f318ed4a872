//! Values from and to PostgreSQL's text form.

use kappa_types::text::{ColumnFormatter, parse_value};
use kappa_types::{SqlError, SqlState};

use super::arrow::{from_arrow, plain_to_arrow};
use super::reg;
use super::{Base, Decimal, Family, PgType, Value};
use crate::error::{invalid_input, out_of_range, unsupported};
use crate::session::Session;

/// Bytes that a `name` may have.
const NAME_SIZE_BYTES_MAX: usize = 63;

/// Reads `text` as a value of `ty`.
///
/// # Errors
/// 22P02 and its like; for reg* types what looking up the name reports.
pub(crate) fn input(session: &Session<'_>, text: &str, ty: &PgType) -> Result<Value, SqlError> {
    match ty {
        PgType::Array(element) => array_input(session, text, *element),
        PgType::Record(_) => Err(unsupported("input of composite types")),
        PgType::Base(base) => base_input(session, text, *base),
    }
}

fn base_input(session: &Session<'_>, text: &str, base: Base) -> Result<Value, SqlError> {
    let invalid = || invalid_input(base.display_name(), text);
    match base {
        base if base.is_reg() => reg::input(session, text, base),
        Base::Bool => bool_input(text).map(Value::Bool).ok_or_else(invalid),
        Base::Int2 | Base::Int4 | Base::Int8 | Base::Oid | Base::Xid | Base::Cid => {
            integer_input(text, base).map(Value::Int)
        }
        Base::Int2Vector | Base::OidVector => {
            let element = if base == Base::OidVector { Base::Oid } else { Base::Int2 };
            let items = text.split_whitespace().map(|item| base_input(session, item, element));
            Ok(Value::vector(items.collect::<Result<_, _>>()?))
        }
        Base::Float4 | Base::Float8 => {
            let lower = text.trim().to_ascii_lowercase();
            lower.parse().map(Value::Float).map_err(|_| invalid())
        }
        Base::Numeric => Decimal::parse(text.trim()).map(Value::Decimal).ok_or_else(invalid),
        Base::Char => Ok(Value::text(text.chars().next().map(String::from).unwrap_or_default())),
        Base::Name => Ok(Value::text(truncate_name(text))),
        base if base.family() == Family::Text => Ok(Value::text(text)),
        base => {
            let sql_type = PgType::Base(base).sql_type();
            let array = parse_value(&sql_type, text, &session.context.text)?;
            from_arrow(&array, 0)
        }
    }
}

/// The first 63 bytes, not splitting a character.
pub(crate) fn truncate_name(text: &str) -> &str {
    let mut end = text.len().min(NAME_SIZE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn bool_input(text: &str) -> Option<bool> {
    let text = text.trim().to_ascii_lowercase();
    let prefix_of = |word: &str| !text.is_empty() && word.starts_with(&text);
    if prefix_of("true") || prefix_of("yes") || text == "on" || text == "1" {
        return Some(true);
    }
    let is_false =
        prefix_of("false") || prefix_of("no") || text == "off" || text == "of" || text == "0";
    is_false.then_some(false)
}

fn integer_input(text: &str, base: Base) -> Result<i64, SqlError> {
    let trimmed = text.trim();
    let digits = trimmed.trim_start_matches(['+', '-']);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid_input(base.display_name(), text));
    }
    let too_large = || {
        let message = format!("value \"{text}\" is out of range for type {}", base.display_name());
        SqlError::new(SqlState::NumericValueOutOfRange, message)
    };
    let value: i64 = trimmed.parse().map_err(|_| too_large())?;
    in_range(value, base).ok_or_else(too_large)
}

/// The value if `base` can hold it.
pub(crate) fn in_range(value: i64, base: Base) -> Option<i64> {
    let fits = match base {
        Base::Int2 => i16::try_from(value).is_ok(),
        Base::Int4 => i32::try_from(value).is_ok(),
        Base::Int8 => true,
        _ => u32::try_from(value).is_ok(),
    };
    fits.then_some(value)
}

/// Reads `{a,"b c",NULL}`.
fn array_input(session: &Session<'_>, text: &str, element: Base) -> Result<Value, SqlError> {
    let malformed = || {
        let message = format!("malformed array literal: \"{text}\"");
        SqlError::new(SqlState::InvalidTextRepresentation, message)
    };
    let inner = text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let inner = inner.ok_or_else(malformed)?;
    let mut items = Vec::new();
    if inner.trim().is_empty() {
        return Ok(Value::array(items));
    }
    for item in array_items(inner).ok_or_else(malformed)? {
        items.push(match item {
            Some(item) => base_input(session, &item, element)?,
            None => Value::Null,
        });
    }
    Ok(Value::array(items))
}

/// The items between the braces; `None` for NULL. Nested braces are malformed here: no array of the
/// system catalogue has two dimensions.
fn array_items(inner: &str) -> Option<Vec<Option<String>>> {
    let mut items = Vec::new();
    let mut characters = inner.chars().peekable();
    loop {
        let (mut item, mut quoted) = (String::new(), false);
        while characters.next_if(|character| character.is_whitespace()).is_some() {}
        loop {
            match characters.next() {
                Some('"') => {
                    quoted = true;
                    loop {
                        match characters.next()? {
                            '"' => break,
                            '\\' => item.push(characters.next()?),
                            other => item.push(other),
                        }
                    }
                }
                Some('\\') => item.push(characters.next()?),
                Some('{' | '}') => return None,
                Some(',') => {
                    items.push(finish_item(item, quoted));
                    break;
                }
                Some(other) => item.push(other),
                None => {
                    items.push(finish_item(item, quoted));
                    return Some(items);
                }
            }
        }
    }
}

fn finish_item(item: String, quoted: bool) -> Option<String> {
    if quoted {
        return Some(item);
    }
    let trimmed = item.trim_end();
    (!trimmed.eq_ignore_ascii_case("null")).then(|| trimmed.to_owned())
}

/// The text of `value`, which is not NULL, as the type's output function writes it.
pub(crate) fn output(session: &Session<'_>, value: &Value, ty: &PgType) -> String {
    match (value, ty) {
        (Value::Null, _) => String::new(),
        (Value::Bool(value), _) => if *value { "t" } else { "f" }.to_owned(),
        (Value::Text(value), _) => value.to_string(),
        (Value::Int(oid), PgType::Base(base)) if base.is_reg() => {
            reg::output(session, u32::try_from(*oid).unwrap_or(0), *base)
        }
        (Value::Int(value), ty) if ty.family() == Family::Integer => value.to_string(),
        (Value::Decimal(value), _) => value.to_string(),
        (Value::Array(array), PgType::Base(base @ (Base::Int2Vector | Base::OidVector))) => {
            let element = if *base == Base::OidVector { Base::Oid } else { Base::Int2 };
            vector_text(session, &array.items, element)
        }
        (Value::Array(array), ty) => {
            array_text(session, &array.items, ty.element().unwrap_or(Base::Text))
        }
        (Value::Record(values), PgType::Record(fields)) => {
            let types = fields.iter().map(|(_, ty)| ty);
            let fields =
                values.iter().zip(types).map(|(value, ty)| record_field(session, value, ty));
            format!("({})", fields.collect::<Vec<_>>().join(","))
        }
        (value, ty) => formatted(session, value, ty),
    }
}

fn formatted(session: &Session<'_>, value: &Value, ty: &PgType) -> String {
    let sql_type = ty.sql_type();
    let formatted = plain_to_arrow(std::slice::from_ref(value), &sql_type).and_then(|array| {
        let formatter = ColumnFormatter::new(&array, &sql_type, &session.context.text)?;
        let mut bytes = Vec::new();
        formatter.write(0, &mut bytes);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    });
    formatted.unwrap_or_default()
}

/// `1 2 3`
pub(crate) fn vector_text(session: &Session<'_>, items: &[Value], element: Base) -> String {
    let items = items.iter().map(|item| output(session, item, &PgType::Base(element)));
    items.collect::<Vec<_>>().join(" ")
}

/// `{1,NULL,"a b"}`
pub(crate) fn array_text(session: &Session<'_>, items: &[Value], element: Base) -> String {
    let item = |item: &Value| {
        if item.is_null() {
            return "NULL".to_owned();
        }
        let text = output(session, item, &PgType::Base(element));
        let special = |character: char| {
            matches!(character, '{' | '}' | ',' | '"' | '\\') || character.is_whitespace()
        };
        let plain =
            !text.is_empty() && !text.eq_ignore_ascii_case("null") && !text.contains(special);
        if plain {
            text
        } else {
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
        }
    };
    format!("{{{}}}", items.iter().map(item).collect::<Vec<_>>().join(","))
}

fn record_field(session: &Session<'_>, value: &Value, ty: &PgType) -> String {
    if value.is_null() {
        return String::new();
    }
    let text = output(session, value, ty);
    let special = |character: char| {
        matches!(character, '(' | ')' | ',' | '"' | '\\') || character.is_whitespace()
    };
    if !text.is_empty() && !text.contains(special) {
        return text;
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\"\""))
}

/// The integer as `base`, or 22003.
pub(crate) fn checked(value: i64, base: Base) -> Result<Value, SqlError> {
    in_range(value, base).map(Value::Int).ok_or_else(|| out_of_range(base.display_name()))
}
