//! What a job runs: a script, a page, the matrix of types or a client program, told by its ending.

use crate::client;
use crate::instance::Instance;
use crate::kill;
use crate::lifecycle;
use crate::matrix;
use crate::mode::Mode;
use crate::page::Page;
use crate::runner::Script;
use std::path::Path;
use std::sync::Arc;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// `.slt`: records for sqllogictest.
    Script,
    /// `.md`: SQL and answers in fences.
    Page,
    /// `.txt`: the matrix of types.
    Matrix,
    /// `.py`: a program that uses a driver.
    Client,
    /// `kill/writers`: kills under writers.
    KillWriters,
    /// `kill/rebuild`: kills in every phase of a rebuild.
    KillRebuild,
    /// `power/cuts`: power cuts under writers.
    PowerCuts,
    /// `random/queries`: random queries and changes, by seed.
    RandomQueries,
    /// `server/lifecycle`: the process as its operator sees it.
    Lifecycle,
}

/// What is run only when its whole name is given, since it needs more than a user has.
pub(crate) const ON_DEMAND: &[&str] = &["power/cuts"];

/// What can be run and is no file.
pub(crate) const WITHOUT_FILE: &[&str] =
    &["kill/writers", "kill/rebuild", "random/queries", "server/lifecycle"];

impl Subject {
    /// What the file at a path is.
    pub(crate) fn of(path: &str) -> Self {
        match path {
            "kill/writers" => return Self::KillWriters,
            "kill/rebuild" => return Self::KillRebuild,
            "power/cuts" => return Self::PowerCuts,
            "random/queries" => return Self::RandomQueries,
            "server/lifecycle" => return Self::Lifecycle,
            _ => {}
        }
        match path.rsplit_once('.').map(|(_, ending)| ending) {
            Some("md") => Self::Page,
            Some("txt") => Self::Matrix,
            Some("py") => Self::Client,
            _ => Self::Script,
        }
    }

    /// Runs the file at a path, from the project's root.
    pub(crate) async fn run(
        self,
        root: &Path,
        path: &str,
        mode: &Mode,
        instance: &Arc<Instance>,
    ) -> Result<(), String> {
        match self {
            Self::Client => return client::run(root, path, instance).await,
            Self::KillWriters => return kill::run_writers(instance).await,
            Self::KillRebuild => return kill::run_rebuild(instance).await,
            Self::Lifecycle => return lifecycle::run(instance).await,
            // They have options of their own, and are started where these are known.
            Self::RandomQueries => return Err("random queries need a seed".to_owned()),
            Self::PowerCuts => return Err("power cuts need a disk".to_owned()),
            Self::Script | Self::Page | Self::Matrix => {}
        }
        let text = std::fs::read_to_string(root.join(path)).map_err(|error| error.to_string())?;
        match self {
            Self::Page => Page::parse(&text).run(path, instance).await,
            Self::Script => Script::parse(path, &text)?.run(mode, instance).await,
            _ => {
                let met = matrix::answer(&text, instance).await;
                matrix::compare(&text, &met.map_err(|failure| failure.to_string())?)?;
                instance.finish().await.map_err(|failure| failure.to_string())
            }
        }
    }

    /// Writes what the instance answers into the file at a path.
    pub(crate) async fn update(
        self,
        root: &Path,
        path: &str,
        instance: &Arc<Instance>,
    ) -> Result<(), String> {
        if !matches!(self, Self::Script | Self::Page | Self::Matrix) {
            return Ok(());
        }
        let text = std::fs::read_to_string(root.join(path)).map_err(|error| error.to_string())?;
        let updated = match self {
            Self::Page => Page::parse(&text).update(instance).await,
            Self::Script => Script::parse(path, &text)?.update(instance).await?,
            _ => matrix::answer(&text, instance).await.map_err(|failure| failure.to_string())?,
        };
        if updated != text {
            std::fs::write(root.join(path), updated).map_err(|error| error.to_string())?;
        }
        instance.finish().await.map_err(|failure| failure.to_string())
    }
}
