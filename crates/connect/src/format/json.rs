//! JSON: one object per line, its members as Postgres input text.
//!
//! The one idea: the rules are those of Postgres' `jsonb_populate_record`. A scalar goes through the
//! text input of its column's type, so `"12"` is an integer and `"x"` is not; arrays fill array
//! columns; in any other column an object or array stands as its JSON text.

use std::borrow::Cow;

use kappa_types::{Schema, SqlType};
use serde_json::{Map, Value};

/// How a JSON value becomes the text of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// json and jsonb: the value as it is; a JSON null is NULL.
    Json,
    /// Arrays: as a Postgres array literal.
    Array,
    /// The rest: strings without quotes, others as JSON text.
    Plain,
}

/// The members that columns are read from.
#[derive(Debug)]
pub(super) struct Members {
    columns: Vec<(String, Kind)>,
}

impl Members {
    /// Members have the names of the columns.
    pub(super) fn new(schema: &Schema) -> Self {
        let columns = schema.columns.iter().map(|column| {
            let kind = match &column.sql_type {
                SqlType::Json | SqlType::Jsonb => Kind::Json,
                SqlType::Array(_) => Kind::Array,
                _ => Kind::Plain,
            };
            (column.name.clone(), kind)
        });
        Self { columns: columns.collect() }
    }

    /// The text of column `index` in `object`.
    pub(super) fn text<'a>(
        &self,
        object: &'a Map<String, Value>,
        index: usize,
    ) -> Option<Cow<'a, [u8]>> {
        let (name, kind) = &self.columns[index];
        let value = object.get(name)?;
        match (kind, value) {
            (_, Value::Null) => None,
            (Kind::Array, Value::Array(values)) => Some(Cow::Owned(array(values).into_bytes())),
            (Kind::Array | Kind::Plain, Value::String(text)) => {
                Some(Cow::Borrowed(text.as_bytes()))
            }
            (_, value) => Some(Cow::Owned(value.to_string().into_bytes())),
        }
    }
}

/// The object on a line; a reason if it holds something else.
pub(super) fn parse(line: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(line) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("the line is not a JSON object".to_owned()),
        Err(error) => Err(format!("invalid JSON: {error}")),
    }
}

/// `{1,"a b",NULL,{2}}`: every element quoted but numbers, booleans and nested arrays.
fn array(values: &[Value]) -> String {
    let element = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Array(values) => array(values),
        Value::String(text) => quoted(text),
        Value::Object(_) => quoted(&value.to_string()),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    };
    format!("{{{}}}", values.iter().map(element).collect::<Vec<_>>().join(","))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
