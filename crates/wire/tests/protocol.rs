//! Protocol scripts: messages out, messages in, as text. `scripts/postgres` holds what PostgreSQL 15
//! answers too: with `KAPPA_ORACLE=host:port` in the environment they are run against it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod toy;

use std::path::Path;

use client::{Client, ScriptRunner};
use kappa_wire::ServerOptions;

fn run(folder: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut failures = Vec::new();
    let mut paths: Vec<_> = std::fs::read_dir(Path::new("tests/scripts").join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "there are scripts in {folder}");
    for path in paths {
        let options = ServerOptions { message_size_bytes_max: 1 << 20, ..ServerOptions::default() };
        let running = runtime.block_on(toy::start(options));
        let address = match std::env::var("KAPPA_ORACLE") {
            Ok(oracle) if folder == "postgres" => {
                Client::connect(&oracle)
                    .ask("DROP TABLE IF EXISTS t; CREATE TABLE t (a integer, b text, c timestamp)");
                oracle
            }
            _ => running.address.to_string(),
        };
        let result =
            std::panic::catch_unwind(|| goldenscript::run(&mut ScriptRunner::new(&address), &path));
        match result {
            Ok(Ok(())) => {}
            Ok(Err(error)) => failures.push(format!("{}: {error}", path.display())),
            Err(_) => failures.push(format!("{}: differs, see above", path.display())),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn scripts_answer_as_postgres_does() {
    run("postgres");
}

#[test]
fn scripts_of_our_own() {
    run("own");
}
