//! [`FileOptions`]: the options of the connector `file`, read and checked.

use kappa_types::{SqlError, SqlState, SqlType};

use super::info::INFO;
use crate::ConnectorSpec;
use crate::option::Options;

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// At the end of what is there.
    Once,
    /// Never.
    Follow,
}

/// The options.
#[derive(Clone, Debug)]
pub(super) struct FileOptions {
    /// A path or a glob.
    pub(super) path: String,
    /// When to stop.
    pub(super) mode: Mode,
    /// Whether and how rows wait until they are due.
    pub(super) replay: Option<ReplayOptions>,
}

/// How rows are replayed.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReplayOptions {
    /// The index of the time column.
    pub(super) column: usize,
    /// How much faster than they happened; above 0.
    pub(super) speed: f64,
}

impl FileOptions {
    /// Reads the options of a spec.
    pub(super) fn new(spec: &ConnectorSpec) -> Result<Self, SqlError> {
        let options = Options::new(INFO.options, &spec.options);
        let modes = [("once", Mode::Once), ("follow", Mode::Follow)];
        let is_speed = |speed: &f64| speed.is_finite() && *speed > 0.0;
        let speed = options.number("replay.speed", is_speed, "a number above 0")?;
        let replay = match options.text("replay.time_column") {
            Some(name) => {
                let column = time_column(spec, name)?;
                Some(ReplayOptions { column, speed: speed.unwrap_or(1.0) })
            }
            None if spec.options.contains_key("replay.speed") => {
                let message = "option \"replay.speed\" needs \"replay.time_column\"";
                return Err(SqlError::new(SqlState::InvalidParameterValue, message));
            }
            None => None,
        };
        Ok(Self {
            path: options.required("path")?.to_owned(),
            mode: options.choice("mode", &modes)?.unwrap_or(Mode::Once),
            replay,
        })
    }
}

/// The index of the time column called `name`.
fn time_column(spec: &ConnectorSpec, name: &str) -> Result<usize, SqlError> {
    let index = spec.schema.index_of(name).ok_or_else(|| {
        let message = format!("column \"{name}\" of option \"replay.time_column\" does not exist");
        SqlError::new(SqlState::UndefinedColumn, message)
            .with_hint("It must be a column that is read, not a generated one.")
    })?;
    match &spec.schema.columns[index].sql_type {
        SqlType::Timestamp | SqlType::Timestamptz => Ok(index),
        other => {
            let message =
                format!("column \"{name}\" of option \"replay.time_column\" is of type {other}");
            Err(SqlError::new(SqlState::DatatypeMismatch, message)
                .with_hint("It must be timestamp or timestamptz."))
        }
    }
}
