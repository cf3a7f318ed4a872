//! The list of jobs of a run: which file, in which mode, on what.
//!
//! The one idea: the tree of files is the list. A script is anything under `sql-tests/scripts`, a page any
//! page of the documentation that shows an answer, a client any program under `sql-tests/clients`.

use crate::client;
use crate::matrix;
use crate::mode::Mode;
use crate::page::Page;
use crate::postgres::Cluster;
use crate::runner::Script;
use crate::subject::{ON_DEMAND, Subject, WITHOUT_FILE};
use crate::work::{Options, TargetChoice};
use anyhow::{Context, Result, anyhow, bail};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder whose scripts PostgreSQL answers too; others say so in their head.
const POSTGRES_FOLDER: &str = "sql-tests/scripts/postgres/";

/// One file, run once.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// From the root of the project.
    pub(crate) path: String,
    /// How it is run.
    pub(crate) mode: Mode,
    /// PostgreSQL, if it is run there.
    pub(crate) cluster: Option<Arc<Cluster>>,
}

/// The root of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the root")
        .to_path_buf()
}

/// Every job that the options ask for; `notes` tells what could not be asked for.
pub(crate) fn list(options: &Options, notes: &mut Vec<String>) -> Result<Vec<Job>> {
    let modes = Mode::parse_all(&options.modes).map_err(|what| anyhow!(what))?;
    let plain = Mode::parse("plain").map_err(|what| anyhow!(what))?;
    let is_wanted = |path: &String| {
        options.filters.is_empty() || options.filters.iter().any(|part| path.contains(part))
    };
    let mut paths: Vec<_> = all_paths(notes)?.into_iter().filter(is_wanted).collect();
    let is_named = |path: &&&str| options.filters.iter().any(|part| part == **path);
    paths.extend(ON_DEMAND.iter().filter(is_named).map(|path| (*path).to_owned()));
    let mut jobs = Vec::new();
    for path in &paths {
        if options.target == TargetChoice::Postgres {
            break;
        }
        let head = match Subject::of(path) {
            Subject::Script => Some(parse_script(path)?.head),
            _ => None,
        };
        let chosen: Vec<&Mode> = match &head {
            Some(head) => modes.iter().filter(|mode| head.runs_in(mode)).collect(),
            None => vec![&plain],
        };
        let job = |mode: &Mode| Job { path: path.clone(), mode: mode.clone(), cluster: None };
        jobs.extend(chosen.into_iter().map(job));
    }
    jobs.extend(list_for_postgres(options, &paths, &plain, notes)?);
    // The longest begins first: begun last, it would run on alone.
    jobs.sort_by_key(|job| Subject::of(&job.path) != Subject::RandomQueries);
    Ok(jobs)
}

/// The jobs on PostgreSQL; it is started if there are any.
fn list_for_postgres(
    options: &Options,
    paths: &[String],
    plain: &Mode,
    notes: &mut Vec<String>,
) -> Result<Vec<Job>> {
    let mut chosen = Vec::new();
    for path in paths {
        if options.target != TargetChoice::KappaDb && is_for_postgres(path)? {
            chosen.push(path.clone());
        }
    }
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    if !Cluster::is_installed() {
        if options.target == TargetChoice::Postgres {
            bail!("PostgreSQL 15 is not installed");
        }
        notes.push("no PostgreSQL 15: its scripts ran against the recorded answers".to_owned());
        return Ok(Vec::new());
    }
    let cluster = Arc::new(Cluster::start(false).context("cannot start PostgreSQL")?);
    let mode = Mode { name: "postgres".to_owned(), ..plain.clone() };
    let job = |path| Job { path, mode: mode.clone(), cluster: Some(cluster.clone()) };
    Ok(chosen.into_iter().map(job).collect())
}

/// Whether PostgreSQL must give the same answers.
fn is_for_postgres(path: &str) -> Result<bool> {
    match Subject::of(path) {
        Subject::Matrix | Subject::Client => Ok(true),
        Subject::Page | Subject::KillWriters | Subject::KillRebuild => Ok(false),
        Subject::PowerCuts | Subject::RandomQueries | Subject::Lifecycle => Ok(false),
        Subject::Script => {
            Ok(path.starts_with(POSTGRES_FOLDER) || parse_script(path)?.head.is_for_postgres)
        }
    }
}

/// Everything that can be run, from the root of the project.
fn all_paths(notes: &mut Vec<String>) -> Result<Vec<String>> {
    let mut all = script_paths()?;
    all.extend(page_paths()?);
    all.push(matrix::PATH.to_owned());
    all.extend(WITHOUT_FILE.iter().map(|path| (*path).to_owned()));
    let clients = paths("sql-tests/clients", "py")?;
    if root().join(client::PYTHON).exists() {
        all.extend(clients);
    } else {
        notes.push(format!("no {}: not run: {}", client::PYTHON, clients.join(", ")));
    }
    Ok(all)
}

/// Scripts, from the root of the project.
pub(crate) fn script_paths() -> Result<Vec<String>> {
    paths("sql-tests/scripts", "slt")
}

/// Parses the script at a path.
pub(crate) fn parse_script(path: &str) -> Result<Script> {
    let text = std::fs::read_to_string(root().join(path))
        .with_context(|| format!("cannot read {path}"))?;
    Script::parse(path, &text).map_err(|what| anyhow!("{path}: {what}"))
}

/// Pages that have an answer to check.
fn page_paths() -> Result<Vec<String>> {
    let mut pages = Vec::new();
    let mut candidates = paths("docs", "md")?;
    if root().join("README.md").exists() {
        candidates.push("README.md".to_owned());
    }
    for path in candidates {
        if Page::parse(&std::fs::read_to_string(root().join(&path))?).is_script() {
            pages.push(path);
        }
    }
    Ok(pages)
}

fn paths(directory: &str, extension: &str) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    let mut directories = vec![root().join(directory)];
    while let Some(directory) = directories.pop() {
        let entries = std::fs::read_dir(&directory)
            .with_context(|| format!("cannot list {}", directory.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let path = path.strip_prefix(root()).context("outside the root")?;
                paths.push(path.to_str().context("a path that is not UTF-8")?.to_owned());
            }
        }
    }
    paths.sort_unstable();
    Ok(paths)
}
