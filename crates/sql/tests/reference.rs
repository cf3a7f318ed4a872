//! The reference page of functions is written from the lists in the code. With `KAPPA_UPDATE=1` this test
//! writes it; without, it fails when the page is stale. The examples are run with the other pages.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests and examples fail by panicking, and tell their story in one place"
)]

use std::fmt::Write;
use std::path::Path;

use kappa_sql::{FunctionFamily, FunctionInfo, FunctionRegistry};

const PAGE: &str = "../../docs/reference/functions.md";

const HEAD: &str = "# Functions\n\n\
    <!-- Written by crates/sql/tests/reference.rs with KAPPA_UPDATE=1; do not edit. -->\n\n\
    Names, results and errors are those of PostgreSQL 15, where this page says nothing else.\n\
    What a function does with NULL is PostgreSQL's too: most give NULL if an argument is NULL.\n\
    An example is what stands after SELECT, and its answer; several rows stand side by side.\n\
    Every example here is run.\n\n\
    `any` is any type, in one signature always the same.\n\
    Functions about the catalogue and the session (`version`, `current_user`, `current_setting`, \
    `format_type`, `pg_get_viewdef`, `has_table_privilege` and their like) are PostgreSQL's; they are \
    answered in queries that read nothing or only the system catalogue.\n\
    Which functions a view may use is in [CREATE MATERIALIZED VIEW](statements/create-materialized-view.md).\n";

const BEYOND: &str = "These are computed by DataFusion as its documentation says.\n\
    They are no part of what is compared with PostgreSQL, and their types and errors may change with it.\n";

/// A cell of a table: bars in it are no ends of cells.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn row(page: &mut String, function: &FunctionInfo) {
    let mut calls: Vec<String> =
        function.signatures.iter().map(|text| format!("`{}`", cell(text))).collect();
    if calls.is_empty() {
        calls.push(format!("`{}`", cell(&function.names[0])));
    }
    let shown = |name: &&String| !function.signatures.iter().any(|call| call.contains(*name));
    let others = function.names.iter().skip(1).filter(shown).map(|name| format!("`{name}`"));
    let others: Vec<String> = others.collect();
    let mut doc = cell(&function.doc);
    if !others.is_empty() {
        write!(doc, " Also {}.", others.join(", ")).expect("a String takes everything");
    }
    writeln!(page, "| {} | {doc} |", calls.join("<br>")).expect("a String takes everything");
}

fn section(page: &mut String, family: &FunctionFamily) {
    write!(page, "\n## {}\n\n", family.title).expect("a String takes everything");
    let examples: Vec<_> = family.functions.iter().filter_map(|f| f.example).collect();
    if examples.is_empty() {
        page.push_str(&format!("{BEYOND}\n"));
    }
    page.push_str("| function | |\n|---|---|\n");
    for function in &family.functions {
        assert!(!function.doc.is_empty(), "{:?} has no doc", function.names);
        row(page, function);
    }
    if examples.is_empty() {
        return;
    }
    page.push_str("\n```examples\n");
    for (call, answer) in examples {
        writeln!(page, "{call} → {answer}").expect("a String takes everything");
    }
    page.push_str("```\n");
}

#[test]
fn the_page_is_what_the_code_says() {
    let mut page = HEAD.to_owned();
    for family in FunctionRegistry::default().reference() {
        section(&mut page, &family);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if std::env::var_os("KAPPA_UPDATE").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let found = std::fs::read_to_string(&path).expect("the page is there");
    assert_eq!(found, page, "the page is stale: KAPPA_UPDATE=1 cargo test --workspace");
}
