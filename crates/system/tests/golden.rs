//! What clients send, and what they must be answered.
//!
//! Each file of `tests/data` is a list of cases:
//! ```text
//! query, over any number of lines
//! $1 = value        (parameters, if any)
//! ----
//! name type | name type
//! value | value
//! ====
//! ```
//! `UPDATE=1 cargo test` writes the answers anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests and examples fail by panicking, and tell their story in one place"
)]

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use kappa_system::SystemContext;

fn answer(context: &SystemContext, query: &str) -> String {
    let (text, parameters): (Vec<&str>, Vec<&str>) =
        query.lines().partition(|line| !(line.starts_with('$') && line.contains(" = ")));
    let value = |line: &&str| line.split_once(" = ").map(|(_, value)| value.to_owned()).unwrap();
    let parameters: Vec<String> = parameters.iter().map(value).collect();
    let parameters: Vec<Option<&str>> =
        parameters.iter().map(|value| (value != "NULL").then_some(value.as_str())).collect();
    let (columns, batch) = match support::run(context, &text.join("\n"), &parameters) {
        Ok(answer) => answer,
        Err(error) => {
            let position = error.position.map(|at| format!(" at {at}")).unwrap_or_default();
            return format!("ERROR {} {}{position}\n", error.state.code(), error.message);
        }
    };
    let header: Vec<String> = columns.iter().map(|(name, ty)| format!("{name} {ty}")).collect();
    let mut result = header.join(" | ") + "\n";
    for row in support::text_rows(&columns, &batch) {
        let cells = row.into_iter().map(|cell| cell.unwrap_or_else(|| "NULL".to_owned()));
        let cells: Vec<String> = cells.map(|cell| cell.replace('\n', "\\n")).collect();
        writeln!(result, "{}", cells.join(" | ")).unwrap();
    }
    result
}

fn check_file(path: &Path) {
    let context = support::context();
    let text = std::fs::read_to_string(path).unwrap();
    let mut written = String::new();
    let mut wrong = Vec::new();
    for case in text.split("====\n").filter(|case| !case.trim().is_empty()) {
        let (query, expected) = case.split_once("----\n").unwrap_or((case, ""));
        let actual = answer(&context, query.trim_end());
        if actual != expected {
            wrong.push(format!("{query}\nexpected\n{expected}\ngot\n{actual}"));
        }
        write!(written, "{}\n----\n{actual}====\n", query.trim_end()).unwrap();
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, written).unwrap();
        return;
    }
    assert!(wrong.is_empty(), "{}: {}", path.display(), wrong.join("\n"));
}

#[test]
fn clients_are_answered_as_postgres_would() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 5, "the folder of cases is there");
    files.iter().for_each(|path| check_file(path));
}

#[test]
fn every_system_relation_has_rows_of_its_schema() {
    let context = support::context();
    for relation in ["pg_class", "pg_attribute", "pg_type", "pg_proc", "pg_index", "pg_database"] {
        let schema = kappa_system::relation_schema(None, relation).unwrap();
        let rows = kappa_system::relation_rows(&context, "pg_catalog", relation).unwrap();
        assert_eq!(rows.num_columns(), schema.columns.len());
        assert!(rows.num_rows() > 0, "{relation}");
    }
    let columns = kappa_system::relation_schema(Some("information_schema"), "columns").unwrap();
    assert_eq!(columns.index_of("column_name"), Some(3));
    assert!(kappa_system::relation_schema(None, "columns").is_none());
}

#[test]
fn functions_can_be_called_outside_of_the_evaluator() {
    use arrow::array::{ArrayRef, AsArray, StringViewArray};
    use kappa_system::ScalarFunction;
    use kappa_types::SqlType;
    use std::sync::Arc;
    let context = support::context();
    let names: ArrayRef = Arc::new(StringViewArray::from(vec![Some("Orders"), None]));
    let quote = ScalarFunction::find("quote_ident", &[SqlType::Text]).unwrap();
    assert_eq!(quote.returns(), SqlType::Text);
    let quoted = quote.evaluate(&context, &[names], 2).unwrap();
    let quoted: Vec<_> = quoted.as_string_view().iter().collect();
    assert_eq!(quoted, [Some("\"Orders\""), None]);
    let table: ArrayRef = Arc::new(StringViewArray::from(vec!["orders"]));
    let size = ScalarFunction::find("pg_table_size", &[SqlType::Text]).unwrap();
    let size = size.evaluate(&context, &[table], 1).unwrap();
    assert_eq!(size.as_primitive::<arrow::datatypes::Int64Type>().value(0), 16_384);
}
