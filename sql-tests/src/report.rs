//! What a whole run met: one entry per script and mode, printed with the failures last.

use std::fmt;
use std::time::Duration;

/// Scripts shown as the slowest.
const SLOWEST_COUNT: usize = 3;

/// One script, run once.
#[derive(Debug, Clone)]
pub struct Run {
    /// The path of the script or page.
    pub path: String,
    /// The mode, or `postgres`.
    pub mode: String,
    /// How long it took.
    pub duration: Duration,
    /// What is worth telling though nothing went wrong.
    pub note: Option<String>,
    /// What went wrong, if anything did.
    pub failure: Option<String>,
}

/// All runs.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The runs, in no order.
    pub runs: Vec<Run>,
    /// What could not be run, and why.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether everything passed, and something was run.
    pub fn is_success(&self) -> bool {
        !self.runs.is_empty() && self.runs.iter().all(|run| run.failure.is_none())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut failed: Vec<_> = self.runs.iter().filter(|run| run.failure.is_some()).collect();
        failed.sort_by(|a, b| (&a.path, &a.mode).cmp(&(&b.path, &b.mode)));
        for run in &failed {
            let what = run.failure.as_deref().unwrap_or_default();
            writeln!(formatter, "FAILED {} ({})\n{}\n", run.path, run.mode, what.trim_end())?;
        }
        let mut slowest: Vec<_> = self.runs.iter().collect();
        slowest.sort_by_key(|run| std::cmp::Reverse(run.duration));
        for run in slowest.iter().take(SLOWEST_COUNT) {
            writeln!(formatter, "slowest: {:.1?} {} ({})", run.duration, run.path, run.mode)?;
        }
        for run in &self.runs {
            if let Some(note) = &run.note {
                writeln!(formatter, "{}: {note}", run.path)?;
            }
        }
        for note in &self.notes {
            writeln!(formatter, "note: {note}")?;
        }
        let mut modes: Vec<_> = self.runs.iter().map(|run| run.mode.as_str()).collect();
        modes.sort_unstable();
        modes.dedup();
        for mode in modes {
            let of_mode = || self.runs.iter().filter(|run| run.mode == mode);
            let failed_count = of_mode().filter(|run| run.failure.is_some()).count();
            writeln!(formatter, "{mode}: {} run, {failed_count} failed", of_mode().count())?;
        }
        writeln!(formatter, "sql-tests: {} run, {} failed", self.runs.len(), failed.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_run_is_no_success() {
        assert!(!Report::default().is_success());
    }
}
