//! A whole run: takes jobs, a few at a time, and reports.
//!
//! The one idea: jobs share nothing. A few named threads take them, each with a runtime of its own; a job
//! has a fresh directory, server and set of connections.

use crate::index;
use crate::instance::Instance;
use crate::job::{self, Job, root};
use crate::kill;
use crate::random::{self, Draw};
use crate::report::{Report, Run};
use crate::server::ServerOptions;
use crate::subject::Subject;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long one script may take in one mode.
const JOB_TIME_MAX: Duration = Duration::from_secs(600);

/// On what scripts are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetChoice {
    /// The server only.
    KappaDb,
    /// PostgreSQL only, for what it must answer.
    Postgres,
    /// The server, and PostgreSQL for what it must answer, where it is installed.
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
    /// The seed of the first random round.
    pub seed: u64,
    /// For how long random rounds are begun, seconds.
    pub seconds: u64,
}

/// Runs scripts, pages, the matrix of types and client programs.
pub fn run(options: &Options) -> Result<Report> {
    let is_ambiguous = options.update && options.target == TargetChoice::Both;
    ensure!(!is_ambiguous, "--update needs to know whose answers to write: --target");
    let mut report = Report::default();
    let jobs = job::list(options, &mut report.notes)?;
    ensure!(!jobs.is_empty(), "nothing matches");
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

/// The page that lists claims and scripts.
pub fn index_path() -> PathBuf {
    root().join("sql-tests/scripts/INDEX.md")
}

/// The text that the page should have.
pub fn render_index() -> Result<String> {
    let mut claims = Vec::new();
    for path in job::script_paths()? {
        let claim = job::parse_script(&path)?.head.claim;
        claims.push((path.trim_start_matches("sql-tests/scripts/").to_owned(), claim));
    }
    Ok(index::render(&claims))
}

/// Writes the page.
pub fn write_index() -> Result<()> {
    std::fs::write(index_path(), render_index()?).context("cannot write the index")
}

/// Runs one job in a runtime of its own; everything that goes wrong is in the result.
fn run_job(job: &Job, options: &Options) -> Run {
    let begin = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let time_max = match Subject::of(&job.path) {
        Subject::RandomQueries => JOB_TIME_MAX + Duration::from_secs(options.seconds),
        _ => JOB_TIME_MAX,
    };
    let result = match runtime {
        Err(error) => Err(format!("no runtime: {error}")),
        Ok(runtime) => runtime.block_on(async {
            match tokio::time::timeout(time_max, execute(job, options)).await {
                Ok(result) => result,
                Err(_) => Err(format!("not done in {time_max:?}")),
            }
        }),
    };
    let (note, failure) = match result {
        Ok(note) => (note, None),
        Err(what) => (None, Some(what)),
    };
    let mode = job.mode.name.clone();
    Run { path: job.path.clone(), mode, duration: begin.elapsed(), note, failure }
}

/// Gives what is worth telling of a job that passed.
async fn execute(job: &Job, options: &Options) -> Result<Option<String>, String> {
    let directory = tempfile::Builder::new().prefix("kappa-sql-tests-").tempdir();
    let directory = directory.map_err(|error| format!("no directory: {error}"))?;
    if Subject::of(&job.path) == Subject::PowerCuts {
        let server = server_options(job, options, directory.path());
        return kill::run_power_cuts(directory.path(), server).await.map(Some);
    }
    let instance = match &job.cluster {
        Some(cluster) => Instance::create_database(cluster.clone()).await,
        None => Instance::start(server_options(job, options, directory.path())).await,
    };
    let log_file = directory.path().join("server.log");
    let instance = instance.map_err(|failure| {
        format!("{failure}\n{}", std::fs::read_to_string(log_file).unwrap_or_default())
    })?;
    let subject = Subject::of(&job.path);
    let result = match options.update {
        true => subject.update(&root(), &job.path, &instance).await.map(|()| None),
        false if subject == Subject::RandomQueries => {
            let draw = Draw { seed: options.seed, seconds: options.seconds };
            random::run(draw, &instance).await.map(Some)
        }
        false => subject.run(&root(), &job.path, &job.mode, &instance).await.map(|()| None),
    };
    if options.keep {
        let kept = directory.keep();
        return result.map_err(|what| format!("{what}\nkept {}", kept.display()));
    }
    result.map_err(|what| match instance.log() {
        log if log.is_empty() => what,
        log => format!("{what}\nthe end of the server's log:\n{log}"),
    })
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
