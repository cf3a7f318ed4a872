//! [`jsonb_order`]: bytes that compare as jsonb values do.
//!
//! ```text
//! value   tag, then                       null < string < number < boolean < array < object
//! string  bytes, 0 as 0 255, then 0 0
//! number  sign, exponent, digits + 1, 0   all but the sign inverted below zero
//! array   count, elements                 more elements are greater
//! object  count, (key, value)...          keys as jsonb keeps them: short ones first
//! ```
//! Source: PostgreSQL 15, compareJsonbContainers in jsonb_util.c, with its exception that an empty
//! array as the whole document is less than null. Text compares by bytes.

use kappa_types::SqlError;
use serde_json::Value;

use super::json::parse;

/// An empty array that is the whole document.
const EMPTY: u8 = 0;
const NULL: u8 = 1;
const STRING: u8 = 2;
const NUMBER: u8 = 3;
const BOOLEAN: u8 = 4;
const ARRAY: u8 = 5;
const OBJECT: u8 = 6;

/// The bytes of a document.
///
/// # Errors
/// 22P02 if it is none.
pub(super) fn jsonb_order(document: &str) -> Result<Vec<u8>, SqlError> {
    let value = parse(document)?;
    let mut out = Vec::with_capacity(document.len() + 8);
    match &value {
        Value::Array(elements) if elements.is_empty() => out.push(EMPTY),
        value => write(value, &mut out),
    }
    Ok(out)
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(NULL),
        Value::String(text) => {
            out.push(STRING);
            write_text(text, out);
        }
        Value::Number(number) => {
            out.push(NUMBER);
            write_number(&number.to_string(), out);
        }
        Value::Bool(value) => out.extend([BOOLEAN, u8::from(*value)]),
        Value::Array(elements) => {
            out.push(ARRAY);
            write_count(elements.len(), out);
            elements.iter().for_each(|element| write(element, out));
        }
        Value::Object(members) => {
            out.push(OBJECT);
            write_count(members.len(), out);
            for (key, value) in members {
                write_text(key, out);
                write(value, out);
            }
        }
    }
}

fn write_count(count: usize, out: &mut Vec<u8>) {
    out.extend((count as u64).to_be_bytes());
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        out.push(byte);
        if byte == 0 {
            out.push(255);
        }
    }
    out.extend([0, 0]);
}

/// A decimal number as sign, exponent and digits: 0.d1d2… times ten to the exponent.
fn write_number(number: &str, out: &mut Vec<u8>) {
    let (negative, number) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes()).map(|digit| digit - b'0');
    let leading = digits().take_while(|digit| *digit == 0).count();
    let mut digits: Vec<u8> = digits().skip(leading).map(|digit| digit + 1).collect();
    while digits.last() == Some(&1) {
        digits.pop();
    }
    if digits.is_empty() {
        out.push(1);
        return;
    }
    let exponent = exponent.parse::<i64>().unwrap_or(0) + whole.len() as i64 - leading as i64;
    let mut bytes = exponent.wrapping_sub(i64::MIN).to_be_bytes().to_vec();
    bytes.extend(digits);
    bytes.push(0);
    if negative {
        out.push(0);
        out.extend(bytes.iter().map(|byte| !byte));
    } else {
        out.push(2);
        out.extend(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::jsonb_order;

    #[test]
    fn documents_sort_as_in_postgresql() {
        // SELECT j FROM … ORDER BY j::jsonb, on PostgreSQL 15.
        let sorted = [
            "[]",
            "null",
            r#""""#,
            r#""a""#,
            r#""a\u0001""#,
            r#""ab""#,
            "-1000.5",
            "-10",
            "-9.99",
            "-0.001",
            "0",
            "0.001",
            "0.01",
            "1",
            "1.5",
            "10",
            "10.01",
            "200",
            "false",
            "true",
            "[1]",
            "[1, 2]",
            "[2, 1]",
            "[1, 1, 1]",
            "{}",
            r#"{"a": 1}"#,
            r#"{"a": 2}"#,
            r#"{"b": 1}"#,
            r#"{"a": 1, "b": 2}"#,
        ];
        let keys: Vec<_> = sorted.iter().map(|text| jsonb_order(text).expect("json")).collect();
        for (pair, texts) in keys.windows(2).zip(sorted.windows(2)) {
            assert!(pair[0] < pair[1], "{texts:?}");
        }
    }

    #[test]
    fn equal_numbers_have_equal_bytes() {
        for same in [["1", "1.00"], ["100", "1e2"], ["0", "-0.0"], ["0.5", "5e-1"]] {
            let [left, right] = same.map(|text| jsonb_order(text).expect("json"));
            assert_eq!(left, right, "{same:?}");
        }
    }
}
