//! Functions that do something to the server: `SELECT kappa_settle()` and its like.
//!
//! * `kappa_settle()`: waits until every view is complete and holds everything committed so far, and
//!   until every rebuild that nobody holds has ended or waits for APPLY.
//! * `kappa_seal()`: writes everything into segments; for measurements and tests.
//! * `kappa_set_clock(timestamptz)`: only with `--clock manual`.
//! * `kappa_fault(point)`: the next hit of the point ends the process; not in a release build.
//! * `pg_sleep(seconds)`: waits, as PostgreSQL's does, and can be cancelled.
//!
//! The one idea: a statement that is nothing but such a call is recognised as a whole; the functions
//! exist nowhere else, so a query can never do one of these things by the way.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::StringViewArray;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::record_batch::RecordBatch;
use futures::StreamExt;
use kappa_catalog::{RebuildPhase, RelationKind};
use kappa_dataflow::Phase;
use kappa_types::text::{TextOptions, parse_value};
use kappa_types::{SqlError, SqlState, SqlType};
use kappa_wire::{ColumnDescription, Outcome};

use super::error::log_error;
use crate::engine::Engine;

/// Longest wait of `kappa_settle()`.
const SETTLE_WAIT: Duration = Duration::from_secs(300);

/// How often it looks.
const SETTLE_LOOK_INTERVAL: Duration = Duration::from_millis(2);

/// One such call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Control {
    Settle,
    Seal,
    SetClock(String),
    Sleep(Duration),
    Fault(String),
}

impl Control {
    /// The call that `text` is, if it is one.
    pub(super) fn recognize(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches(';').trim_end();
        let select = text.get(..6).filter(|word| word.eq_ignore_ascii_case("select"))?;
        let call = text[select.len()..].trim();
        let (name, rest) = call.split_once('(')?;
        let argument = rest.strip_suffix(')')?.trim();
        match (name.trim().to_ascii_lowercase().as_str(), argument) {
            ("kappa_settle", "") => Some(Self::Settle),
            ("kappa_seal", "") => Some(Self::Seal),
            ("kappa_set_clock", literal) => {
                let literal = literal.trim_start_matches("timestamptz").trim();
                let time = literal.strip_prefix('\'')?.strip_suffix('\'')?;
                (!time.contains('\'')).then(|| Self::SetClock(time.to_owned()))
            }
            ("kappa_fault", literal) => {
                let point = literal.strip_prefix('\'')?.strip_suffix('\'')?;
                Some(Self::Fault(point.to_owned()))
            }
            ("pg_sleep", literal) => {
                let seconds: f64 = literal.trim_matches('\'').trim().parse().ok()?;
                let length = Duration::try_from_secs_f64(seconds.max(0.0)).ok()?;
                Some(Self::Sleep(length))
            }
            _ => None,
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Settle => "kappa_settle",
            Self::Seal => "kappa_seal",
            Self::SetClock(_) => "kappa_set_clock",
            Self::Sleep(_) => "pg_sleep",
            Self::Fault(_) => "kappa_fault",
        }
    }

    /// Whether what was written before it in the same message is to be committed first.
    pub(super) const fn waits_for_commits(&self) -> bool {
        !matches!(self, Self::Sleep(_))
    }

    /// The one column of the answer.
    pub(super) fn columns(&self) -> Vec<ColumnDescription> {
        vec![ColumnDescription::new(self.name(), SqlType::Text)]
    }

    /// Does it; the answer is one empty text, as of a void function.
    pub(super) async fn run(
        &self,
        engine: &Arc<Engine>,
        text: &TextOptions,
    ) -> Result<Outcome, SqlError> {
        match self {
            Self::Settle => settle(engine).await?,
            Self::Seal => {
                engine.cut(engine.log.durable_time(), SETTLE_WAIT).await?;
                tokio::task::block_in_place(|| engine.log.seal()).map_err(log_error)?;
            }
            Self::SetClock(time) => set_clock(engine, time, text)?,
            Self::Sleep(length) => tokio::time::sleep(*length).await,
            Self::Fault(point) => arm(point)?,
        }
        let column = SqlType::Text.field(self.name(), true);
        let schema = Arc::new(arrow::datatypes::Schema::new(vec![column]));
        let batch = RecordBatch::try_new(schema, vec![Arc::new(StringViewArray::from(vec![""]))])
            .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))?;
        Ok(Outcome::Rows {
            columns: self.columns(),
            rows: futures::stream::iter([Ok(batch)]).boxed(),
            tag: "SELECT".to_owned(),
            row_count: None,
        })
    }
}

async fn settle(engine: &Arc<Engine>) -> Result<(), SqlError> {
    let settled = async {
        let mut looks = tokio::time::interval(SETTLE_LOOK_INTERVAL);
        while !is_settled(engine) {
            looks.tick().await;
        }
    };
    if tokio::time::timeout(SETTLE_WAIT, settled).await.is_err() {
        let what = "views or rebuilds are still not complete";
        return Err(SqlError::new(SqlState::ObjectNotInPrerequisiteState, what).with_hint(
            "SELECT * FROM kappa_views and SELECT * FROM kappa_rebuilds show the progress.",
        ));
    }
    engine.cut(engine.log.durable_time(), SETTLE_WAIT).await.map(drop)
}

/// Whether nothing that goes on by itself is still reading history.
fn is_settled(engine: &Engine) -> bool {
    let snapshot = engine.catalog.snapshot();
    let mut views = snapshot
        .relations()
        .filter(|relation| matches!(relation.kind, RelationKind::MaterializedView { .. }));
    let is_complete = |version| {
        engine.progress(version).is_none_or(|progress| {
            progress.live_from.is_some() || matches!(progress.phase, Phase::Failed(_))
        })
    };
    views.all(|view| is_complete(view.version))
        && snapshot.rebuilds_active().all(|rebuild| rebuild.phase != RebuildPhase::Running)
}

fn arm(point: &str) -> Result<(), SqlError> {
    if kappa_log::arm_fault(point) {
        return Ok(());
    }
    let points: Vec<_> = kappa_log::FAULT_POINTS.iter().map(|(name, _)| *name).collect();
    let message = format!("this build has no fault \"{point}\"");
    Err(SqlError::new(SqlState::InvalidParameterValue, message)
        .with_hint(format!("Builds for tests have: {}.", points.join(", "))))
}

fn set_clock(engine: &Engine, time: &str, text: &TextOptions) -> Result<(), SqlError> {
    let Some(clock) = &engine.manual_clock else {
        return Err(SqlError::new(
            SqlState::ObjectNotInPrerequisiteState,
            "the clock of this server cannot be set",
        )
        .with_hint("Only a server started with --clock manual has a clock that can be set."));
    };
    let value = parse_value(&SqlType::Timestamptz, time, text)?;
    let value = arrow::array::AsArray::as_primitive::<TimestampMicrosecondType>(&value);
    clock.set_micros(value.value(0));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_alone_is_recognised() {
        assert_eq!(Control::recognize("select KAPPA_SETTLE();"), Some(Control::Settle));
        let clock = Control::recognize("SELECT kappa_set_clock('2030-01-01')");
        assert_eq!(clock, Some(Control::SetClock("2030-01-01".to_owned())));
        assert_eq!(Control::recognize("SELECT kappa_settle() FROM t"), None);
        assert_eq!(Control::recognize("SELECT kappa_settle(), 1"), None);
    }
}
