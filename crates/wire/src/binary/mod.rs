//! The binary form of SQL values, as PostgreSQL's send and receive functions have it.
//!
//! Big-endian integers and floats; times in microseconds and days since 2000-01-01; numeric in
//! digits of base 10,000; jsonb with a version byte; arrays with their element's OID.

mod format;
#[cfg(test)]
mod golden;
mod numeric;
mod parse;

use arrow::array::ArrayRef;
use kappa_types::text::{ColumnParser, TextOptions};
use kappa_types::{SqlError, SqlType};

pub(crate) use format::BinaryFormatter;
pub(crate) use parse::{BinaryParser, MALFORMED};

/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i32 = 10_957;
/// Microseconds from 1970-01-01 to 2000-01-01.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

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
