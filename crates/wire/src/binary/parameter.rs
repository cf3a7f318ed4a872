//! Parameters of Bind, in either form.

use arrow::array::ArrayRef;
use kappa_types::text::{ColumnParser, TextOptions};
use kappa_types::{SqlError, SqlType};

use super::BinaryParser;

/// Decodes a parameter into an array of length 1; `None` is NULL.
///
/// # Errors
/// What the type's input or receive function answers.
pub(crate) fn decode_parameter(
    sql_type: &SqlType,
    value: Option<&[u8]>,
    is_binary: bool,
    options: &TextOptions,
) -> Result<ArrayRef, SqlError> {
    if is_binary {
        let mut parser = BinaryParser::new(sql_type);
        match value {
            Some(value) => parser.append(value)?,
            None => parser.append_null(),
        }
        return Ok(parser.finish());
    }
    let mut parser = ColumnParser::new(sql_type, options);
    match value {
        Some(value) => parser.append_bytes(value)?,
        None => parser.append_null(),
    }
    Ok(parser.finish())
}
