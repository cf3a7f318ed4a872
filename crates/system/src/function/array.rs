//! Arrays.

use std::sync::Arc;

use kappa_types::{SqlError, SqlState};

use super::Argument::{Any, Array as AnyArray, Int, Text};
use super::quote::{shown, text};
use super::{Function, Returns};
use crate::error::mismatch;
use crate::value::{Array, Base, PgType, Value};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("array_length", &[AnyArray, Int], PgType::Int4, |_, v, _| {
        Ok(dimension(v, |array| Value::count(array.items.len())))
    }),
    Function::new("array_lower", &[AnyArray, Int], PgType::Int4, |_, v, _| {
        Ok(dimension(v, |array| Value::Int(array.lower)))
    }),
    Function::new("array_upper", &[AnyArray, Int], PgType::Int4, |_, v, _| {
        Ok(dimension(v, |array| Value::Int(array.lower - 1 + count(&array.items))))
    }),
    Function::new("array_ndims", &[AnyArray], PgType::Int4, |_, v, _| {
        Ok(if items(&v[0]).is_empty() { Value::Null } else { Value::Int(1) })
    }),
    Function::new("cardinality", &[AnyArray], PgType::Int4, |_, v, _| {
        Ok(Value::count(items(&v[0]).len()))
    }),
    Function::new("array_to_string", &[AnyArray, Text, Text], PgType::Text, |session, v, types| {
        let (Some(array), Some(separator)) = (v[0].as_array(), v[1].as_text()) else {
            return Ok(Value::Null);
        };
        let element = PgType::Base(types[0].element().unwrap_or(Base::Text));
        let null = v.get(2).and_then(Value::as_text);
        let part = |item: &Value| match item {
            Value::Null => null.map(str::to_owned),
            item => Some(shown(session, item, &element)),
        };
        let parts: Vec<String> = array.items.iter().filter_map(part).collect();
        Ok(Value::text(parts.join(separator)))
    })
    .optional(1)
    .lenient(),
    Function::new("string_to_array", &[Text, Text, Text], PgType::Array(Base::Text), |_, v, _| {
        let Some(subject) = v[0].as_text() else { return Ok(Value::Null) };
        let null = v.get(2).and_then(Value::as_text);
        Ok(Value::array(split(subject, v[1].as_text(), null)))
    })
    .optional(1)
    .lenient(),
    Function::new(
        "regexp_split_to_array",
        &[Text, Text],
        PgType::Array(Base::Text),
        |session, v, _| {
            let regex = session.regex(text(&v[1]), false)?;
            Ok(Value::array(regex.split(text(&v[0])).map(Value::text).collect()))
        },
    ),
    Function::new("array_append", &[AnyArray, Any], PgType::Unknown, |_, v, _| {
        let mut all = items(&v[0]).to_vec();
        all.push(v[1].clone());
        Ok(with_lower(&v[0], all))
    })
    .lenient()
    .returning(Returns::Argument(0)),
    Function::new("array_prepend", &[Any, AnyArray], PgType::Unknown, |_, v, _| {
        let all = std::iter::once(&v[0]).chain(items(&v[1])).cloned().collect();
        Ok(Value::array(all))
    })
    .lenient()
    .returning(Returns::Argument(1)),
    Function::new("array_cat", &[AnyArray, AnyArray], PgType::Unknown, |_, v, _| {
        Ok(match (&v[0], &v[1]) {
            (Value::Null, other) | (other, Value::Null) => other.clone(),
            (left, right) => {
                let all = items(left).iter().chain(items(right)).cloned().collect();
                with_lower(left, all)
            }
        })
    })
    .lenient()
    .returning(Returns::Argument(0)),
    Function::new("array_remove", &[AnyArray, Any], PgType::Unknown, |_, v, _| {
        if v[0].is_null() {
            return Ok(Value::Null);
        }
        let kept = items(&v[0]).iter().filter(|item| **item != v[1]).cloned().collect();
        Ok(Value::array(kept))
    })
    .lenient()
    .returning(Returns::Argument(0)),
    Function::new("array_position", &[AnyArray, Any], PgType::Int4, |_, v, _| {
        let lower = v[0].as_array().map_or(1, |array| array.lower);
        let found = items(&v[0]).iter().position(|item| *item == v[1]);
        Ok(found.map_or(Value::Null, |at| Value::Int(lower + i64::try_from(at).unwrap_or(0))))
    })
    .lenient(),
    Function::new("array_positions", &[AnyArray, Any], PgType::Array(Base::Int4), |_, v, _| {
        let lower = v[0].as_array().map_or(1, |array| array.lower);
        let matching = items(&v[0]).iter().zip(lower..).filter(|(item, _)| **item == v[1]);
        Ok(Value::array(matching.map(|(_, subscript)| Value::Int(subscript)).collect()))
    })
    .lenient(),
    Function::new("arraycontains", &[AnyArray, AnyArray], PgType::Bool, |_, v, _| {
        let all = items(&v[1]).iter().all(|item| !item.is_null() && items(&v[0]).contains(item));
        Ok(Value::Bool(all))
    }),
    Function::new("arrayoverlap", &[AnyArray, AnyArray], PgType::Bool, |_, v, _| {
        let any = items(&v[1]).iter().any(|item| !item.is_null() && items(&v[0]).contains(item));
        Ok(Value::Bool(any))
    }),
    Function::new("array_fill", &[Any, AnyArray], PgType::Unknown, |_, v, _| {
        /// Elements that a filled array may have.
        const ITEM_COUNT_MAX: usize = 1 << 16;
        let [length] = items(&v[1]) else { return Err(mismatch("array_fill")) };
        let length = length.as_int().and_then(|length| usize::try_from(length).ok());
        match length.filter(|length| *length <= ITEM_COUNT_MAX) {
            Some(length) => Ok(Value::array(vec![v[0].clone(); length])),
            None => {
                Err(SqlError::new(SqlState::ProgramLimitExceeded, "array size exceeds the maximum"))
            }
        }
    })
    .returning(Returns::ArrayOf(0)),
];

/// The elements; none for NULL.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], |array| &array.items)
}

fn count(items: &[Value]) -> i64 {
    i64::try_from(items.len()).unwrap_or(i64::MAX)
}

/// `of` the array for its first dimension, NULL for others and for an empty array.
fn dimension(values: &[Value], of: impl Fn(&Array) -> Value) -> Value {
    match (values[0].as_array(), values[1].as_int()) {
        (Some(array), Some(1)) if !array.items.is_empty() => of(array),
        _ => Value::Null,
    }
}

/// An array of `items` whose subscripts begin where those of `like` do.
fn with_lower(like: &Value, items: Vec<Value>) -> Value {
    let lower = like.as_array().map_or(1, |array| array.lower);
    Value::Array(Arc::new(Array { lower, items }))
}

/// The parts between `separator`; single characters without one. Parts equal to `null` are NULL.
pub(super) fn split(subject: &str, separator: Option<&str>, null: Option<&str>) -> Vec<Value> {
    let part = |part: &str| if Some(part) == null { Value::Null } else { Value::text(part) };
    if subject.is_empty() {
        return Vec::new();
    }
    match separator {
        None => subject.chars().map(|c| part(c.encode_utf8(&mut [0; 4]))).collect(),
        Some("") => vec![part(subject)],
        Some(separator) => subject.split(separator).map(part).collect(),
    }
}
