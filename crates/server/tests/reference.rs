//! The reference pages of system tables and of settings are written from the lists in the code. With
//! `KAPPA_UPDATE=1` these tests write them; without, they fail when a page is stale.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests and examples fail by panicking, and tell their story in one place"
)]

use std::fmt::Write;
use std::path::Path;

use clap::CommandFactory;
use kappa_server::config::Cli;
use kappa_server::session::variable::{Kind, VARIABLES, Variable};
use kappa_server::system::{SystemTable, TABLES};

const TABLES_HEAD: &str = "# System tables\n\n\
    <!-- Written by crates/server/tests/reference.rs with KAPPA_UPDATE=1; do not edit. -->\n\n\
    What the server knows of itself, as relations in `pg_catalog` that every query can read and join.\n\
    Beside them is PostgreSQL's own system catalogue, `pg_catalog` and `information_schema`.\n\
    A materialized view cannot read them.\n";

const SETTINGS_HEAD: &str = "# Configuration\n\n\
    <!-- Written by crates/server/tests/reference.rs with KAPPA_UPDATE=1; do not edit. -->\n\n\
    ## The server\n\n\
    `kappadb serve` takes each of these as a flag, as an environment variable, or by its key in a file of \
    TOML, `kappadb serve --config kappadb.toml`.\n\
    The command line wins over the environment, the environment over the file.\n\
    A key that is not known is an error at the start.\n\n\
    | flag | environment | key in the file | default | |\n|---|---|---|---|---|\n";

const VARIABLES_HEAD: &str = "\n## A session\n\n\
    These are set with `SET name = value`, for a transaction with `SET LOCAL`, for a connection with the \
    driver's options, and shown with `SHOW name`; `RESET` takes back the value of the connection's \
    beginning.\n\
    Names without a meaning here must have a dot, `my.setting`, and are kept as text.\n\
    `pg_settings` lists them all.\n\n\
    | name | value | default | |\n|---|---|---|---|\n";

fn table(page: &mut String, table: &SystemTable) {
    write!(page, "\n## `{}`\n\n{}\n", table.name, table.doc).expect("a String takes everything");
    page.push_str("\n| column | type | |\n|---|---|---|\n");
    for (name, sql_type, doc) in table.columns {
        writeln!(page, "| `{name}` | {} | {doc} |", sql_type.name())
            .expect("a String takes everything");
    }
}

fn flag(page: &mut String, argument: &clap::Arg) {
    let name = argument.get_long().expect("each setting is a flag");
    let variable = argument.get_env().expect("each setting is a variable").to_string_lossy();
    let key = argument.get_id().as_str();
    let key = if key == "config" { String::new() } else { format!("`{key}`") };
    let default = argument.get_default_values().first();
    let default = default.map(|value| format!("`{}`", value.to_string_lossy())).unwrap_or_default();
    let mut doc = argument.get_help().expect("each setting has a doc").to_string();
    let words: Vec<String> = argument
        .get_possible_values()
        .iter()
        .map(|value| {
            let help = value.get_help().expect("each value has a doc");
            format!("`{}`: {help}", value.get_name())
        })
        .collect();
    if !words.is_empty() {
        write!(doc, ". {}", words.join("; ")).expect("a String takes everything");
    }
    writeln!(page, "| `--{name}` | `{variable}` | {key} | {default} | {doc} |")
        .expect("a String takes everything");
}

fn values(kind: Kind) -> String {
    match kind {
        Kind::Bool => "on or off".to_owned(),
        Kind::Integer(least, most) => format!("{least} to {most}"),
        Kind::Duration => {
            "a time such as 500ms, 10s or 5min; a number is ms; 0 is no limit".to_owned()
        }
        Kind::Word(words) => words.join(", "),
        Kind::TimeZone => "a name of the IANA database, or an offset".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Fixed => "cannot be set".to_owned(),
    }
}

fn variable(page: &mut String, variable: &Variable) {
    let default = match variable.default {
        "" => "empty".to_owned(),
        default => format!("`{default}`"),
    };
    let values = values(variable.kind);
    writeln!(page, "| `{}` | {values} | {default} | {} |", variable.name, variable.doc)
        .expect("a String takes everything");
}

#[track_caller]
fn check(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    if std::env::var_os("KAPPA_UPDATE").is_some() {
        std::fs::write(&path, page).expect("the page can be written");
    }
    let found = std::fs::read_to_string(&path).expect("the page is there");
    assert_eq!(found, page, "the page is stale: KAPPA_UPDATE=1 cargo test --workspace");
}

#[test]
fn the_page_of_system_tables_is_what_the_code_says() {
    let mut page = TABLES_HEAD.to_owned();
    TABLES.iter().for_each(|one| table(&mut page, one));
    check("system-tables.md", &page);
}

#[test]
fn the_page_of_settings_is_what_the_code_says() {
    let command = Cli::command();
    let serve = command.find_subcommand("serve").expect("serve is a subcommand");
    let mut page = SETTINGS_HEAD.to_owned();
    let settings = serve.get_arguments().filter(|argument| argument.get_env().is_some());
    settings.for_each(|argument| flag(&mut page, argument));
    page.push_str(VARIABLES_HEAD);
    VARIABLES.iter().for_each(|one| variable(&mut page, one));
    check("configuration.md", &page);
}
