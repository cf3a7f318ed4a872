//! What must fail when a mutant is in: a Rust test or SQL scripts.
//!
//! The one idea: everything is built as the whole workspace is, so that no dependency is compiled a
//! second time with other features; only the wanted targets are.
//!
//! ```text
//! "NAME=value test TARGET FILTER…"      an integration test, by the name of its target
//! "lib PACKAGE FILTER…"                 the tests inside a crate
//! "sql WORDS…"                          kappa-sql-tests with these arguments
//! ```
//!
//! It does not tell a good failure from a bad one: that the code builds is looked at before.

use anyhow::{Context, Result, bail, ensure};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

/// How long a catcher may run; a mutant that makes it hang is noticed, too.
const RUN_TIME_MAX: Duration = Duration::from_secs(300);

/// The smallest selection of packages that has every feature of the workspace.
const ALL_FEATURES: &[&str] = &["-p", "kappa-server", "-p", "kappa-sql-tests"];

/// A test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Catcher {
    /// As it is written in the list.
    pub(crate) text: String,
    /// Variables it is run with.
    variables: Vec<(String, String)>,
    /// What has to be built.
    target: Target,
    /// Arguments of the program.
    arguments: Vec<String>,
}

/// What has to be built.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// The integration test of this name.
    Test(String),
    /// The tests inside this package.
    Library(String),
    /// The server and the runner of scripts.
    Scripts,
}

/// A program that is a catcher once it is run.
pub(crate) struct Program {
    path: PathBuf,
    directory: PathBuf,
    /// Where what it says goes.
    pub(crate) log: PathBuf,
}

/// How a catcher ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It had nothing to say.
    Passed,
    /// It failed.
    Failed,
    /// It did not end in time.
    Hung,
}

impl Catcher {
    /// Reads what the list says.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut words = text.split_whitespace().peekable();
        let mut variables = Vec::new();
        while let Some((name, value)) = words.peek().and_then(|word| word.split_once('=')) {
            variables.push((name.to_owned(), value.to_owned()));
            words.next();
        }
        let mut named = |what: &str| {
            words
                .next()
                .map(str::to_owned)
                .with_context(|| format!("catcher \"{text}\": no {what}"))
        };
        let target = match named("kind")?.as_str() {
            "test" => Target::Test(named("target")?),
            "lib" => Target::Library(named("package")?),
            "sql" => Target::Scripts,
            other => bail!("catcher \"{text}\": \"{other}\" is not test, lib or sql"),
        };
        let arguments: Vec<_> = words.map(str::to_owned).collect();
        ensure!(!arguments.is_empty(), "catcher \"{text}\": says not which tests");
        Ok(Self { text: text.to_owned(), variables, target, arguments })
    }

    /// Whether it is built without the server.
    pub(crate) fn is_cheap(&self) -> bool {
        matches!(self.target, Target::Test(_))
    }

    /// Builds it in a copy of the project.
    ///
    /// # Errors
    /// If the code does not build, or builds no such test.
    pub(crate) fn build(&self, tree: &Path, target_directory: &Path) -> Result<Program> {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(tree).env("CARGO_TARGET_DIR", target_directory);
        match &self.target {
            Target::Test(name) => {
                command.args(["test", "--no-run", "--workspace", "--test", name.as_str()])
            }
            Target::Library(package) => {
                let own = ["-p", package.as_str(), "--lib"];
                command.args(["test", "--no-run"]).args(ALL_FEATURES).args(own)
            }
            // With a test, since tests add features to shared dependencies.
            Target::Scripts => command
                .args(["build", "--workspace", "--bin", "kappadb", "--bin", "kappa-sql-tests"])
                .args(["--test", "log"]),
        };
        command.args(["--locked", "--quiet", "--message-format=json"]);
        let output = command.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
        let messages = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("it does not build:\n{}", rendered_errors(&messages));
        }
        let log = target_directory.join("catcher.log");
        if self.target == Target::Scripts {
            let path = target_directory.join("debug/kappa-sql-tests");
            return Ok(Program { path, directory: tree.to_owned(), log });
        }
        messages
            .lines()
            .find_map(|line| self.program(&serde_json::from_str(line).ok()?, &log))
            .with_context(|| format!("nothing was built for \"{}\"", self.text))
    }

    /// The program that a message of cargo names, if it is ours.
    fn program(&self, message: &serde_json::Value, log: &Path) -> Option<Program> {
        let text = |pointer: &str| message.pointer(pointer).and_then(serde_json::Value::as_str);
        let path = text("/executable")?;
        let (kind, name) = (text("/target/kind/0")?, text("/target/name")?);
        let is_ours = match &self.target {
            Target::Test(target) => kind == "test" && name == target,
            Target::Library(package) => kind == "lib" && name == package.replace('-', "_"),
            Target::Scripts => false,
        };
        let directory = Path::new(text("/manifest_path")?).parent()?;
        is_ours.then(|| Program { path: path.into(), directory: directory.into(), log: log.into() })
    }

    /// Runs what was built.
    pub(crate) fn run(&self, program: &Program) -> Result<Verdict> {
        let log = File::create(&program.log)?;
        let mut command = Command::new(&program.path);
        command
            .current_dir(&program.directory)
            .args(&self.arguments)
            .envs(self.variables.iter().cloned())
            .env("CARGO_MANIFEST_DIR", &program.directory)
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let group = child.id();
        let (tx, rx) = channel();
        let waiter =
            std::thread::Builder::new().name("mutate-wait".to_owned()).spawn(move || {
                // The receiver is there as long as it wants to know.
                drop(tx.send(child.wait()));
            })?;
        let verdict = match rx.recv_timeout(RUN_TIME_MAX) {
            Ok(status) => match status?.success() {
                true => Verdict::Passed,
                false => Verdict::Failed,
            },
            Err(_) => {
                // The group, since a runner of scripts has servers of its own.
                Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).status()?;
                Verdict::Hung
            }
        };
        waiter.join().ok().context("the thread that waits for a catcher panicked")?;
        Ok(verdict)
    }
}

/// The compiler's errors as a person reads them.
fn rendered_errors(messages: &str) -> String {
    let parsed = messages.lines().filter_map(|line| serde_json::from_str(line).ok());
    let errors = parsed.filter_map(|message: serde_json::Value| {
        let of = message.get("message")?;
        let is_error = of.get("level")?.as_str()? == "error";
        is_error.then(|| of.get("rendered")?.as_str().map(str::to_owned)).flatten()
    });
    errors.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catcher_is_variables_a_kind_and_filters() {
        let catcher = Catcher::parse("KAPPA_CRASHES=7 test log crash fault").unwrap();
        assert_eq!(catcher.variables, [("KAPPA_CRASHES".to_owned(), "7".to_owned())]);
        assert_eq!(catcher.target, Target::Test("log".to_owned()));
        assert_eq!(catcher.arguments, ["crash", "fault"]);
        assert_eq!(Catcher::parse("sql operator/join").unwrap().target, Target::Scripts);
    }

    #[test]
    fn a_catcher_that_would_run_nothing_or_everything_is_refused() {
        for text in ["", "test", "test log", "lib kappa-log", "sql", "bench log x"] {
            assert!(Catcher::parse(text).is_err(), "{text}");
        }
    }
}
