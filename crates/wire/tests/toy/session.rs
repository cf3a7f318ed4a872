//! The toy's session.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array};
use arrow::compute::take;
use arrow::datatypes::Schema;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use kappa_types::text::{TextOptions, named_zone, parse_value};
use kappa_types::{SqlError, SqlState, SqlType};
use kappa_wire::{
    ColumnDescription, CopySink, CopyTarget, Description, ExecuteContext, Notice, Outcome, Release,
    Session, Startup, StatementText, TransactionStatus,
};

use super::sql::{self, Item, Statement};
use super::{Alive, Toy, columns};

/// Rows of a batch of a series.
const SERIES_BATCH: i64 = 1000;

pub(crate) struct ToySession {
    toy: Arc<Toy>,
    status: TransactionStatus,
    commit_fails: bool,
    options: TextOptions,
    statement_timeout: Option<Duration>,
    idle_in_transaction_timeout: Option<Duration>,
    idle_session_timeout: Option<Duration>,
    changes: Vec<(String, String)>,
    startup: Startup,
}

/// A statement and the parameter types that the client declared.
pub(crate) struct Prepared {
    statement: Statement,
    parameter_oids: Vec<u32>,
}

impl ToySession {
    pub(crate) fn new(toy: Arc<Toy>, startup: &Startup) -> Self {
        Self {
            toy,
            status: TransactionStatus::Idle,
            commit_fails: false,
            options: TextOptions::default(),
            statement_timeout: None,
            idle_in_transaction_timeout: None,
            idle_session_timeout: None,
            changes: Vec::new(),
            startup: startup.clone(),
        }
    }

    fn check_transaction(&self, statement: &Statement) -> Result<(), SqlError> {
        let ends = matches!(statement, Statement::Commit | Statement::Rollback);
        if self.status == TransactionStatus::Failed && !ends {
            return Err(SqlError::new(
                SqlState::InFailedSqlTransaction,
                "current transaction is aborted, commands ignored until end of transaction block",
            ));
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), SqlError> {
        let millis = || value.parse().ok().filter(|millis| *millis > 0).map(Duration::from_millis);
        match name.to_ascii_lowercase().as_str() {
            "timezone" => {
                self.options.time_zone = named_zone(value).ok_or_else(|| {
                    SqlError::new(
                        SqlState::InvalidParameterValue,
                        format!("invalid value for parameter \"TimeZone\": \"{value}\""),
                    )
                })?;
                self.changes.push(("TimeZone".into(), self.options.time_zone.name().into()));
            }
            "statement_timeout" => self.statement_timeout = millis(),
            "idle_in_transaction_session_timeout" => self.idle_in_transaction_timeout = millis(),
            "idle_session_timeout" => self.idle_session_timeout = millis(),
            "extra_float_digits" => self.options.extra_float_digits = value.parse().unwrap(),
            name => {
                return Err(SqlError::new(
                    SqlState::UndefinedObject,
                    format!("unrecognized configuration parameter \"{name}\""),
                ));
            }
        }
        Ok(())
    }

    fn select(
        &self,
        items: &[(String, Item)],
        series: Option<i64>,
        parameters: &[ArrayRef],
    ) -> Result<Outcome, SqlError> {
        let columns: Vec<ColumnDescription> = describe_items(items);
        let mut values = Vec::new();
        for (_, item) in items {
            values.push(match item {
                Item::Parameter(index, sql_type) => {
                    Some(arrow::compute::cast(&parameters[*index], &sql_type.arrow()).unwrap())
                }
                Item::Literal(Some(text), sql_type) => {
                    Some(parse_value(sql_type, text, &self.options)?)
                }
                Item::Literal(None, sql_type) => {
                    Some(arrow::array::new_null_array(&sql_type.arrow(), 1))
                }
                Item::Counter => None,
                Item::DivisionByZero => {
                    return Err(SqlError::new(SqlState::DivisionByZero, "division by zero"));
                }
            });
        }
        let alive = Alive::new(&self.toy.alive);
        let count = series.unwrap_or(1);
        let fields: Vec<_> =
            columns.iter().map(|column| column.sql_type.field(&column.name, true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let starts = (0..count).step_by(SERIES_BATCH as usize);
        let batches = starts.map(move |start| {
            let _alive = &alive;
            let length = SERIES_BATCH.min(count - start);
            let zeros = Int64Array::from(vec![0; length as usize]);
            let arrays = values.iter().map(|value| match value {
                Some(value) => take(value, &zeros, None).unwrap(),
                None => {
                    Arc::new(Int64Array::from_iter_values(start + 1..=start + length)) as ArrayRef
                }
            });
            let options = RecordBatchOptions::new().with_row_count(Some(length as usize));
            Ok(RecordBatch::try_new_with_options(Arc::clone(&schema), arrays.collect(), &options)
                .unwrap())
        });
        Ok(Outcome::Rows {
            columns,
            rows: stream::iter(batches).boxed(),
            tag: "SELECT".into(),
            row_count: None,
        })
    }
}

fn describe_items(items: &[(String, Item)]) -> Vec<ColumnDescription> {
    items
        .iter()
        .map(|(name, item)| {
            let sql_type = match item {
                Item::Parameter(_, sql_type) | Item::Literal(_, sql_type) => sql_type.clone(),
                Item::Counter => SqlType::BigInt,
                Item::DivisionByZero => SqlType::Integer,
            };
            ColumnDescription::new(name, sql_type)
        })
        .collect()
}

fn table_columns() -> Vec<ColumnDescription> {
    columns().into_iter().map(|(name, sql_type)| ColumnDescription::new(name, sql_type)).collect()
}

fn counter() -> Vec<ColumnDescription> {
    vec![ColumnDescription::new("n", SqlType::BigInt)]
}

pub(crate) fn counter_batch(values: Vec<i64>) -> RecordBatch {
    let schema = Arc::new(Schema::new(vec![SqlType::BigInt.field("n", true)]));
    RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(values))]).unwrap()
}

impl Session for ToySession {
    type Prepared = Prepared;

    fn split(&mut self, text: &str) -> Result<Vec<StatementText>, SqlError> {
        let statements = sql::split(text);
        for statement in &statements {
            sql::parse(&statement.text).map_err(|mut error| {
                error.position = error.position.map(|position| position + statement.offset_chars);
                error
            })?;
        }
        Ok(statements)
    }

    async fn prepare(
        &mut self,
        statement: &StatementText,
        parameter_oids: &[u32],
    ) -> Result<Arc<Prepared>, SqlError> {
        let statement = sql::parse(&statement.text)?;
        self.check_transaction(&statement)?;
        Ok(Arc::new(Prepared { statement, parameter_oids: parameter_oids.to_vec() }))
    }

    fn describe(&self, prepared: &Prepared) -> Description {
        let columns = match &prepared.statement {
            Statement::Select { items, .. } => Some(describe_items(items)),
            Statement::Table => Some(table_columns()),
            Statement::Tail | Statement::Flood | Statement::PanicStream => Some(counter()),
            _ => None,
        };
        let mut parameters = Vec::new();
        if let Statement::Select { items, .. } = &prepared.statement {
            for (_, item) in items {
                if let Item::Parameter(index, sql_type) = item {
                    parameters.resize(parameters.len().max(index + 1), SqlType::Text);
                    // The client's own type comes first; the value is cast.
                    let declared = prepared.parameter_oids.get(*index).copied().unwrap_or(0);
                    parameters[*index] =
                        SqlType::from_oid(declared).unwrap_or_else(|| sql_type.clone());
                }
            }
        }
        Description { parameters, columns }
    }

    #[expect(clippy::too_many_lines, reason = "one arm per statement of the toy")]
    async fn execute(
        &mut self,
        prepared: &Arc<Prepared>,
        parameters: Vec<ArrayRef>,
        context: ExecuteContext,
    ) -> Result<Outcome, SqlError> {
        self.check_transaction(&prepared.statement)?;
        let complete = |tag: &str| Ok(Outcome::Complete { tag: tag.into() });
        let rows = |columns, rows| {
            Ok(Outcome::Rows { columns, rows, tag: "SELECT".into(), row_count: None })
        };
        match &prepared.statement {
            Statement::Select { items, series } => self.select(items, *series, &parameters),
            Statement::Table => {
                let batches = self.toy.rows.lock().unwrap().clone();
                rows(table_columns(), stream::iter(batches.into_iter().map(Ok)).boxed())
            }
            Statement::Begin => {
                self.status = TransactionStatus::InTransaction;
                complete("BEGIN")
            }
            Statement::Commit => {
                let failed = self.status == TransactionStatus::Failed;
                self.status = TransactionStatus::Idle;
                complete(if failed { "ROLLBACK" } else { "COMMIT" })
            }
            Statement::Rollback => {
                self.status = TransactionStatus::Idle;
                complete("ROLLBACK")
            }
            Statement::Set(name, value) => {
                self.set(name, value)?;
                complete("SET")
            }
            Statement::Deallocate(None) => {
                Ok(Outcome::Release { what: Release::AllStatements, tag: "DEALLOCATE ALL".into() })
            }
            Statement::Deallocate(Some(name)) => Ok(Outcome::Release {
                what: Release::Statement(name.clone()),
                tag: "DEALLOCATE".into(),
            }),
            Statement::CopyIn(format) => Ok(Outcome::CopyIn {
                target: CopyTarget { relation: "t".into(), columns: columns() },
                format: format.clone(),
                sink: Box::new(Sink { toy: Arc::clone(&self.toy), rows: Vec::new() }),
            }),
            Statement::CopyOut(format) => {
                let batches = self.toy.rows.lock().unwrap().clone();
                Ok(Outcome::CopyOut {
                    format: format.clone(),
                    columns: table_columns(),
                    rows: stream::iter(batches.into_iter().map(Ok)).boxed(),
                })
            }
            Statement::Tail => {
                let alive = Alive::new(&self.toy.alive);
                let receiver = self.toy.tail.lock().unwrap().take().expect("a test gave a tail");
                let batches = stream::unfold(receiver, |mut receiver| async {
                    receiver.recv().await.map(|batch| (Ok(batch), receiver))
                });
                rows(
                    counter(),
                    batches
                        .map(move |batch| {
                            let _alive = &alive;
                            batch
                        })
                        .boxed(),
                )
            }
            Statement::Flood => {
                let alive = Alive::new(&self.toy.alive);
                let count = Arc::clone(&self.toy.flood_count);
                let batches = stream::repeat_with(move || {
                    let _alive = &alive;
                    count.fetch_add(1, Ordering::SeqCst);
                    Ok(counter_batch((0..1000).collect()))
                });
                rows(counter(), batches.boxed())
            }
            Statement::Wait => {
                let _alive = Alive::new(&self.toy.alive);
                std::future::pending().await
            }
            Statement::Panic => panic!("the toy was told to panic"),
            Statement::PanicStream => {
                let batches = stream::iter(0..2).map(|index| {
                    assert!(index == 0, "the toy was told to panic");
                    Ok(counter_batch(vec![1]))
                });
                rows(counter(), batches.boxed())
            }
            Statement::Notice(text) => {
                context.notices.send(Notice::new(text.as_str()));
                context
                    .notices
                    .send(Notice::warning(SqlState::NoActiveSqlTransaction, "and a warning"));
                complete("NOTICE")
            }
            Statement::CommitFail => {
                self.commit_fails = true;
                complete("COMMITFAIL")
            }
        }
    }

    async fn finish(&mut self, success: bool) -> Result<(), SqlError> {
        if !success && self.status == TransactionStatus::InTransaction {
            self.status = TransactionStatus::Failed;
        }
        let fails = std::mem::take(&mut self.commit_fails);
        if success && fails {
            return Err(SqlError::new(SqlState::SerializationFailure, "could not commit"));
        }
        Ok(())
    }

    fn transaction_status(&self) -> TransactionStatus {
        self.status
    }

    fn reported_parameters(&self) -> Vec<(String, String)> {
        let mut parameters: Vec<(String, String)> = [
            ("server_version", "15.18"),
            ("server_encoding", "UTF8"),
            ("client_encoding", "UTF8"),
            ("standard_conforming_strings", "on"),
            ("integer_datetimes", "on"),
            ("DateStyle", "ISO, MDY"),
            ("TimeZone", "UTC"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        for (name, value) in &self.startup.parameters {
            if name == "application_name" || name == "search_path" {
                parameters.push((name.clone(), value.clone()));
            }
        }
        parameters
    }

    fn take_parameter_changes(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.changes)
    }

    fn text_options(&self) -> TextOptions {
        self.options
    }

    fn statement_timeout(&self) -> Option<Duration> {
        self.statement_timeout
    }

    fn idle_in_transaction_timeout(&self) -> Option<Duration> {
        self.idle_in_transaction_timeout
    }

    fn idle_session_timeout(&self) -> Option<Duration> {
        self.idle_session_timeout
    }

    async fn close(self) {}
}

struct Sink {
    toy: Arc<Toy>,
    rows: Vec<RecordBatch>,
}

#[async_trait]
impl CopySink for Sink {
    async fn append(&mut self, rows: RecordBatch) -> Result<(), SqlError> {
        self.rows.push(rows);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<String, SqlError> {
        let count: usize = self.rows.iter().map(RecordBatch::num_rows).sum();
        self.toy.rows.lock().unwrap().extend(self.rows);
        Ok(format!("COPY {count}"))
    }

    async fn abort(self: Box<Self>, reason: String) {
        self.toy.aborted.lock().unwrap().push(reason);
    }
}
