//! `cargo xtask demo`: a server with the tutorial's data and a live feed, until Ctrl-C.
//!
//! The one idea: the demo is the tutorial. `docs/tutorial/demo.toml` names the pages or `.sql` files to
//! load and the statement that takes the feed; both go through psql, as a user's would.
//!
//! ```text
//! demo.toml -> load: psql -f page, page, ...   -> feed: rows of a file, so many a second, COPY FROM STDIN
//! ```
//! It does not fake anything: without psql, or when a statement fails, the demo fails.

use crate::project;
use anyhow::{Context, Result, bail, ensure};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Where the demo's server listens for SQL.
const LISTEN: &str = "127.0.0.1:5277";
/// Where the demo's server listens for HTTP.
const HTTP_LISTEN: &str = "127.0.0.1:5278";
/// How long a server may take to accept connections.
const START_TIME_MAX: Duration = Duration::from_secs(30);
/// How often the feed writes; each time the rows of that long.
const FEED_INTERVAL: Duration = Duration::from_millis(500);

/// `docs/tutorial/demo.toml`, read.
#[derive(Debug, PartialEq, Eq)]
struct Script {
    /// Files to load, in order: `.sql` as it is, `.md` by its ```` ```sql ```` fences.
    load: Vec<String>,
    /// The statement that takes the feed: `COPY … FROM STDIN …`.
    feed_statement: String,
    /// The file whose lines are fed, from the root.
    feed_file: String,
    /// Lines fed each second, at least 1.
    feed_rows_per_second: u32,
    /// What to type in psql, printed at the end.
    hint: String,
}

/// Runs the demo until Ctrl-C or until the server ends.
pub(crate) fn run() -> Result<()> {
    let directory = project::root().join("docs/tutorial");
    let text = std::fs::read_to_string(directory.join("demo.toml"))
        .context("the tutorial has no demo.toml")?;
    let script = parse(&text)?;
    ensure!(has_psql(), "psql is not installed: ./setup.sh installs it");
    project::run(project::cargo().args([
        "build",
        "--release",
        "--workspace",
        "--bins",
        "--locked",
    ]))?;

    let data_directory = project::target_directory().join("demo-data");
    if data_directory.exists() {
        println!("demo: removing the data of the last demo in {}", data_directory.display());
        std::fs::remove_dir_all(&data_directory)?;
    }
    let mut server = Server::start(&data_directory)?;
    for file in &script.load {
        println!("demo: loading {file}");
        load(&directory.join(file))?;
    }
    println!(
        "\n{}\n\ndemo: live, {} rows a second; Ctrl-C stops everything",
        script.hint, script.feed_rows_per_second
    );
    feed(&script, &mut server)
}

fn parse(text: &str) -> Result<Script> {
    let table: toml::Table = text.parse().context("demo.toml is not TOML")?;
    let word = |table: &toml::Table, key: &str| -> Result<String> {
        let value = table.get(key).and_then(toml::Value::as_str);
        Ok(value.with_context(|| format!("demo.toml: no text \"{key}\""))?.to_owned())
    };
    let feed = table.get("feed").and_then(toml::Value::as_table).context("demo.toml: no [feed]")?;
    let rate = feed.get("rows_per_second").and_then(toml::Value::as_integer).unwrap_or_default();
    let load =
        table.get("load").and_then(toml::Value::as_array).context("demo.toml: no load = []")?;
    let load = load.iter().map(|file| file.as_str().map(str::to_owned).context("load: not a text"));
    Ok(Script {
        load: load.collect::<Result<_>>()?,
        feed_statement: word(feed, "statement")?,
        feed_file: word(feed, "file")?,
        feed_rows_per_second: u32::try_from(rate)
            .ok()
            .filter(|rate| *rate > 0)
            .context("feed: no rate")?,
        hint: word(&table, "hint")?,
    })
}

fn has_psql() -> bool {
    Command::new("psql").arg("--version").stdout(Stdio::null()).status().is_ok_and(|s| s.success())
}

/// psql on the demo's server, in the root directory, stopping at the first error.
fn psql() -> Command {
    let (host, port) = LISTEN.split_once(':').expect("a fixed address");
    let mut command = Command::new("psql");
    command.current_dir(project::root());
    command.args([
        "-X",
        "-q",
        "-v",
        "ON_ERROR_STOP=1",
        "-h",
        host,
        "-p",
        port,
        "-U",
        "kappa",
        "kappa",
    ]);
    command
}

/// Sends a file's SQL through psql.
fn load(path: &Path) -> Result<()> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let is_page = path.extension().is_some_and(|extension| extension == "md");
    let sql = if is_page { fences(&text) } else { text };
    let mut child = psql().stdin(Stdio::piped()).spawn().context("cannot start psql")?;
    child.stdin.take().expect("it was piped").write_all(sql.as_bytes())?;
    ensure!(child.wait()?.success(), "{} failed in psql", path.display());
    Ok(())
}

/// The text of the ```` ```sql ```` fences of a page.
fn fences(page: &str) -> String {
    let mut sql = String::new();
    let mut is_sql = false;
    for line in page.lines() {
        if line.starts_with("```") {
            is_sql = !is_sql && line == "```sql";
        } else if is_sql {
            sql.push_str(line);
            sql.push('\n');
        }
    }
    sql
}

/// Feeds the file's lines until it ends, then from its beginning; one COPY per interval.
fn feed(script: &Script, server: &mut Server) -> Result<()> {
    let path = project::root().join(&script.feed_file);
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("no feed {}", path.display()))?;
    let mut lines = text.lines().cycle();
    ensure!(!text.is_empty(), "the feed {} is empty", path.display());
    let row_count = (script.feed_rows_per_second / 2).max(1);
    loop {
        let begin = Instant::now();
        let mut child =
            psql().args(["-c", &script.feed_statement]).stdin(Stdio::piped()).spawn()?;
        let mut input = child.stdin.take().expect("it was piped");
        for line in lines.by_ref().take(row_count as usize) {
            writeln!(input, "{line}")?;
        }
        drop(input);
        ensure!(child.wait()?.success(), "the feed failed in psql");
        if let Some(status) = server.child.try_wait()? {
            bail!("the server ended: {status}");
        }
        std::thread::sleep(FEED_INTERVAL.saturating_sub(begin.elapsed()));
    }
}

/// The server, stopped when dropped; Ctrl-C reaches it with us, as one group of processes.
struct Server {
    child: Child,
}

impl Server {
    fn start(data_directory: &Path) -> Result<Self> {
        let program: PathBuf = project::target_directory().join("release/kappadb");
        let mut command = Command::new(&program);
        command.arg("serve").arg("--data-dir").arg(data_directory);
        command.args(["--listen", LISTEN, "--http-listen", HTTP_LISTEN]).stdout(Stdio::piped());
        let child =
            command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let mut server = Self { child };
        let output = server.child.stdout.take().expect("it was piped");
        let lines = read_lines(BufReader::new(output))?;
        match lines.recv_timeout(START_TIME_MAX) {
            Ok(line) => println!("demo: {line}"),
            Err(_) => bail!("the server did not say that it accepts connections"),
        }
        Ok(server)
    }
}

/// Lines as they come; reading goes on so that the server never waits for us.
fn read_lines(input: impl BufRead + Send + 'static) -> Result<Receiver<String>> {
    let (tx, rx) = channel();
    std::thread::Builder::new().name("demo-output".to_owned()).spawn(move || {
        for line in input.lines().map_while(Result::ok) {
            if tx.send(line.clone()).is_err() {
                println!("{line}");
            }
        }
    })?;
    Ok(rx)
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().is_ok_and(|s| s.success());
        if !asked || self.child.wait().is_err() {
            eprintln!("demo: could not stop the server, process {pid}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
load = ["flights.md"]
hint = "psql"
[feed]
statement = "COPY t FROM STDIN"
file = "data/t.csv"
rows_per_second = 20
"#;

    #[test]
    fn the_script_is_read() {
        let script = parse(TEXT).unwrap();
        assert_eq!(script.load, ["flights.md"]);
        assert_eq!(script.feed_rows_per_second, 20);
        assert!(parse(&TEXT.replace("20", "0")).is_err());
        assert!(parse(&TEXT.replace("hint", "hunt")).is_err());
    }

    #[test]
    fn a_page_is_loaded_by_its_fences() {
        let page = "a\n```sql\nSELECT 1;\n```\n```text\n1\n```\n```sql\nSELECT 2;\n```\n";
        assert_eq!(fences(page), "SELECT 1;\nSELECT 2;\n");
    }
}
