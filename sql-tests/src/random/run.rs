//! Rounds by seed until the time is over, and the report of the first that fails.

use super::reference::Reference;
use super::round::Round;
use super::shrink::shrink;
use super::step::Step;
use super::tally::Tally;
use crate::failure::Failure;
use crate::instance::Instance;
use crate::server::ServerOptions;
use fastrand::Rng;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Which rounds are drawn, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draw {
    /// The seed of the first round; the next has the next number.
    pub(crate) seed: u64,
    /// After this time no round begins, seconds.
    pub(crate) seconds: u64,
}

/// Servers on fresh directories, one at a time.
pub(super) struct Servers {
    options: ServerOptions,
    parent: PathBuf,
    count: usize,
    /// PostgreSQL, if it is installed.
    pub(super) reference: Option<Reference>,
}

impl Servers {
    /// A server on a fresh directory.
    pub(super) async fn start(&mut self) -> Result<Arc<Instance>, String> {
        self.count += 1;
        let directory = self.directory();
        std::fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
        let options = ServerOptions {
            data_directory: directory.join("data"),
            log_file: directory.join("server.log"),
            ..self.options.clone()
        };
        Instance::start(options).await.map_err(|failure| failure.to_string())
    }

    /// Removes the directory of the last server.
    pub(super) fn clear(&self) {
        // What is left lies in the job's directory, which is removed with it.
        drop(std::fs::remove_dir_all(self.directory()));
    }

    fn directory(&self) -> PathBuf {
        self.parent.join(format!("round-{}", self.count))
    }
}

/// Draws rounds; the note says how much was drawn.
pub(crate) async fn run(draw: Draw, instance: &Arc<Instance>) -> Result<String, String> {
    let (options, _) = instance.server().await.ok_or("no server runs")?;
    instance.finish().await.map_err(|failure| failure.to_string())?;
    let parent = options.data_directory.parent().ok_or("no directory")?.to_path_buf();
    let mut servers = Servers { options, parent, count: 0, reference: Reference::start().await? };
    let mut tally = Tally::default();
    let deadline = Instant::now() + Duration::from_secs(draw.seconds);
    let mut seed = draw.seed;
    while seed == draw.seed || Instant::now() < deadline {
        run_round(seed, &mut servers, &mut tally).await?;
        seed = seed.wrapping_add(1);
    }
    match tally.degenerate().as_slice() {
        [] => Ok(tally.to_string()),
        refused => Err(format!(
            "seeds from {}: fewer than half accepted: {}\n{tally}",
            draw.seed,
            refused.join(", ")
        )),
    }
}

async fn run_round(seed: u64, servers: &mut Servers, tally: &mut Tally) -> Result<(), String> {
    let instance = servers.start().await?;
    let mut round = Round::new(&instance);
    let mut random = Rng::with_seed(seed);
    let result = round.run(&mut random, tally, servers.reference.as_mut()).await;
    let steps = std::mem::take(&mut round.steps);
    drop(round);
    let log = instance.log();
    let end = instance.finish().await.map_err(|failure: Failure| failure.to_string());
    servers.clear();
    let Err(what) = result.and(end) else { return Ok(()) };
    let fewer = shrink(servers, &what, &steps).await;
    Err(format!(
        "--seed {seed}: {what}\nthe end of the round's log:\n{log}\n{} of {} steps that still fail:\n{}",
        fewer.len(),
        steps.len(),
        script(&fewer)
    ))
}

fn script(steps: &[Step]) -> String {
    steps.iter().map(|step| format!("{step}\n")).collect()
}
