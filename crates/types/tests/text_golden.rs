//! Every input text is read and written as PostgreSQL 15 reads and writes it, or refused with the
//! same code and message. `golden/text.tsv` holds PostgreSQL's answers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests and examples fail by panicking, and tell their story in one place"
)]

use kappa_types::SqlType;
use kappa_types::text::{ColumnFormatter, TextOptions, named_zone, parse_value};

/// Where we differ on purpose: type, input, and our answer.
const DIFFERENCES: &str = include_str!("golden/text_differences.tsv");
const GOLDEN: &str = include_str!("golden/text.tsv");

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(other) => out.push(other),
                None => panic!("a lone backslash in {text}"),
            },
            other => out.push(other),
        }
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
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

fn answer(type_name: &str, zone: &str, input: &str) -> String {
    let sql_type = sql_type(type_name);
    let options =
        TextOptions { time_zone: named_zone(zone).expect("a zone"), ..TextOptions::default() };
    match parse_value(&sql_type, input, &options) {
        Ok(array) => {
            let formatter = ColumnFormatter::new(&array, &sql_type, &options).expect("a formatter");
            let mut out = Vec::new();
            formatter.write(0, &mut out);
            format!("ok\t{}", escape(&String::from_utf8(out).expect("output is UTF-8")))
        }
        Err(error) => format!(
            "{}\t{}\t{}\t{}",
            error.state.code(),
            escape(&error.message),
            escape(error.detail.as_deref().unwrap_or_default()),
            escape(error.hint.as_deref().unwrap_or_default())
        ),
    }
}

#[test]
fn text_is_read_and_written_as_postgres_does() {
    let mut failures = Vec::new();
    let mut differences: Vec<&str> =
        DIFFERENCES.lines().filter(|line| !line.starts_with('#')).collect();
    for line in GOLDEN.lines().filter(|line| !line.starts_with('#')) {
        let parts: Vec<&str> = line.splitn(4, '\t').collect();
        let [type_name, zone, input, expected] = parts[..] else { panic!("bad line {line}") };
        let got = answer(type_name, zone, &unescape(input));
        if got == expected {
            continue;
        }
        let ours = format!("{type_name}\t{zone}\t{input}\t{got}");
        match differences.iter().position(|known| *known == ours) {
            Some(known) => drop(differences.remove(known)),
            None => failures.push(format!("{ours}\n    postgres: {expected}")),
        }
    }
    assert!(failures.is_empty(), "{} answers differ:\n{}", failures.len(), failures.join("\n"));
    assert!(differences.is_empty(), "differences that are none: {differences:?}");
}
