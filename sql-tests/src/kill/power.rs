//! Eight writers, three views, twenty power cuts.
//!
//! ```text
//! after so many acknowledgements   freeze the disk; kill -9; copy what the disk has; thaw
//! then                             the copy is the disk, ext4 reads its journal, the server starts
//! and                              tables = journal, views = queries, as after each kill
//! ```
//! The one idea: as in [`super::writers`], but what nobody had synced is gone. The rows of a cut stay, so
//! the next cut falls on a disk that has been through the ones before. Beside the writers large statements
//! load a table, so that a cut meets files of segments, the manifest and directories, too.
//!
//! It runs only when it is named: it needs root and loop devices.

use super::disk::{Cut, Disk};
use super::writers::Writers;
use crate::failure::Failure;
use crate::instance::{End, Instance};
use crate::oracle;
use crate::server::ServerOptions;
use crate::session::Session;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};

/// Cuts in a run.
const CUT_COUNT: usize = 20;
/// Rows of a large statement: 40 MB, more than the log takes inline, and little on disk.
const LOAD_ROW_COUNT: usize = 40_000;
/// What large statements load.
const SETUP: &[&str] = &[
    "CREATE TABLE big (load int, n int, body text)",
    "CREATE MATERIALIZED VIEW loads AS SELECT load, count(*) AS c, sum(n) AS s FROM big GROUP BY load",
];

/// Cuts the power under writers, on a disk in this directory, and compares afterwards.
pub(crate) async fn run(directory: &Path, options: ServerOptions) -> Result<String, String> {
    try_run(directory, options).await.map_err(|failure| failure.to_string())
}

async fn try_run(directory: &Path, options: ServerOptions) -> Result<String, Failure> {
    // Dropped last: the disk goes when nobody uses it any more.
    let disk = Disk::make(directory)?;
    let options = ServerOptions { data_directory: disk.data_directory(), ..options };
    let instance = Instance::start(options).await?;
    let result = tokio::select! {
        biased;
        failure = interrupted() => Err(failure),
        result = cut_all(&instance, &disk) => result,
    };
    if result.is_err()
        && let Some(server) = instance.take_server().await
    {
        server.kill().await?;
    }
    result.map_err(|failure| Failure::broken(format!("{failure}\n{}", instance.log())))
}

/// Ctrl-C must not leave mounts behind.
async fn interrupted() -> Failure {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return Failure::broken("cannot wait for signals");
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Failure::broken("interrupted")
}

async fn cut_all(instance: &Arc<Instance>, disk: &Disk) -> Result<String, Failure> {
    let mut session = Session::new(instance.clone());
    let mut writers = Writers::begin(&mut session).await?;
    for sql in SETUP {
        session.execute(sql).await?;
    }
    let mut loads = Vec::new();
    for number in 0..CUT_COUNT {
        let cut = if number % 2 == 0 { Cut::Flushed } else { Cut::Sent };
        let name = format!("power cut {number}, {cut:?}");
        let is_over = Arc::new(AtomicBool::new(false));
        let loading = load(Session::new(instance.clone()), loads.len(), is_over.clone());
        let load = tokio::spawn(loading);
        writers.round(instance, &name, async || cut_power(instance, disk, cut).await).await?;
        is_over.store(true, Ordering::Release);
        let load = load.await.map_err(|error| Failure::broken(format!("the load: {error}")))?;
        loads.extend(load);
        check_loads(&mut session, &mut loads, &name).await?;
        writers.check(&mut session, &name).await?;
    }
    oracle::check(&mut session).await?;
    instance.finish().await?;
    let load_count = loads.iter().filter(|load| **load == Load::There).count();
    Ok(format!("{CUT_COUNT} cuts, {load_count} of {} loads and {}", loads.len(), writers.totals()))
}

/// What became of a large statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Load {
    /// Acknowledged, or found after it was in doubt.
    There,
    /// Not found after it was in doubt.
    NotThere,
    /// Sent and not acknowledged.
    InDoubt,
}

/// Large statements from this number on, one after the other, until the server has gone or the round is
/// over.
async fn load(mut session: Session, first: usize, is_over: Arc<AtomicBool>) -> Vec<Load> {
    let mut loads = Vec::new();
    while !is_over.load(Ordering::Acquire) {
        let number = first + loads.len();
        let sql = format!(
            "INSERT INTO big SELECT {number}, g, repeat('x', 1000) FROM generate_series(1, {LOAD_ROW_COUNT}) AS g"
        );
        if session.execute(&sql).await.is_err() {
            loads.push(Load::InDoubt);
            break;
        }
        loads.push(Load::There);
    }
    loads
}

/// Checks that each load is there whole, or not at all.
async fn check_loads(session: &mut Session, loads: &mut [Load], name: &str) -> Result<(), Failure> {
    for (number, load) in loads.iter_mut().enumerate() {
        let query = format!("SELECT count(*), sum(length(body)) FROM big WHERE load = {number}");
        let answer = session.query(&query).await;
        let rows = answer.map_err(|failure| Failure::broken(format!("{name}: {failure}")))?.rows;
        let whole = [LOAD_ROW_COUNT, LOAD_ROW_COUNT * 1_000].map(|number| Some(number.to_string()));
        let shown = match rows.as_slice() {
            [row] if *row == whole => Some(Load::There),
            [row] if *row == [Some("0".to_owned()), None] => Some(Load::NotThere),
            _ => None,
        };
        match shown {
            Some(shown) if *load == shown || *load == Load::InDoubt => *load = shown,
            _ => {
                return Err(Failure::broken(format!(
                    "{name}: load {number}, {load:?}, shows {rows:?}"
                )));
            }
        }
    }
    Ok(())
}

async fn cut_power(instance: &Arc<Instance>, disk: &Disk, cut: Cut) -> Result<(), Failure> {
    let server = instance.take_server().await;
    let mut server = server.ok_or_else(|| Failure::broken("no server runs"))?;
    disk.freeze(cut)?;
    // It ends only after the thaw if it waits for the disk, but runs no instruction of ours any more.
    let killed = server.begin_kill();
    disk.copy_and_thaw(cut)?;
    killed?;
    server.kill().await?;
    disk.replace(cut)?;
    instance.restart(End::Crash).await
}
