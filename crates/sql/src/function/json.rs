//! json and jsonb: access to parts.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, LargeStringBuilder, StringViewBuilder};
use arrow::datatypes::Int32Type;
use kappa_types::text::normalize_jsonb;
use kappa_types::{SqlError, SqlState, SqlType};
use serde_json::Value;

use super::entry::Function;
use super::kernel::Arguments;
use super::rows::{rows, rows_text};

/// The functions of this family.
pub(super) fn functions() -> Vec<Function> {
    const TEXT: SqlType = SqlType::Text;
    const INTEGER: SqlType = SqlType::Integer;
    let path = || SqlType::Array(Box::new(TEXT));
    let both = [SqlType::Json, SqlType::Jsonb];
    vec![
        Function::new(
            "->",
            "A field by name or an element counted from 0, as JSON.",
            ("'{\"a\": [1, 2]}'::jsonb -> 'a'", "[1, 2]"),
        )
        .each(both.clone(), |f, t| {
            f.takes(&[t.clone(), TEXT], t.clone(), field).takes(&[t.clone(), INTEGER], t, element)
        }),
        Function::new("->>", "The same, as text.", ("'{\"a\": \"x\"}'::jsonb ->> 'a'", "x"))
            .each(both.clone(), |f, t| {
                f.takes(&[t.clone(), TEXT], TEXT, field).takes(&[t, INTEGER], TEXT, element)
            }),
        Function::new(
            "#>",
            "What is at a path, as JSON.",
            ("'{\"a\": {\"b\": [1]}}'::jsonb #> '{a,b}'", "[1]"),
        )
        .each(both.clone(), |f, t| f.takes(&[t.clone(), path()], t, at_path)),
        Function::new(
            "#>>",
            "The same, as text.",
            ("'{\"a\": {\"b\": [1]}}'::jsonb #>> '{a,b,0}'", "1"),
        )
        .each(both, |f, t| f.takes(&[t, path()], TEXT, at_path)),
        Function::new(
            "?",
            "Whether it has a key or a text as an element.",
            ("'{\"a\": 1}'::jsonb ? 'a'", "t"),
        )
        .takes(&[SqlType::Jsonb, TEXT], SqlType::Boolean, has_key),
        Function::new(
            "jsonb_typeof",
            "object, array, string, number, boolean or null.",
            ("jsonb_typeof('[1]')", "array"),
        )
        .takes(&[SqlType::Jsonb], TEXT, type_of),
        Function::new("json_typeof", "The same of json.", ("json_typeof('1')", "number")).takes(
            &[SqlType::Json],
            TEXT,
            type_of,
        ),
        Function::new(
            "jsonb_array_length",
            "How many elements an array has.",
            ("jsonb_array_length('[1, 2]')", "2"),
        )
        .takes(&[SqlType::Jsonb], INTEGER, array_length),
        Function::new(
            "json_array_length",
            "The same of json.",
            ("json_array_length('[1, 2]')", "2"),
        )
        .takes(&[SqlType::Json], INTEGER, array_length),
    ]
}

/// A document as a value.
///
/// # Errors
/// 22P02 if it is none.
pub(super) fn parse(text: &str) -> Result<Value, SqlError> {
    serde_json::from_str(text).map_err(|error| {
        SqlError::new(SqlState::InvalidTextRepresentation, "invalid input syntax for type json")
            .with_detail(error.to_string())
    })
}

/// The part of each document that `find` gives, as json or as text.
fn parts(
    args: &Arguments<'_>,
    find: impl for<'v> Fn(usize, &'v Value) -> Option<&'v Value>,
) -> Result<ArrayRef, SqlError> {
    let documents = args.arrays[0].as_string::<i64>();
    let as_text = *args.returns == SqlType::Text;
    let mut texts = StringViewBuilder::new();
    let mut jsons = LargeStringBuilder::new();
    for row in 0..args.row_count {
        let mut part = None;
        if !args.any_null(row) {
            let document = parse(documents.value(row))?;
            part = match find(row, &document) {
                Some(Value::Null) if as_text => None,
                Some(Value::String(text)) if as_text => Some(text.clone()),
                Some(found) => {
                    let text = found.to_string();
                    let keep = *args.types.first().unwrap_or(&SqlType::Json) == SqlType::Json;
                    Some(if keep { text } else { normalize_jsonb(&text)? })
                }
                None => None,
            };
        }
        if as_text {
            texts.append_option(part);
        } else {
            jsons.append_option(part);
        }
    }
    if as_text { Ok(Arc::new(texts.finish())) } else { Ok(Arc::new(jsons.finish())) }
}

fn field(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let keys = args.text(1);
    parts(args, |row, document| document.as_object()?.get(keys.value(row)))
}

/// Element number `index`, from the end if negative.
fn nth(document: &Value, index: i64) -> Option<&Value> {
    let array = document.as_array()?;
    let length = i64::try_from(array.len()).ok()?;
    let index = if index < 0 { index + length } else { index };
    array.get(usize::try_from(index).ok()?)
}

fn element(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let indices = args.primitive::<Int32Type>(1);
    parts(args, |row, document| nth(document, i64::from(indices.value(row))))
}

fn at_path(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let paths = args.arrays[1].as_list::<i32>();
    parts(args, |row, document| {
        let path = paths.value(row);
        let mut place = document;
        for key in path.as_string_view() {
            let key = key?;
            place = match place {
                Value::Object(map) => map.get(key)?,
                Value::Array(_) => nth(place, key.parse().ok()?)?,
                _ => return None,
            };
        }
        Some(place)
    })
}

fn type_of(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let documents = args.arrays[0].as_string::<i64>();
    rows_text(args, |row, out| {
        out.push_str(match parse(documents.value(row))? {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        });
        Ok(true)
    })
}

fn array_length(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let documents = args.arrays[0].as_string::<i64>();
    rows::<Int32Type>(args, |row| match parse(documents.value(row))? {
        Value::Array(array) => Ok(i32::try_from(array.len()).unwrap_or(i32::MAX)),
        Value::Object(_) => Err(SqlError::new(
            SqlState::InvalidParameterValue,
            "cannot get array length of a non-array",
        )),
        _ => Err(SqlError::new(
            SqlState::InvalidParameterValue,
            "cannot get array length of a scalar",
        )),
    })
}

fn has_key(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let documents = args.arrays[0].as_string::<i64>();
    let keys = args.text(1);
    super::rows::rows_boolean(args, |row| {
        let key = keys.value(row);
        Ok(Some(match parse(documents.value(row))? {
            Value::Object(map) => map.contains_key(key),
            Value::Array(array) => array.iter().any(|item| item.as_str() == Some(key)),
            Value::String(text) => text == key,
            _ => false,
        }))
    })
}
