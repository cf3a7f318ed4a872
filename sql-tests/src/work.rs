//! A whole run: which scripts, in which modes, on what, and how many at a time.
//!
//! The one idea: a list of jobs that share nothing, taken by a few named threads, each with a runtime of
//! its own; a job has a fresh directory, server and set of connections.

use crate::index;
use crate::instance::Instance;
use crate::mode::Mode;
use crate::page::Page;
use crate::postgres::Cluster;
use crate::report::{Report, Run};
use crate::runner::Script;
use crate::server::ServerOptions;
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long one script may take in one mode.
const JOB_TIME_MAX: Duration = Duration::from_secs(300);
/// The folder whose scripts PostgreSQL answers too; others say so in their head.
const POSTGRES_FOLDER: &str = "sql-tests/scripts/postgres/";

/// On what scripts are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetChoice {
    /// The server only.
    KappaDb,
    /// PostgreSQL only: every script that the filters name.
    Postgres,
    /// The server, and PostgreSQL for its folder where it is installed.
    Both,
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Parts of paths, one of which a script's path must contain; none for all scripts.
    pub filters: Vec<String>,
    /// Names of modes; `all` for every mode.
    pub modes: Vec<String>,
    /// On what.
    pub target: TargetChoice,
    /// Whether answers are written into the scripts.
    pub update: bool,
    /// Jobs at the same time, at least 1.
    pub job_count: usize,
    /// The server's program.
    pub server: PathBuf,
    /// Whether data directories are kept.
    pub keep: bool,
}

/// A script or page on one target in one mode.
#[derive(Debug, Clone)]
struct Job {
    /// From the root of the project.
    path: String,
    mode: Mode,
    cluster: Option<Arc<Cluster>>,
}

/// Runs scripts and pages.
pub fn run(options: &Options) -> Result<Report> {
    let mut report = Report::default();
    let is_ambiguous = options.update && options.target == TargetChoice::Both;
    ensure!(!is_ambiguous, "--update needs to know whose answers to write: --target");
    let jobs = jobs(options, &mut report.notes)?;
    ensure!(!jobs.is_empty(), "no script matches");
    let needs_server = jobs.iter().any(|job| job.cluster.is_none());
    ensure!(!needs_server || options.server.exists(), "there is no {}", options.server.display());
    let next = AtomicUsize::new(0);
    let runs = Mutex::new(Vec::new());
    std::thread::scope(|scope| -> Result<()> {
        for worker in 0..options.job_count {
            let take = || {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let run = run_job(job, options);
                    runs.lock().unwrap_or_else(|error| error.into_inner()).push(run);
                }
            };
            let name = format!("sql-tests-{worker}");
            std::thread::Builder::new().name(name).spawn_scoped(scope, take)?;
        }
        Ok(())
    })?;
    report.runs = runs.into_inner().unwrap_or_else(|error| error.into_inner());
    Ok(report)
}

/// The folder with the scripts.
pub fn scripts_directory() -> PathBuf {
    root().join("sql-tests/scripts")
}

/// The page that lists claims and scripts.
pub fn index_path() -> PathBuf {
    scripts_directory().join("INDEX.md")
}

/// The text that the page should have.
pub fn render_index() -> Result<String> {
    let mut claims = Vec::new();
    for path in script_paths()? {
        let claim = parse_script(&path)?.head.claim;
        claims.push((path.trim_start_matches("sql-tests/scripts/").to_owned(), claim));
    }
    Ok(index::render(&claims))
}

/// Writes the page.
pub fn write_index() -> Result<()> {
    std::fs::write(index_path(), render_index()?).context("cannot write the index")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the root")
        .to_path_buf()
}

/// Every job that the options ask for.
fn jobs(options: &Options, notes: &mut Vec<String>) -> Result<Vec<Job>> {
    let modes = Mode::parse_all(&options.modes).map_err(|what| anyhow!(what))?;
    let plain = Mode::parse("plain").map_err(|what| anyhow!(what))?;
    let is_wanted = |path: &String| {
        options.filters.is_empty() || options.filters.iter().any(|part| path.contains(part))
    };
    let scripts: Vec<_> = script_paths()?.into_iter().filter(is_wanted).collect();
    let pages: Vec<_> = page_paths()?.into_iter().filter(is_wanted).collect();
    let mut jobs = Vec::new();
    if options.target != TargetChoice::Postgres {
        for path in &scripts {
            let head = parse_script(path)?.head;
            let modes = modes.iter().filter(|mode| head.runs_in(mode));
            let job = |mode: &Mode| Job { path: path.clone(), mode: mode.clone(), cluster: None };
            jobs.extend(modes.map(job));
        }
        jobs.extend(pages.iter().map(|path| Job {
            path: path.clone(),
            mode: plain.clone(),
            cluster: None,
        }));
    }
    let for_postgres = scripts_for_postgres(&scripts, options.target)?;
    if !for_postgres.is_empty() {
        if Cluster::is_installed() {
            let cluster = Some(Arc::new(Cluster::start().context("cannot start PostgreSQL")?));
            let mode = Mode { name: "postgres".to_owned(), ..plain };
            let job = |path: &String| Job {
                path: path.clone(),
                mode: mode.clone(),
                cluster: cluster.clone(),
            };
            jobs.extend(for_postgres.iter().map(job));
        } else if options.target == TargetChoice::Postgres {
            bail!("PostgreSQL 15 is not installed");
        } else {
            notes.push(
                "PostgreSQL 15 is not installed: its scripts ran against the recorded answers"
                    .into(),
            );
        }
    }
    Ok(jobs)
}

/// The scripts that PostgreSQL answers too; all of them where it is the only target.
fn scripts_for_postgres(scripts: &[String], target: TargetChoice) -> Result<Vec<String>> {
    let mut chosen = Vec::new();
    for path in scripts {
        let is_chosen = match target {
            TargetChoice::KappaDb => false,
            TargetChoice::Postgres => true,
            TargetChoice::Both => {
                path.starts_with(POSTGRES_FOLDER) || parse_script(path)?.head.is_for_postgres
            }
        };
        if is_chosen {
            chosen.push(path.clone());
        }
    }
    Ok(chosen)
}

/// Scripts, from the root of the project.
fn script_paths() -> Result<Vec<String>> {
    paths("sql-tests/scripts", "slt")
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

fn parse_script(path: &str) -> Result<Script> {
    let text = std::fs::read_to_string(root().join(path))
        .with_context(|| format!("cannot read {path}"))?;
    Script::parse(path, &text).map_err(|what| anyhow!("{path}: {what}"))
}

/// Runs one job in a runtime of its own; everything that goes wrong is in the result.
fn run_job(job: &Job, options: &Options) -> Run {
    let begin = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let failure = match runtime {
        Err(error) => Some(format!("no runtime: {error}")),
        Ok(runtime) => runtime.block_on(async {
            match tokio::time::timeout(JOB_TIME_MAX, execute(job, options)).await {
                Ok(result) => result.err(),
                Err(_) => Some(format!("not done in {JOB_TIME_MAX:?}")),
            }
        }),
    };
    Run { path: job.path.clone(), mode: job.mode.name.clone(), duration: begin.elapsed(), failure }
}

async fn execute(job: &Job, options: &Options) -> Result<(), String> {
    let directory = tempfile::Builder::new().prefix("kappa-sql-tests-").tempdir();
    let directory = directory.map_err(|error| format!("no directory: {error}"))?;
    let instance = match &job.cluster {
        Some(cluster) => Instance::create_database(cluster.clone()).await,
        None => Instance::start(server_options(job, options, directory.path())).await,
    };
    let log_file = directory.path().join("server.log");
    let instance = instance.map_err(|failure| {
        format!("{failure}\n{}", std::fs::read_to_string(log_file).unwrap_or_default())
    })?;
    let result = execute_on(job, options, &instance).await;
    if options.keep {
        let kept = directory.keep();
        return result.map_err(|what| format!("{what}\nkept {}", kept.display()));
    }
    result.map_err(|what| match instance.log() {
        log if log.is_empty() => what,
        log => format!("{what}\nthe end of the server's log:\n{log}"),
    })
}

async fn execute_on(job: &Job, options: &Options, instance: &Arc<Instance>) -> Result<(), String> {
    let path = root().join(&job.path);
    let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
    let is_page = job.path.ends_with(".md");
    if options.update {
        let updated = match is_page {
            true => Page::parse(&text).update(instance).await,
            false => Script::parse(&job.path, &text)?.update(instance).await?,
        };
        if updated != text {
            std::fs::write(&path, updated).map_err(|error| error.to_string())?;
        }
        return instance.finish().await.map_err(|failure| failure.to_string());
    }
    match is_page {
        true => Page::parse(&text).run(&job.path, instance).await,
        false => Script::parse(&job.path, &text)?.run(&job.mode, instance).await,
    }
}

fn server_options(job: &Job, options: &Options, directory: &Path) -> ServerOptions {
    ServerOptions {
        program: options.server.clone(),
        working_directory: root(),
        data_directory: directory.join("data"),
        log_file: directory.join("server.log"),
        worker_count: job.mode.worker_count.get(),
    }
}
