//! Types and values of expressions, against the answers of PostgreSQL 15 in
//! `data/expressions.tsv`: expression, type, value, or expression, `!` and SQLSTATE, message.
//!
//! A line that begins with `~` gives our answer to the expression above it where it differs on
//! purpose: type, value, and why.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests and examples fail by panicking, and tell their story in one place"
)]

mod support;

use support::{planner, query, rows};

struct Case<'a> {
    expression: &'a str,
    first: &'a str,
    second: &'a str,
}

fn cases(data: &str) -> Vec<Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for line in data.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields.as_slice() {
            [comment] if comment.is_empty() || comment.starts_with('#') => {}
            ["~", first, second, _why] => {
                let last = cases.last_mut().expect("~ stands below a case");
                (last.first, last.second) = (first, second);
            }
            [expression, first, second] => cases.push(Case { expression, first, second }),
            _ => panic!("not a case: {line:?}"),
        }
    }
    cases
}

#[tokio::test]
async fn expressions_have_the_types_and_values_of_postgres() {
    let data = include_str!("data/expressions.tsv");
    let planner = planner(support::catalog());
    let mut wrong = Vec::new();
    let cases = cases(data);
    assert!(cases.len() > 300, "only {} cases", cases.len());
    for case in &cases {
        let text = format!("select {}", case.expression);
        let answer = match query(&planner, &text) {
            Ok(bound) => match rows(&bound).await {
                Ok(rows) => {
                    let value = rows[0][0].clone().unwrap_or_else(|| "NULL".to_owned());
                    (plain(&bound.columns[0].1.name()), value)
                }
                Err(error) => (format!("!{}", error.state.code()), error.message),
            },
            Err(error) => (format!("!{}", error.state.code()), error.message),
        };
        if (answer.0.as_str(), answer.1.as_str()) != (case.first, case.second) {
            wrong.push(format!(
                "{}\n  want {} {}\n  have {} {}",
                case.expression, case.first, case.second, answer.0, answer.1
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// As `pg_typeof` says it: without modifiers.
fn plain(name: &str) -> String {
    match name.split_once('(') {
        Some((head, tail)) => {
            let rest = tail.split_once(')').map_or("", |(_, rest)| rest);
            format!("{head}{rest}")
        }
        None => name.to_owned(),
    }
}
