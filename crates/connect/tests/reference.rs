//! The reference page of connectors and formats is written from the lists in the code. With
//! `KAPPA_UPDATE=1` this test writes it; without, it fails when the page is stale.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests and examples fail by panicking, and tell their story in one place"
)]

use std::fmt::Write;
use std::path::Path;

use kappa_connect::{OptionInfo, connectors, formats};

const PAGE: &str = "../../docs/reference/connectors.md";

const HEAD: &str = "# Connectors and formats\n\n\
    <!-- Written by crates/connect/tests/reference.rs with KAPPA_UPDATE=1; do not edit. -->\n\n\
    A source with a connector reads from outside: `CREATE SOURCE name (columns) WITH (connector = \
    '…', option = value, …) FORMAT PLAIN ENCODE format`.\n\
    Columns are found by name; what the outside does not have is NULL, and generated columns are \
    computed as for any row.\n";

fn options(page: &mut String, options: &[OptionInfo]) {
    if options.is_empty() {
        page.push_str("\nIt has no options.\n");
        return;
    }
    page.push_str("\n| option | value | default | |\n|---|---|---|---|\n");
    for option in options {
        let value = option.unit.unwrap_or_default();
        let default = option.default.map(|text| format!("`{text}`")).unwrap_or_default();
        let default = if option.default == Some("") { "empty".to_owned() } else { default };
        writeln!(page, "| `{}` | {value} | {default} | {} |", option.name, option.doc)
            .expect("a String takes everything");
    }
}

#[test]
fn the_page_is_what_the_code_says() {
    let mut page = HEAD.to_owned();
    for connector in connectors() {
        let formats = match connector.formats {
            [] => "It makes rows itself and takes no FORMAT.".to_owned(),
            formats => format!("Formats: {}.", formats.join(", ")),
        };
        write!(page, "\n## Connector `{}`\n\n{}\n{formats}\n", connector.name, connector.doc)
            .expect("a String takes everything");
        options(&mut page, connector.options);
    }
    for format in formats() {
        write!(page, "\n## Format `{}`\n\n{}\n", format.name, format.doc)
            .expect("a String takes everything");
        options(&mut page, format.options);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if std::env::var_os("KAPPA_UPDATE").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let found = std::fs::read_to_string(&path).expect("the page is there");
    assert_eq!(found, page, "the page is stale: KAPPA_UPDATE=1 cargo test -p kappa-connect");
}
