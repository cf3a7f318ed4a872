//! JSON made of values.

use kappa_types::{SqlError, SqlState};

use super::Argument::Any;
use super::Function;
use super::quote::shown;
use crate::session::Session;
use crate::value::{Base, Family, PgType, Value};

const JSON: PgType = PgType::Base(Base::Json);
const JSONB: PgType = PgType::Base(Base::Jsonb);

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("to_json", &[Any], JSON, |session, v, types| {
        Ok(Value::text(to_json(session, &v[0], &types[0])))
    }),
    Function::new("to_jsonb", &[Any], JSONB, |session, v, types| {
        Ok(Value::text(to_json(session, &v[0], &types[0])))
    }),
    Function::new("row_to_json", &[Any], JSON, |session, v, types| {
        Ok(Value::text(to_json(session, &v[0], &types[0])))
    }),
    Function::new("json_build_object", &[Any], JSON, |session, v, types| {
        object(session, v, types, " : ")
    })
    .optional(1)
    .variadic()
    .lenient(),
    Function::new("jsonb_build_object", &[Any], JSONB, |session, v, types| {
        object(session, v, types, ": ")
    })
    .optional(1)
    .variadic()
    .lenient(),
    Function::new("json_build_array", &[Any], JSON, array).optional(1).variadic().lenient(),
    Function::new("jsonb_build_array", &[Any], JSONB, array).optional(1).variadic().lenient(),
];

fn object(
    session: &Session<'_>,
    values: &[Value],
    types: &[PgType],
    colon: &str,
) -> Result<Value, SqlError> {
    if !values.len().is_multiple_of(2) {
        let message = "argument list must have even number of elements";
        return Err(SqlError::new(SqlState::InvalidParameterValue, message));
    }
    let mut fields = Vec::new();
    for (pair, types) in values.chunks(2).zip(types.chunks(2)) {
        if pair[0].is_null() {
            let message = "argument 1 cannot be null";
            return Err(SqlError::new(SqlState::NullValueNotAllowed, message));
        }
        let key = string(&shown(session, &pair[0], &types[0]));
        fields.push(format!("{key}{colon}{}", to_json(session, &pair[1], &types[1])));
    }
    Ok(Value::text(format!("{{{}}}", fields.join(", "))))
}

fn array(session: &Session<'_>, values: &[Value], types: &[PgType]) -> Result<Value, SqlError> {
    let items: Vec<String> =
        values.iter().zip(types).map(|(value, ty)| to_json(session, value, ty)).collect();
    Ok(Value::text(format!("[{}]", items.join(", "))))
}

/// `value` as JSON.
pub(crate) fn to_json(session: &Session<'_>, value: &Value, ty: &PgType) -> String {
    match (value, ty) {
        (Value::Null, _) => "null".to_owned(),
        (Value::Bool(value), _) => value.to_string(),
        (Value::Int(value), PgType::Base(base)) if base.number_rank().is_some() => {
            value.to_string()
        }
        (Value::Decimal(value), _) => value.to_string(),
        (Value::Float(number), _) if number.is_finite() => shown(session, value, ty),
        (Value::Text(text), PgType::Base(Base::Json | Base::Jsonb)) => text.to_string(),
        (Value::Array(array), ty) if ty.family() == Family::Array => {
            let element = PgType::Base(ty.element().unwrap_or(Base::Text));
            let items = array.items.iter().map(|item| to_json(session, item, &element));
            format!("[{}]", items.collect::<Vec<_>>().join(","))
        }
        (Value::Record(values), PgType::Record(fields)) => {
            let fields = values.iter().zip(fields.iter()).map(|(value, (name, ty))| {
                format!("{}:{}", string(name), to_json(session, value, ty))
            });
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        (value, ty) => string(&shown(session, value, ty)),
    }
}

fn string(text: &str) -> String {
    let mut result = String::with_capacity(text.len() + 2);
    result.push('"');
    for character in text.chars() {
        match character {
            '"' => result.push_str("\\\""),
            '\\' => result.push_str("\\\\"),
            '\n' => result.push_str("\\n"),
            '\r' => result.push_str("\\r"),
            '\t' => result.push_str("\\t"),
            control if u32::from(control) < 0x20 => {
                result.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => result.push(other),
        }
    }
    result.push('"');
    result
}
