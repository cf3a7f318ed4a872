//! The reference page of errors is written from the list in the code. With `KAPPA_UPDATE=1` this test
//! writes it; without, it fails when the page is stale.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests and examples fail by panicking, and tell their story in one place"
)]

use std::fmt::Write;
use std::path::Path;

use kappa_types::SqlState;

const PAGE: &str = "../../docs/reference/errors.md";

const HEAD: &str = "# Errors\n\n\
    <!-- Written by crates/types/tests/reference.rs with KAPPA_UPDATE=1; do not edit. -->\n\n\
    Every error has an SQLSTATE, and codes and conditions are those of PostgreSQL 15.\n\
    These are all that the server answers.\n\
    A row of a view whose expression fails is no error of a statement: it is in `kappa_errors` with its \
    code, until its input is corrected.\n\n\
    | code | condition | when | what to do |\n|---|---|---|---|\n";

#[test]
fn the_page_is_what_the_code_says() {
    let mut states = SqlState::ALL.to_vec();
    states.sort_by_key(|state| state.code());
    let mut page = HEAD.to_owned();
    for state in states {
        let (code, condition) = (state.code(), state.condition());
        writeln!(page, "| `{code}` | `{condition}` | {} | {} |", state.meaning(), state.remedy())
            .expect("a String takes everything");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if std::env::var_os("KAPPA_UPDATE").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let found = std::fs::read_to_string(&path).expect("the page is there");
    assert_eq!(found, page, "the page is stale: KAPPA_UPDATE=1 cargo test --workspace");
}
