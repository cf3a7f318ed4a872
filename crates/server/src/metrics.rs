//! What is measured: one list that feeds `/metrics`.
//!
//! The one idea: a figure is one row of `METRICS` with its name, kind and meaning; who counts adds
//! to an atomic, who knows a level is asked when somebody scrapes. System tables show the figures of
//! single relations; they read the same sources (log statistics, contents counters).

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::Engine;

/// Whether a figure only rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises while the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// One figure of the process.
struct Metric {
    name: &'static str,
    kind: Kind,
    doc: &'static str,
    value: fn(&Engine) -> u64,
}

/// What sessions count as they work.
#[derive(Debug, Default)]
pub struct Counters {
    /// Statements that ended well.
    pub statement_count: AtomicU64,
    /// Statements that ended in an error.
    pub statement_error_count: AtomicU64,
    /// Sessions that are connected.
    pub session_count: AtomicU64,
    /// Rows acknowledged to writers: INSERT, UPDATE, DELETE, COPY.
    pub row_written_count: AtomicU64,
}

impl Counters {
    /// Adds `amount` to a counter.
    pub fn add(counter: &AtomicU64, amount: u64) {
        counter.fetch_add(amount, Ordering::Relaxed);
    }

    fn read(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

static METRICS: &[Metric] = &[
    Metric {
        name: "kappadb_statements_total",
        kind: Kind::Counter,
        doc: "Statements that ended well.",
        value: |engine| Counters::read(&engine.counters.statement_count),
    },
    Metric {
        name: "kappadb_statement_errors_total",
        kind: Kind::Counter,
        doc: "Statements that ended in an error.",
        value: |engine| Counters::read(&engine.counters.statement_error_count),
    },
    Metric {
        name: "kappadb_sessions",
        kind: Kind::Gauge,
        doc: "Connected sessions.",
        value: |engine| Counters::read(&engine.counters.session_count),
    },
    Metric {
        name: "kappadb_rows_written_total",
        kind: Kind::Counter,
        doc: "Rows acknowledged to writers.",
        value: |engine| Counters::read(&engine.counters.row_written_count),
    },
    Metric {
        name: "kappadb_durable_time_micros",
        kind: Kind::Gauge,
        doc: "Newest durable time of the log, microseconds since 1970.",
        value: |engine| engine.log.durable_time().0,
    },
    Metric {
        name: "kappadb_boundary_micros",
        kind: Kind::Gauge,
        doc: "Newest readable boundary, microseconds since 1970.",
        value: |engine| engine.store.boundary().0,
    },
    Metric {
        name: "kappadb_relations",
        kind: Kind::Gauge,
        doc: "Sources, tables, views and materialized views.",
        value: |engine| engine.catalog.snapshot().relations().count() as u64,
    },
];

/// All figures in the text format of Prometheus, version 0.0.4.
#[must_use]
pub fn render(engine: &Engine) -> String {
    let mut text = String::new();
    for metric in METRICS {
        let Metric { name, kind, doc, value } = metric;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {doc}\n# TYPE {name} {}", kind.name());
        let _ = writeln!(text, "{name} {}", value(engine));
    }
    text
}
