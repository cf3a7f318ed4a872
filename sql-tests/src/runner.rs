//! One script, run once: its records, the disturbances of its mode, writers, and the oracle.
//!
//! The one idea: sqllogictest reads the file, keeps the connections and compares answers; what lies
//! between records is ours.

use crate::failure::Failure;
use crate::head::Head;
use crate::instance::{End, Instance};
use crate::mode::{Disturbance, Mode};
use crate::session::Session;
use crate::verb::Verb;
use crate::{oracle, split, writer};
use sqllogictest::{
    DefaultColumnType, ExpectedError, MakeConnection, QueryExpect, Record, RecordOutput, Runner,
    StatementExpect,
};
use std::sync::Arc;

/// A script, parsed.
#[derive(Debug)]
pub(crate) struct Script {
    /// Its first comment lines.
    pub(crate) head: Head,
    records: Vec<Record<DefaultColumnType>>,
}

impl Script {
    /// Parses a script; `name` is its path, for reports.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, String> {
        let head = Head::parse(text)?;
        let records =
            sqllogictest::parse_with_name(text, name).map_err(|error| error.to_string())?;
        for record in &records {
            refuse(record)?;
        }
        Ok(Self { head, records })
    }

    /// Runs the script and what follows it.
    pub(crate) async fn run(&self, mode: &Mode, instance: &Arc<Instance>) -> Result<(), String> {
        let mut runner = new_runner(instance);
        for record in &self.records {
            if matches!(record, Record::Halt { .. }) {
                break;
            }
            for record in expand(record, mode) {
                runner.run_async(record).await.map_err(|error| error.to_string())?;
            }
            if changes_something(record) && !instance.has_open_transaction() {
                let disturbed = disturb(mode.disturbance, instance).await;
                disturbed.map_err(|failure| format!("{}\nafter {}", failure, place(record)))?;
            }
        }
        runner.shutdown_async().await;
        drop(runner);
        self.check_at_end(mode, instance).await.map_err(|failure| failure.to_string())
    }

    /// Runs the script and gives its text with what was answered.
    pub(crate) async fn update(&self, instance: &Arc<Instance>) -> Result<String, String> {
        let mut runner = new_runner(instance);
        let mut text = String::new();
        for record in &self.records {
            let output = runner.apply_record(record.clone()).await;
            let updated = updated_error(record, &output).or_else(|| {
                sqllogictest::update_record_with_output(
                    record,
                    &output,
                    " ",
                    sqllogictest::default_validator,
                    normalize,
                    column_counts_match,
                )
            });
            text.push_str(&updated.as_ref().unwrap_or(record).to_string());
            text.push('\n');
        }
        runner.shutdown_async().await;
        Ok(format!("{}\n", text.trim_end_matches('\n')))
    }

    /// Writers, then the oracle, then a clean stop.
    async fn check_at_end(&self, mode: &Mode, instance: &Arc<Instance>) -> Result<(), Failure> {
        let is_undisturbed = mode.disturbance == Disturbance::None && !mode.splits_rows;
        if !instance.is_postgres() {
            if self.head.writer_count > 0 && is_undisturbed {
                writer::run(&self.head, instance).await?;
            }
            let mut session = Session::new(instance.clone());
            if self.head.has_oracle {
                oracle::check(&mut session).await?;
            }
            oracle::check_agreements(&mut session, &self.head.agreements).await?;
        }
        instance.finish().await
    }
}

type SessionRunner<M> = Runner<Session, M>;

fn new_runner(instance: &Arc<Instance>) -> SessionRunner<impl MakeConnection<Conn = Session>> {
    let instance = instance.clone();
    let mut runner = Runner::new(move || {
        let session = Session::new(instance.clone());
        async move { Ok(session) }
    });
    runner.with_normalizer(normalize);
    runner.with_column_validator(column_counts_match);
    runner
}

/// Values are compared as they are.
#[expect(clippy::ptr_arg, reason = "the type of the function is sqllogictest's")]
fn normalize(text: &String) -> String {
    text.clone()
}

/// A simple query does not tell types, so a script's type string is checked by its length.
#[expect(clippy::ptr_arg, reason = "the type of the function is sqllogictest's")]
fn column_counts_match(actual: &Vec<DefaultColumnType>, expected: &Vec<DefaultColumnType>) -> bool {
    actual.len() == expected.len()
}

/// No script waits, repeats, shells out or reads another.
fn refuse(record: &Record<DefaultColumnType>) -> Result<(), String> {
    let what = match record {
        Record::Sleep { .. } => "sleep",
        Record::System { .. } => "system",
        Record::Include { .. } => "include",
        Record::Statement { retry: Some(_), .. } | Record::Query { retry: Some(_), .. } => "retry",
        _ => return Ok(()),
    };
    Err(format!("a script may not \"{what}\""))
}

/// The record, or single-row INSERTs for it.
fn expand(record: &Record<DefaultColumnType>, mode: &Mode) -> Vec<Record<DefaultColumnType>> {
    if let Record::Statement { loc, conditions, connection, sql, expected, retry } = record
        && mode.splits_rows
        && !matches!(expected, StatementExpect::Error(_))
        && let Some(rows) = split::rows(sql)
    {
        let single = |sql| Record::Statement {
            loc: loc.clone(),
            conditions: conditions.clone(),
            connection: connection.clone(),
            sql,
            expected: StatementExpect::Ok,
            retry: retry.clone(),
        };
        return rows.into_iter().map(single).collect();
    }
    vec![record.clone()]
}

/// Whether a record is a statement, not a verb, that is meant to succeed.
fn changes_something(record: &Record<DefaultColumnType>) -> bool {
    matches!(record, Record::Statement { sql, expected, .. }
        if !sql.starts_with('.') && !matches!(expected, StatementExpect::Error(_)))
}

fn place(record: &Record<DefaultColumnType>) -> String {
    match record {
        Record::Statement { loc, sql, .. } => format!("{loc}\n[SQL] {sql}"),
        _ => String::new(),
    }
}

async fn disturb(disturbance: Disturbance, instance: &Arc<Instance>) -> Result<(), Failure> {
    match disturbance {
        Disturbance::None => Ok(()),
        Disturbance::Restart => instance.restart(End::Stop).await,
        Disturbance::Crash => instance.restart(End::Crash).await,
        Disturbance::Rebuild => {
            let mut session = Session::new(instance.clone());
            Verb::Rebuild(None).run(&mut session).await.map(drop)
        }
    }
}

/// A record that expects the error it met: by its SQLSTATE, or by code and message where it did so.
fn updated_error(
    record: &Record<DefaultColumnType>,
    output: &RecordOutput<DefaultColumnType>,
) -> Option<Record<DefaultColumnType>> {
    let (RecordOutput::Statement { error: Some(error), .. }
    | RecordOutput::Query { error: Some(error), .. }) = output
    else {
        return None;
    };
    let failure = error.downcast_ref::<Failure>()?;
    let wanted = match record {
        Record::Statement { expected: StatementExpect::Error(wanted), .. }
        | Record::Query { expected: QueryExpect::Error(wanted), .. } => Some(wanted),
        _ => None,
    };
    let is_met = |wanted: &ExpectedError| wanted.is_match(&failure.to_string(), failure.state());
    if wanted.is_some_and(|wanted| *wanted != ExpectedError::Empty && is_met(wanted)) {
        return Some(record.clone());
    }
    let met = match (wanted, failure.state()) {
        (None | Some(ExpectedError::SqlState(_) | ExpectedError::Empty), Some(state)) => {
            ExpectedError::SqlState(state.to_owned())
        }
        _ => ExpectedError::from_actual_error(None, &failure.headline()),
    };
    let mut record = record.clone();
    match &mut record {
        Record::Statement { expected, .. } => *expected = StatementExpect::Error(met),
        Record::Query { expected, .. } => *expected = QueryExpect::Error(met),
        _ => return None,
    }
    Some(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Script, String> {
        Script::parse("a.slt", &format!("# Claim.\n\n{text}"))
    }

    #[test]
    fn a_script_does_not_wait() {
        assert!(parse("statement ok\nSELECT 1\n").is_ok());
        for text in ["sleep 1s\n", "statement ok retry 2 backoff 1s\nSELECT 1\n", "system ok\nls\n"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_mode_rows_splits_inserts_that_succeed() {
        let script = parse("statement count 2\nINSERT INTO t VALUES (1), (2)\n\nstatement error\nINSERT INTO t VALUES (1), (2)\n").unwrap();
        let mode = Mode::parse("rows").unwrap();
        let counts: Vec<_> =
            script.records.iter().map(|record| expand(record, &mode).len()).collect();
        assert_eq!(counts.iter().filter(|count| **count == 2).count(), 1);
        let plain = Mode::parse("plain").unwrap();
        assert!(script.records.iter().all(|record| expand(record, &plain).len() == 1));
    }

    #[test]
    fn verbs_and_errors_are_not_disturbed() {
        let script = parse(
            "statement ok\n.restart\n\nstatement error\nSELECT x\n\nstatement ok\nSELECT 1\n",
        )
        .unwrap();
        assert_eq!(script.records.iter().filter(|record| changes_something(record)).count(), 1);
    }
}
