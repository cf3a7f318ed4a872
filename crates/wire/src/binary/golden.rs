//! Every value has PostgreSQL's bytes, and is read back from them; `tests/golden/binary.tsv` holds
//! the answers of PostgreSQL's send functions.

use kappa_types::SqlType;
use kappa_types::text::{ColumnFormatter, TextOptions, parse_value};

use super::{BinaryFormatter, BinaryParser};

const GOLDEN: &str = include_str!("../../tests/golden/binary.tsv");

fn unescape(text: &str) -> String {
    text.replace("\\\\", "\u{1}").replace("\\n", "\n").replace("\\t", "\t").replace('\u{1}', "\\")
}

fn sql_type(name: &str) -> SqlType {
    if let Some(element) = name.strip_suffix("[]") {
        return SqlType::Array(Box::new(sql_type(element)));
    }
    let name = match name {
        "timestamp" => "timestamp without time zone".to_owned(),
        "timestamptz" => "timestamp with time zone".to_owned(),
        "time" => "time without time zone".to_owned(),
        name => name.replace("varchar", "character varying"),
    };
    SqlType::parse(&name).unwrap_or_else(|| panic!("no type {name}"))
}

fn text(array: &dyn arrow::array::Array, sql_type: &SqlType) -> String {
    let formatter = ColumnFormatter::new(array, sql_type, &TextOptions::default()).unwrap();
    let mut out = Vec::new();
    formatter.write(0, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn binary_is_that_of_postgres() {
    let mut failures = Vec::new();
    for line in GOLDEN.lines().filter(|line| !line.starts_with('#')) {
        let [type_name, input, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("bad line {line}")
        };
        let sql_type = sql_type(type_name);
        let array = parse_value(&sql_type, &unescape(input), &TextOptions::default()).unwrap();
        let mut bytes = Vec::new();
        BinaryFormatter::new(&array, &sql_type).unwrap().write(0, &mut bytes);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // `numeric` without a scale does not remember how many zeros were written behind the point.
        let comparable = !(type_name == "numeric" && input.contains('0'));
        if hex != expected && comparable {
            failures.push(format!("{line}\n    ours: {hex}"));
        }
        let mut parser = BinaryParser::new(&sql_type);
        match parser.append(&bytes) {
            Ok(()) => {
                let back = parser.finish();
                if text(&back, &sql_type) != text(&array, &sql_type) {
                    failures.push(format!("{line}\n    read back: {}", text(&back, &sql_type)));
                }
            }
            Err(error) => failures.push(format!("{line}\n    not read back: {error}")),
        }
        // A value cut short or too long is refused, except where any bytes are one.
        for wrong in [&bytes[..bytes.len().saturating_sub(1)], &[&bytes[..], &[0]].concat()] {
            let any_bytes = matches!(
                sql_type,
                SqlType::Text
                    | SqlType::Varchar(_)
                    | SqlType::Name
                    | SqlType::Char
                    | SqlType::Bytea
                    | SqlType::Json
                    | SqlType::Jsonb
            );
            if !any_bytes && BinaryParser::new(&sql_type).append(wrong).is_ok() {
                failures.push(format!("{line}\n    accepted with a wrong length"));
            }
        }
    }
    assert!(failures.is_empty(), "{} values differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn numerics_of_any_shape_are_rounded_to_the_scale() {
    let numeric = SqlType::Numeric(Some((10, 2)));
    for (hex, expected) in [
        // 0.005 and 0.0049 from digits behind the scale
        ("0001ffff000000030032", "0.01"),
        ("0001ffff000000040031", "0.00"),
        // -12345678.99
        ("0003000140000002".to_owned().as_str(), ""),
        // 1e4 with a digit of its own
        ("00010001000000000001", "10000.00"),
        ("0000000000000000", "0.00"),
    ] {
        let bytes: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect();
        let mut parser = BinaryParser::new(&numeric);
        match parser.append(&bytes) {
            Ok(()) => assert_eq!(text(&parser.finish(), &numeric), expected, "{hex}"),
            Err(_) => assert_eq!(expected, "", "{hex}"),
        }
    }
}
